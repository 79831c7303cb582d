//! What the kernel says of a link is found, and a change of it is heard.

use crate::machine::{
    add_tun, build_isp, build_router, in_namespace, mac, output, plan, set_up, settle, sh, tear_down,
};
use flowpin::control::links;
use std::net::{Ipv4Addr, Ipv6Addr};

#[test]
fn a_links_facts_hold_its_gateways_and_change_rings_the_bell() {
    in_namespace(|| async {
        build_router();
        sh("ip route add default metric 50 nexthop via 192.0.2.7 dev wan0 nexthop via 10.250.250.3 dev lan0");
        let mut changes = links::watch().unwrap();
        let wan = links::read("wan0").await.unwrap();
        assert_eq!(wan.gateways4, ["192.0.2.1", "192.0.2.7"].map(|gateway| gateway.parse::<Ipv4Addr>().unwrap()));
        assert_eq!(wan.gateways6, ["fe80::99".parse::<Ipv6Addr>().unwrap()]);
        assert_eq!((wan.mtu, wan.up, wan.carrier), (1500, true, true));
        assert_eq!(wan.mac.unwrap().to_string(), mac("wan0"));
        let global: Vec<String> =
            wan.addresses.iter().map(ToString::to_string).filter(|a| !a.starts_with("fe80")).collect();
        assert_eq!(global, ["192.0.2.2/24", "2001:db8:a::2/64"]);
        sh("ip link set wan0 mtu 1400");
        tokio::time::timeout(std::time::Duration::from_secs(5), changes.changed()).await.unwrap().unwrap();
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
        let mut changes = links::watch().unwrap();
        isp.run(advertise).unwrap();
        let gateway: Ipv6Addr = "fe80::1".parse().unwrap();
        while links::read("wan0").await.unwrap().gateways6 != [gateway] {
            tokio::time::timeout(std::time::Duration::from_secs(5), changes.changed()).await.unwrap().unwrap();
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
