//! Whatever becomes of a link while flowpin runs, its WAN goes by what the link is now, and flows of the other WAN notice
//! nothing: another index and MAC, another MTU, address, gateway or name, routes in every form that the kernel has.

use crate::lab::{
    AtEnd, Frame, Router, Sniffer, attempt, connected, flow, judged, lab, run, seen, settle, start_with, wait_until,
};
use flowpin::api::Wan;
use flowpin::lab::topology::{DSL4, FIBER4};
use flowpin::lab::traffic::Traffic;
use flowpin::lab::{Lab, Namespace, Options};
use std::io::{Read, Write};
use std::net::{IpAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};

const ECHO: u16 = 7;

fn ip(namespace: &Namespace, line: &str) {
    run(namespace, "ip", &line.split_whitespace().collect::<Vec<_>>());
}

/// A line is used again soon after its link is back; gateways are those of the kernel's routes.
fn following(lab: &Lab) -> String {
    let config = judged(lab, "hold = \"0s\"");
    config.lines().filter(|line| !line.starts_with("gateway")).collect::<Vec<_>>().join("\n")
}

fn wan(router: &Router<'_>, name: &str) -> Wan {
    router.status().wans.into_iter().find(|it| it.name == name).expect("the WAN")
}

/// The gateways that it uses, if all their MACs are known.
fn gateways(router: &Router<'_>, name: &str) -> Vec<String> {
    let gateways: Vec<_> = wan(router, name).gateways.into_iter().filter(|it| it.used).collect();
    let resolved = gateways.iter().all(|it| it.mac.is_some());
    gateways.iter().filter(|_| resolved).map(|it| it.address.to_string()).collect()
}

fn wait_for(router: &Router<'_>, name: &str, due: &[&str]) {
    wait_until(&format!("the gateways of {name} are {due:?}"), || gateways(router, name) == due);
}

fn fiber_routes(lab: &Lab) {
    ip(&lab.rt, "route replace default via 192.0.2.198 dev wan0 onlink metric 10");
    ip(&lab.rt, "route replace default via 198.18.2.1 dev wan1 metric 20");
    ip(&lab.rt, "-6 route replace default via fe80::a1 dev wan0 metric 10");
}

/// Both WANs carry new flows from inside.
#[track_caller]
fn both_are_used(lab: &Lab) {
    for public in [FIBER4[0], DSL4[0]] {
        assert!((0..64).any(|_| seen(lab) == IpAddr::from(public)), "no flow of 64 goes by {public}");
    }
}

/// Talks over a connection while `work` is done: no byte of it is lost.
fn unnoticed(mut session: TcpStream, work: impl FnOnce()) {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let talk = scope.spawn(|| {
            let mut rounds = 0;
            while rounds <= 10 || !over.load(Ordering::Relaxed) {
                session.write_all(&[b'.'; 300]).expect("it leaves");
                session.read_exact(&mut [0; 300]).expect("it comes back");
                rounds += 1;
            }
        });
        let end = AtEnd(&over);
        work();
        drop(end);
        talk.join().unwrap();
    });
}

#[test]
fn a_stick_that_comes_back_with_another_index_and_mac_is_used_under_them() {
    let lab = lab(Options::default());
    let router = start_with(&lab, &judged(&lab, "hold = \"0s\""));
    let _servers = Traffic::servers(&lab).expect("servers");
    let session = connected(&lab, &router, ECHO, "dsl");
    let mac = [0x00, 0x00, 0x5e, 0x00, 0x53, 0xa7];
    let sniffer = Sniffer::start(&lab.ispa, move |frame| frame.0.get(6..12) == Some(&mac[..]));
    unnoticed(session, || {
        ip(&lab.rt, "link del wan0");
        wait_until("it is told", || wan(&router, "fiber").state == "absent");
        // Another takes its index.
        ip(&lab.rt, "link add other0 type veth peer name other1");
        let make = "link add wan0 address 00:00:5e:00:53:a7 type veth peer name customer address 00:00:5e:00:53:a1";
        ip(&lab.rt, &format!("{make} netns {}", lab.ispa.name()));
        ip(&lab.ispa, "address add 192.0.2.198/29 dev customer");
        ip(&lab.ispa, "address add fe80::a1/64 dev customer nodad");
        ip(&lab.ispa, "link set customer up");
        ip(&lab.rt, "link set wan0 up");
        wait_for(&router, "fiber", &["192.0.2.198", "fe80::a1"]);
        wait_until("it is up", || wan(&router, "fiber").state == "up");
        both_are_used(&lab);
    });
    assert_eq!(wan(&router, "fiber").mac, "00:00:5e:00:53:a7");
    settle();
    let from = |frame: &Frame| frame.addresses().map(|(from, _)| from);
    assert!(sniffer.stop().iter().filter_map(from).any(|from| from == IpAddr::from(FIBER4[0])));
    router.end_with_losses();
}

