//! A line whose addresses come by DHCP, with real servers and a real client: flowpin waits for the lease, follows it, and
//! renumbers with it while flows go on.

use crate::lab::{Offer, Provider, Router, ask, dhcpcd, flowpin, lab, mirror, start_with, wait_until};
use flowpin::api::Wan;
use flowpin::lab::topology::{INSIDE4, INSIDE6, SERVER4, SERVER6};
use flowpin::lab::{Lab, Options};
use ipnet::Ipv6Net;
use std::net::{IpAddr, SocketAddr};

const FIRST: Offer = Offer { address: "192.0.2.193", prefix: "2001:db8:a:1000::" };
const SECOND: Offer = Offer { address: "192.0.2.194", prefix: "2001:db8:a:2000::" };

/// The fiber has nothing of its own: address, prefix and gateways are what its link has.
fn dynamic(lab: &Lab) -> String {
    let config = lab.config();
    let mut parts = config.split("[[wan]]");
    let (before, _fiber, dsl) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    let fiber = "
name = \"fiber\"
interface = \"wan0\"
weight = 1
[wan.health]
hold = \"0s\"
[wan.nat44]
\"10.250.250.2\" = \"interface\"
[wan.nptv6]
inside = \"fd00:bad:b01::/60\"
outside = \"auto\"
mode = \"prefix\"

";
    [before, fiber, dsl].join("[[wan]]")
}

fn wan(router: &Router<'_>, name: &str) -> Wan {
    router.status().wans.into_iter().find(|it| it.name == name).expect("the WAN")
}

/// The public address that the server sees of this inside socket.
fn seen(lab: &Lab, from: SocketAddr, server: SocketAddr) -> IpAddr {
    let asked = lab.fw.run(|| ask(from, server)).expect("the namespace can be entered");
    asked.unwrap_or_else(|| panic!("{from} gets no answer")).ip()
}

fn is_of(offer: Offer, address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => address == offer.address.parse::<IpAddr>().unwrap(),
        IpAddr::V6(v6) => format!("{}/60", offer.prefix).parse::<Ipv6Net>().unwrap().contains(&v6),
    }
}

/// An inside port whose flow the fiber carries under this offer.
fn by_fiber(lab: &Lab, offer: Offer, inside: IpAddr, server: SocketAddr, ports: std::ops::Range<u16>) -> SocketAddr {
    let found = ports.map(|port| SocketAddr::new(inside, port)).find(|from| is_of(offer, seen(lab, *from, server)));
    found.unwrap_or_else(|| panic!("no port of {inside} goes by {} or {}", offer.address, offer.prefix))
}

fn wait_for(router: &Router<'_>, offer: Offer) {
    wait_until(&format!("the fiber holds {} and {}", offer.address, offer.prefix), || {
        let wan = wan(router, "fiber");
        let holds = |text: &str| wan.leases.iter().any(|it| it.current && it.address.starts_with(text));
        wan.state == "up" && holds(offer.address) && holds(offer.prefix)
    });
}

/// A line renumbers. What became of the flows that were there: the addresses they have then, IPv4 and IPv6.
fn renumber(hook: bool) -> [IpAddr; 2] {
    let lab = lab(Options::default());
    let router = start_with(&lab, &dynamic(&lab));
    let servers = [mirror(&lab.inet, SERVER4), mirror(&lab.inet, SERVER6)];
    let inside = [IpAddr::from(INSIDE4[0]), INSIDE6.into()];
    assert_ne!(wan(&router, "fiber").state, "up");
    let mut provider = Provider::start(&lab, FIRST);
    let client = dhcpcd(&lab, flowpin(), hook);
    wait_for(&router, FIRST);
    let flows = [0, 1].map(|at| by_fiber(&lab, FIRST, inside[at], servers[at], 20_000..20_064));
    // The answer to the router's own client is for the kernel, though the address is flowpin's.
    wait_until("the lease is renewed", || client.log().matches("leased 192.0.2.193").count() > 1);
    provider.renumber(&lab, SECOND);
    wait_for(&router, SECOND);
    // New flows at once.
    for at in [0, 1] {
        by_fiber(&lab, SECOND, inside[at], servers[at], 21_000..21_064);
    }
    let now = [0, 1].map(|at| seen(&lab, flows[at], servers[at]));
    router.end_with_losses();
    now
}

#[test]
fn a_line_without_a_lease_waits_for_it_and_renumbers_with_its_provider() {
    renumber(false);
}

#[test]
fn with_the_hook_a_flow_keeps_its_old_prefix_while_that_is_valid() {
    let [_, v6] = renumber(true);
    assert!(is_of(FIRST, v6), "{v6}");
}
