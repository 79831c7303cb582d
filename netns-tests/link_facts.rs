//! What the kernel says of a link is found, and a change of it is heard.

use crate::machine::{
    add_tun, build_isp, build_router, in_namespace, mac, output, plan, set_up, settle, sh, tear_down,
};
use flowpin::control::links::{self, Changes, LinkFacts, News};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);
const BRIEFLY: Duration = Duration::from_millis(20);

#[test]
fn a_links_facts_hold_its_gateways_and_change_rings_the_bell() {
    in_namespace(|| async {
        build_router();
        sh("ip route add default metric 50 nexthop via 192.0.2.7 dev wan0 nexthop via 10.250.250.3 dev lan0");
        let mut changes = links::watch(&[]).unwrap();
        let wan = links::read("wan0").await.unwrap();
        assert!(gateways(&wan, &["192.0.2.1", "192.0.2.7"], &["fe80::99"]), "{:?}", wan.gateways);
        assert_eq!((wan.mtu, wan.up, wan.carrier), (1500, true, true));
        assert_eq!(wan.mac.unwrap().to_string(), mac("wan0"));
        let global: Vec<String> =
            wan.addresses.iter().map(ToString::to_string).filter(|a| !a.starts_with("fe80")).collect();
        assert_eq!(global, ["192.0.2.2/24", "2001:db8:a::2/64"]);
        sh("ip link set wan0 mtu 1400");
        tokio::time::timeout(std::time::Duration::from_secs(5), changes.next()).await.unwrap().unwrap();
        assert_eq!(links::read("wan0").await.unwrap().mtu, 1400);
        let missing = links::read("wan9").await.unwrap_err();
        assert_eq!(missing, "there is no link \"wan9\" on this machine: correct the name, or plug it in");
    });
}

#[test]
fn a_gateway_from_a_router_advertisement_is_found_and_outlives_setup_and_stop() {
    in_namespace(|| async {
        sh(
            "ip link add lan0 type veth peer name fw0; ip link set lan0 up; ip link set fw0 up; ip addr add 10.250.250.1/29 dev lan0",
        );
        let isp = &build_isp("ra");
        settle();
        sh(&format!("ip -n {} addr add fe80::1/64 dev isp0 nodad", isp.name()));
        let index = links::read("wan0").await.unwrap().index;
        let mut changes = links::watch(&[]).unwrap();
        isp.run(advertise).unwrap();
        while !gateways(&links::read("wan0").await.unwrap(), &[], &["fe80::1"]) {
            tokio::time::timeout(std::time::Duration::from_secs(5), changes.next()).await.unwrap().unwrap();
        }
        let (plan, default) = (plan("ra"), || output("ip -6 route show default | sed 's/ expires [0-9]*sec//'"));
        let before = default();
        assert!(before.contains("proto ra"), "{before}");
        add_tun();
        let kernel = set_up(&plan).await;
        assert_eq!(default(), before);
        tear_down(kernel, &plan).await;
        assert_eq!(default(), before);
        assert_eq!(links::read("wan0").await.unwrap().index, index);
    });
}

/// Sends a router advertisement (RFC 4861 §4.2) with a lifetime of half an hour from fe80::1 on isp0.
fn advertise() {
    use socket2::{Domain, Protocol, Socket, Type};
    let socket = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6)).unwrap();
    socket.bind_device(Some(b"isp0")).unwrap();
    socket.set_multicast_hops_v6(255).unwrap();
    let from: std::net::SocketAddrV6 = "[fe80::1]:0".parse().unwrap();
    let all_nodes: std::net::SocketAddrV6 = "[ff02::1]:0".parse().unwrap();
    socket.bind(&std::net::SocketAddrV6::new(*from.ip(), 0, 0, isp0_index()).into()).unwrap();
    let mut message = [0; 16];
    message[0] = 134;
    message[6..8].copy_from_slice(&1800u16.to_be_bytes());
    socket.send_to(&message, &std::net::SocketAddrV6::new(*all_nodes.ip(), 0, 0, isp0_index()).into()).unwrap();
}