#[test]
fn an_mtu_that_changes_is_what_hosts_are_told_from_then_on() {
    let lab = lab(Options::default());
    let router = start_with(&lab, &judged(&lab, "hold = \"0s\""));
    let _servers = Traffic::servers(&lab).expect("servers");
    let session = connected(&lab, &router, ECHO, "dsl");
    ip(&lab.rt, "link set wan1 mtu 1500");
    let ask = |size: &str| {
        let pings = (2..=6).map(|it| {
            let own = format!("10.250.250.{it}");
            let line = ["-n", "-c", "1", "-W", "3", "-M", "do", "-s", size, "-I", &own, "203.0.113.10"];
            attempt(&lab.fw, "ping", &line).1
        });
        pings.collect::<String>()
    };
    unnoticed(session, || {
        assert!(!ask("1472").contains("mtu"), "1500 bytes pass on both");
        ip(&lab.rt, "link set wan0 mtu 1400");
        wait_until("it is told", || wan(&router, "fiber").mtu == 1400);
        let said = ask("1472");
        assert!(said.contains("mtu=1400") || said.contains("mtu = 1400"), "{said}");
        ip(&lab.rt, "link set wan0 mtu 1500");
        wait_until("it is told", || wan(&router, "fiber").mtu == 1500);
    });
    assert_eq!([wan(&router, "fiber").state, wan(&router, "dsl").state], ["up", "up"]);
    router.end_with_losses();
}

#[test]
fn an_address_and_a_gateway_that_change_cost_no_connection() {
    let lab = lab(Options::default());
    let router = start_with(&lab, &judged(&lab, "hold = \"0s\""));
    let _servers = Traffic::servers(&lab).expect("servers");
    wait_for(&router, "dsl", &["198.18.2.1", "fe80::b1"]);
    let session = connected(&lab, &router, ECHO, "dsl");
    // The provider's side first, as in a renewal of a lease.
    ip(&lab.ispb, "address add 198.18.2.9/28 dev customer");
    ip(&lab.ispb, "address add fe80::b9/64 dev customer nodad");
    unnoticed(session, || {
        ip(&lab.rt, "address add 198.18.2.10/28 dev wan1");
        ip(&lab.ispb, "route replace 198.51.100.240/29 via 198.18.2.10");
        ip(&lab.rt, "route replace default via 198.18.2.9 dev wan1");
        ip(&lab.rt, "-6 route replace default via fe80::b9 dev wan1");
        wait_for(&router, "dsl", &["198.18.2.9", "fe80::b9"]);
        ip(&lab.rt, "address del 198.18.2.2/30 dev wan1");
        ip(&lab.ispb, "address del 198.18.2.1/30 dev customer");
        ip(&lab.ispb, "address del fe80::b1/64 dev customer");
        settle();
        both_are_used(&lab);
    });
    assert_eq!(wan(&router, "dsl").state, "up");
    router.end_with_losses();
}

#[test]
fn gateways_are_found_in_single_and_multipath_routes_and_in_next_hop_objects() {
    let lab = lab(Options::default());
    let router = start_with(&lab, &following(&lab));
    let _servers = Traffic::servers(&lab).expect("servers");
    wait_for(&router, "dsl", &["198.18.2.1", "fe80::b1"]);
    assert_eq!(wan(&router, "fiber").state, "no-gateway");
    let session = connected(&lab, &router, ECHO, "dsl");
    unnoticed(session, || {
        ip(&lab.rt, "route replace default nexthop via 192.0.2.198 dev wan0 onlink nexthop via 198.18.2.1 dev wan1");
        ip(&lab.rt, "-6 route replace default nexthop via fe80::a1 dev wan0 nexthop via fe80::b1 dev wan1");
        wait_for(&router, "fiber", &["192.0.2.198", "fe80::a1"]);
        both_are_used(&lab);
        for line in ["id 1 via 192.0.2.198 dev wan0 onlink", "id 2 via 198.18.2.1 dev wan1", "id 3 group 1/2"] {
            ip(&lab.rt, &format!("nexthop add {line}"));
        }
        ip(&lab.rt, "route replace default nhid 3");
        settle();
        both_are_used(&lab);
        ip(&lab.rt, "nexthop replace id 3 group 2");
        wait_for(&router, "fiber", &["fe80::a1"]);
        (0..20).for_each(|_| assert_eq!(seen(&lab), IpAddr::from(DSL4[0])));
        fiber_routes(&lab);
        wait_for(&router, "fiber", &["192.0.2.198", "fe80::a1"]);
        both_are_used(&lab);
    });
    assert_eq!(gateways(&router, "dsl"), ["198.18.2.1", "fe80::b1"]);
    router.end_with_losses();
}

