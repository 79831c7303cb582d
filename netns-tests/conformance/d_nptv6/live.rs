//! C-42 with a kernel that hears what it is told. Must never know: how addresses are computed.

use crate::lab::{attempt, lab, run, start};
use flowpin::lab::{Npt, Options};

/// Shows RFC 6296 §3.7.
#[test]
fn c_42_the_host_whose_identifier_has_no_other_side_learns_it_from_ping() {
    let lab = lab(Options { npt: [Npt::Rfc6296; 2], ..Options::default() });
    let hosts =
        [("fd00:bad:b01:5::", "Parameter problem"), ("fd00:bad:b01:5:ffff:ffff:ffff:ffff", "Address unreachable")];
    let router = start(&lab);
    for (host, told) in hosts {
        run(&lab.fw, "ip", &["address", "add", &format!("{host}/128"), "dev", "lan0", "nodad"]);
        let (heard, text) = attempt(&lab.fw, "ping", &["-n", "-c", "1", "-W", "5", "-I", host, "2001:db8:ffff::10"]);
        assert!(!heard && text.contains(told), "{host}: {text}");
    }
    router.end(&[("outbound", "unmappable", 1), ("outbound", "unmappable-identifier", 1)]);
}