fn isp0_index() -> u32 {
    output("ip -o link show isp0 | cut -d: -f1").trim().parse().unwrap()
}

/// Waits until the bell has rung and the facts are as wanted; the facts as they are, if that takes too long.
async fn wait_for(changes: &mut Changes, wanted: impl Fn(&LinkFacts) -> bool) {
    while !wanted(&links::read("wan0").await.unwrap()) {
        let rung = tokio::time::timeout(PATIENCE, changes.next()).await;
        rung.unwrap_or_else(|_| panic!("no bell")).unwrap();
    }
}

fn gateways(found: &LinkFacts, v4: &[&str], v6: &[&str]) -> bool {
    let has = |family: usize| found.gateways[family].iter().map(|it| it.address.to_string()).collect::<Vec<_>>();
    has(0) == v4 && has(1) == v6
}

#[test]
fn default_routes_by_next_hop_objects_are_followed_also_when_the_kernel_says_nothing_of_the_route() {
    in_namespace(|| async {
        build_router();
        sh("ip route del default; ip -6 route del default
            ip nexthop add id 1 via 192.0.2.1 dev wan0; ip nexthop add id 2 via 192.0.2.7 dev wan0
            ip nexthop add id 3 via 10.250.250.3 dev lan0; ip nexthop add id 10 group 1/2/3
            ip nexthop add id 6 via 2001:db8:a::1 dev wan0
            ip route add default nhid 10; ip -6 route add default nhid 6");
        let mut changes = links::watch(&[]).unwrap();
        let read = async || links::read("wan0").await.unwrap();
        assert!(gateways(&read().await, &["192.0.2.1", "192.0.2.7"], &["2001:db8:a::1"]));
        sh("ip nexthop replace id 1 via 192.0.2.9 dev wan0; ip nexthop replace id 6 via 2001:db8:a::9 dev wan0");
        wait_for(&mut changes, |wan| gateways(wan, &["192.0.2.9", "192.0.2.7"], &["2001:db8:a::9"])).await;
        sh("ip nexthop replace id 10 group 2/3");
        wait_for(&mut changes, |wan| gateways(wan, &["192.0.2.7"], &["2001:db8:a::9"])).await;
        // The group dies with its last member, and the IPv4 route with the group: in silence.
        sh("ip nexthop del id 3; ip nexthop del id 2; ip nexthop del id 6");
        wait_for(&mut changes, |wan| gateways(wan, &[], &[])).await;
    });
}

/// Routes of a routing daemon, which lead neither outside nor inside.
fn storm(numbers: std::ops::Range<u32>) {
    let line = |it: u32| format!("route add 100.{}.{}.0/26 via 192.0.2.1 dev wan0 proto bird", it >> 8, it & 255);
    let file = std::env::temp_dir().join(format!("flowpin-storm-{}-{}", std::process::id(), numbers.start));
    std::fs::write(&file, numbers.map(line).collect::<Vec<_>>().join("\n")).unwrap();
    sh(&format!("ip -batch {}", file.display()));
    std::fs::remove_file(file).unwrap();
}

#[test]
fn ten_thousand_routes_of_a_routing_daemon_ring_nothing_and_what_leads_outside_or_inside_does() {
    in_namespace(|| async {
        build_router();
        let mut changes = links::watch(&["10.250.250.0/29".parse().unwrap()]).unwrap();
        // A few at a time: a queue that runs over rings.
        for from in (0..10_000).step_by(200) {
            storm(from..from + 200);
            assert!(tokio::time::timeout(BRIEFLY, changes.next()).await.is_err(), "it rang at {from}");
        }
        for line in [
            "ip route replace default via 192.0.2.9 dev wan0",
            "ip -6 route replace default via fe80::98 dev wan0 metric 7",
            "ip route add 10.250.250.4/32 dev lan0",
            "ip route add 10.0.0.0/8 dev lan0 proto bird",
            "ip -6 route add unreachable 2001:db8:a:1000::/60 proto dhcp",
            "ip -6 route add default from 2001:db8:a:1000::/60 via fe80::99 dev wan0 proto bird",
            "ip route add 198.51.100.0/24 dev wan0 proto 0x66",
        ] {
            sh(line);
            let rung = tokio::time::timeout(PATIENCE, changes.next()).await;
            rung.unwrap_or_else(|_| panic!("{line}: it rings")).unwrap();
        }
    });
}

#[test]
fn a_queue_that_ran_over_rings_and_what_was_lost_is_read() {
    in_namespace(|| async {
        build_router();
        let mut changes = links::watch(&[]).unwrap();
        // Nobody listens meanwhile.
        storm(0..20_000);
        sh("ip route replace default via 192.0.2.9 dev wan0");
        let sockets = std::fs::read_to_string("/proc/thread-self/net/netlink").unwrap();
        let lost = |line: &str| line.split_whitespace().nth(8).and_then(|drops| drops.parse::<u64>().ok());
        assert!(sockets.lines().filter_map(lost).sum::<u64>() > 1000, "nothing was lost:\n{sockets}");
        tokio::time::timeout(PATIENCE, changes.next()).await.unwrap().unwrap();
        assert!(gateways(&links::read("wan0").await.unwrap(), &["192.0.2.9"], &["fe80::99"]));
        // It goes on hearing.
        sh("ip route replace default via 192.0.2.8 dev wan0");
        wait_for(&mut changes, |wan| gateways(wan, &["192.0.2.8"], &["fe80::99"])).await;
    });
}

#[test]
fn a_delegated_prefix_is_found_with_the_link_that_the_kernel_ties_it_to() {
    in_namespace(|| async {
        build_router();
        sh("ip link set lo up");
        let mut changes = links::watch(&[]).unwrap();
        let delegated = async |name: &str| {
            let found = links::read(name).await.unwrap().delegated;
            found.iter().map(|it| format!("{} {}", it.prefix, it.deprecated)).collect::<Vec<_>>()
        };
        sh("ip -6 route add unreachable 2001:db8:a:1000::/60 proto dhcp");
        tokio::time::timeout(PATIENCE, changes.next()).await.unwrap().unwrap();
        assert_eq!(delegated("lo").await, ["2001:db8:a:1000::/60 false"]);
        sh("ip -6 route add default from 2001:db8:a:1000::/60 via fe80::99 dev wan0");
        tokio::time::timeout(PATIENCE, changes.next()).await.unwrap().unwrap();
        assert_eq!((delegated("lo").await, delegated("wan0").await.len()), (Vec::new(), 1));
        sh("ip -6 addr add 2001:db8:a:1001::1/64 dev lan0 nodad valid_lft 100 preferred_lft 0");
        assert_eq!(delegated("wan0").await, ["2001:db8:a:1000::/60 true"]);
        sh("ip -6 route del unreachable 2001:db8:a:1000::/60 proto dhcp");
        assert_eq!((delegated("lo").await.len(), delegated("wan0").await.len()), (0, 0));
    });
}

#[test]
fn a_lost_link_is_told_with_its_index_before_any_route_that_changed_earlier() {
    in_namespace(|| async {
        build_router();
        let index = links::read("wan0").await.unwrap().index;
        let mut changes = links::watch(&["100.0.0.0/8".parse().unwrap()]).unwrap();
        // Routes that matter, which nobody has heard of yet.
        storm(0..1000);
        sh("ip link set isp0 down");
        let next =
            async |changes: &mut Changes| tokio::time::timeout(PATIENCE, changes.next()).await.expect("news").unwrap();
        // Both ends of the pair have lost their carrier.
        let peer = isp0_index();
        let lost = [next(&mut changes).await, next(&mut changes).await];
        assert!([peer, index].iter().all(|index| lost.contains(&News::Lost(vec![*index]))), "{lost:?}");
        assert_eq!(next(&mut changes).await, News::Changed, "it is to be read as well");
        sh("ip link set isp0 up");
        assert_eq!(next(&mut changes).await, News::Changed);
        sh("ip link del isp0");
        let lost = [next(&mut changes).await, next(&mut changes).await];
        assert!([peer, index].iter().all(|index| lost.contains(&News::Lost(vec![*index]))), "{lost:?}");
    });
}