/// Two lines of one provider.
#[test]
fn two_wans_whose_gateways_have_the_same_addresses_and_mac_are_told_apart_by_their_links() {
    let lab = lab(Options::default());
    // The addresses of ISP a's gateway, and its MAC.
    ip(&lab.ispb, "link set customer down");
    ip(&lab.ispb, "link set customer address 00:00:5e:00:53:a1");
    ip(&lab.ispb, "link set customer up");
    ip(&lab.ispb, "address add 192.0.2.198/32 dev customer");
    ip(&lab.ispb, "address add fe80::1/64 dev customer nodad");
    ip(&lab.ispb, "route replace 198.51.100.240/29 via 198.18.2.2");
    ip(&lab.ispb, "route replace 2001:db8:b:be00::/60 via fe80::b2 dev customer");
    ip(&lab.ispa, "address add fe80::1/64 dev customer nodad");
    for (link, metric) in [("wan0", 10), ("wan1", 20)] {
        ip(&lab.rt, &format!("route add default via 192.0.2.198 dev {link} onlink metric {metric}"));
        ip(&lab.rt, &format!("-6 route add default via fe80::1 dev {link} metric {metric}"));
    }
    ip(&lab.rt, "route del default metric 0");
    ip(&lab.rt, "-6 route del default via fe80::b1");
    let router = start_with(&lab, &following(&lab));
    let _servers = Traffic::servers(&lab).expect("servers");
    for name in ["fiber", "dsl"] {
        wait_for(&router, name, &["192.0.2.198", "fe80::1"]);
        assert_eq!(wan(&router, name).gateways[0].mac.as_deref(), Some("00:00:5e:00:53:a1"));
    }
    both_are_used(&lab);
    let (fiber, dsl) = (connected(&lab, &router, ECHO, "fiber"), connected(&lab, &router, ECHO, "dsl"));
    let port = fiber.local_addr().unwrap().port();
    unnoticed(dsl, || {
        unnoticed(fiber, || both_are_used(&lab));
        // One of them goes: the other is not meant.
        ip(&lab.rt, "route del default via 192.0.2.198 dev wan0");
        wait_for(&router, "fiber", &["fe80::1"]);
        (0..20).for_each(|_| assert_eq!(seen(&lab), IpAddr::from(DSL4[0])));
    });
    assert_eq!(flow(&router, "tcp", port).wan, "fiber");
    assert_eq!(gateways(&router, "dsl"), ["192.0.2.198", "fe80::1"]);
    router.end_with_losses();
}

#[test]
fn a_link_that_is_renamed_is_another_and_its_name_may_be_taken_by_the_next() {
    let lab = lab(Options::default());
    let router = start_with(&lab, &judged(&lab, "hold = \"0s\""));
    let _servers = Traffic::servers(&lab).expect("servers");
    wait_for(&router, "fiber", &["192.0.2.198", "fe80::a1"]);
    let session = connected(&lab, &router, ECHO, "dsl");
    unnoticed(session, || {
        let rename = |from: &str, to: &str| {
            ip(&lab.rt, &format!("link set {from} down"));
            ip(&lab.rt, &format!("link set {from} name {to}"));
            ip(&lab.rt, &format!("link set {to} up"));
        };
        rename("wan0", "spare0");
        wait_until("it is told", || wan(&router, "fiber").state == "absent");
        settle();
        (0..20).for_each(|_| assert_eq!(seen(&lab), IpAddr::from(DSL4[0])));
        rename("spare0", "wan0");
        wait_for(&router, "fiber", &["192.0.2.198", "fe80::a1"]);
        wait_until("it is up", || wan(&router, "fiber").state == "up");
        both_are_used(&lab);
    });
    router.end_with_losses();
}

/// Routes of a routing daemon over a WAN's link.
fn storm(lab: &Lab, routes: u32) {
    let line = |it: u32| format!("route add 100.{}.{}.0/26 via 198.18.2.1 dev wan1 proto bird", it >> 8, it & 255);
    let file = lab.directory().join("storm");
    std::fs::write(&file, (0..routes).map(line).collect::<Vec<_>>().join("\n")).expect("a file");
    run(&lab.rt, "ip", &["-batch", file.to_str().expect("UTF-8")]);
}

#[test]
fn news_that_were_lost_while_nobody_listened_are_read_later() {
    use nix::sys::signal::{Signal, kill};
    let lab = lab(Options::default());
    let mut router = start_with(&lab, &judged(&lab, "hold = \"0s\""));
    let _servers = Traffic::servers(&lab).expect("servers");
    wait_for(&router, "dsl", &["198.18.2.1", "fe80::b1"]);
    let pid = nix::unistd::Pid::from_raw(router.service().pid() as i32);
    kill(pid, Signal::SIGSTOP).expect("it lives");
    storm(&lab, 20_000);
    ip(&lab.ispb, "address add fe80::b9/64 dev customer nodad");
    ip(&lab.rt, "-6 route replace default via fe80::b9 dev wan1");
    ip(&lab.rt, "link set wan0 mtu 1400");
    let sockets = run(&lab.rt, "cat", &["/proc/net/netlink"]);
    let of_flowpin = sockets.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let lost: u64 = of_flowpin.filter_map(|words| words.get(8)?.parse::<u64>().ok()).sum();
    kill(pid, Signal::SIGCONT).expect("it lives");
    assert!(lost > 1000, "nothing was lost:\n{sockets}");
    wait_for(&router, "dsl", &["198.18.2.1", "fe80::b9"]);
    wait_until("the new MTU of fiber is known", || wan(&router, "fiber").mtu == 1400);
    both_are_used(&lab);
    router.end_with_losses();
}
