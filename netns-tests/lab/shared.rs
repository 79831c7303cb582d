//! The fiber alone, as a line with one address, which inside hosts share with the router. Must never know: any single claim.

use super::{Router, does, lab, start_with, wait_until};
use flowpin::lab::{Lab, Options};
use std::net::Ipv4Addr;

/// The address, one of the ISP's block.
pub const SHARED: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 193);

/// A lab whose router has the address and a route of its own.
pub fn shared_line() -> Lab {
    let lab = lab(Options::default());
    does(&lab.rt, &format!("ip address add {SHARED}/29 dev wan0"));
    does(&lab.rt, "ip route replace default via 192.0.2.198 dev wan0");
    lab
}

/// The configuration, with these lines of `[wan.masquerade]`.
pub fn sharing(lab: &Lab, masquerade: &str) -> String {
    let text = lab.config();
    let (head, _) = text.split_once("\n[[wan]]").expect("WANs");
    let (_, tail) = text.split_once("\n[workers]").expect("workers");
    let wan = format!("\n[[wan]]\nname = \"fiber\"\ninterface = \"wan0\"\n[wan.masquerade]\n{masquerade}\n");
    [head, &wan, "\n[workers]", tail].concat()
}

/// flowpin on that line, when it is up.
pub fn start_sharing<'a>(lab: &'a Lab, masquerade: &str) -> Router<'a> {
    let router = start_with(lab, &sharing(lab, masquerade));
    wait_until("the line is up", || router.status().wans[0].health[0].state == "up");
    router
}
