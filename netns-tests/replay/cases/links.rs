//! The link layer, and what careless routers trip over.

use crate::story::packets::{checksum, ethernet, ip};
use crate::story::{At, HOST6, SERVER, SERVER6, Step, Story, TAG, from_station, leaves, router_error, sum_again};
use At::{Cable, Fiber, Inside};
use Step::{Drop, In, Out};

/// Cable is VLAN 3242, with any priority; fiber has none.
pub fn vlan() -> Story {
    let packet = ip(SERVER, "198.51.100.2").udp((1, 2), b"tagged");
    let steps = vec![
        In(Cable, from_station(Cable, Some(0x6000 | TAG), &packet)),
        Out(Inside, ip(SERVER, "10.250.250.2").ttl(63).udp((1, 2), b"tagged")),
        In(Cable, from_station(Cable, None, &packet)),
        Drop("wrong-vlan"),
        In(Cable, from_station(Cable, Some(7), &packet)),
        Drop("wrong-vlan"),
        In(Fiber, from_station(Fiber, Some(TAG), &ip(SERVER, "192.0.2.2").udp((1, 2), b""))),
        Drop("wrong-vlan"),
    ];
    Story::new("vlan", steps, 1)
}

/// ARP and neighbour solicitation are answered for the addresses of that WAN, and for no other.
pub fn links() -> Story {
    let isp = |at: At| [2, 0, 0x5e, 0x10, 0, at as u8];
    let own = |at: At| [2, 0xf1, 0, 0, 0, at as u8];
    let arp = |at: At, to: [u8; 6], from: [u8; 6], body: &[u8]| {
        let tag: &[u8] = if at == Cable { &[0x81, 0, 0x0c, 0xaa] } else { &[] };
        [&to[..], &from, tag, &[8, 6, 0, 1, 8, 0, 6, 4], body].concat()
    };
    let asks = |at, sender: [u8; 4], target: [u8; 4]| {
        let body = [&[0, 1][..], &isp(at), &sender, &[0; 6], &target].concat();
        // Padded to the least that Ethernet carries.
        In(at, [&arp(at, [0xff; 6], isp(at), &body)[..], &[0; 18]].concat())
    };
    let answers = |at, sender: [u8; 4], target: [u8; 4]| {
        let body = [&[0, 2][..], &own(at), &target, &isp(at), &sender].concat();
        Out(at, arp(at, isp(at), own(at), &body))
    };
    let target = "2001:db8:a:c81::100";
    let address: std::net::Ipv6Addr = target.parse().unwrap();
    let solicited = |group: &str| {
        let rest = [&address.octets()[..], &[1, 1], &isp(Fiber)].concat();
        let packet = ip("fe80::1", group).ttl(255).icmp(135, 0, [0; 4], &rest);
        In(Fiber, ethernet([0x33, 0x33, 0xff, 0, 1, 0], isp(Fiber), None, &packet))
    };
    let advertised = {
        let rest = [&address.octets()[..], &[2, 1], &own(Fiber)].concat();
        let packet = ip(target, "fe80::1").ttl(255).icmp(136, 0, [0xe0, 0, 0, 0], &rest);
        Out(Fiber, ethernet(isp(Fiber), own(Fiber), None, &packet))
    };
    let steps = vec![
        asks(Fiber, [192, 0, 2, 1], [192, 0, 2, 2]),
        answers(Fiber, [192, 0, 2, 1], [192, 0, 2, 2]),
        asks(Fiber, [0; 4], [192, 0, 2, 2]),
        answers(Fiber, [0; 4], [192, 0, 2, 2]),
        asks(Fiber, [192, 0, 2, 1], [192, 0, 2, 77]),
        asks(Fiber, [192, 0, 2, 1], [198, 51, 100, 3]),
        asks(Cable, [198, 51, 100, 1], [198, 51, 100, 3]),
        answers(Cable, [198, 51, 100, 1], [198, 51, 100, 3]),
        solicited("ff02::1:ff00:100"),
        advertised,
    ];
    Story::new("links", steps, 0)
}

/// What careless routers trip over: padding, IP options, type of service, odd TCP flags, extension headers, hosts
/// without a public address, and packets to ourselves.
pub fn odd() -> Story {
    let plain = |to, ttl| ip(SERVER, to).ttl(ttl).udp((1, 1), b"x");
    let tos = |from, ttl| {
        let mut packet = ip(from, SERVER).ttl(ttl).udp((1, 1), b"voice");
        packet[1] = 0xb9;
        sum_again(&mut packet);
        packet
    };
    let options = |from, ttl| {
        // Router alert (RFC 2113): six words of header.
        let packet = ip(from, SERVER).ttl(ttl).udp((1, 1), b"alert");
        let mut long = [&packet[..20], &[0x94, 4, 0, 0], &packet[20..]].concat();
        long[0] = 0x46;
        long[3] += 4;
        long[10..12].fill(0);
        let sum = checksum(&long[..24]).to_be_bytes();
        long[10..12].copy_from_slice(&sum);
        long
    };
    // A hop-by-hop header of padding in front of UDP, whose checksum knows nothing of it.
    let extended = |from, ttl| {
        let inner = ip(from, SERVER6).udp((1, 1), b"behind");
        ip(from, SERVER6).ttl(ttl).raw(0, &[&[17, 0, 1, 4, 0, 0, 0, 0], &inner[40..]].concat())
    };
    let nobody = ip("10.250.250.4", SERVER).udp((1, 1), b"");
    let steps = vec![
        In(Fiber, [&from_station(Fiber, None, &plain("192.0.2.2", 64))[..], &[0xee; 17]].concat()),
        Out(Inside, plain("10.250.250.2", 63)),
        In(Inside, tos("10.250.250.2", 64)),
        leaves(Fiber, &tos("192.0.2.2", 63)),
        In(Inside, options("10.250.250.2", 64)),
        leaves(Fiber, &options("192.0.2.2", 63)),
        In(Inside, ip("10.250.250.2", SERVER).tcp((1, 1), 0xff, b"", b"")),
        leaves(Fiber, &ip("192.0.2.2", SERVER).ttl(63).tcp((1, 1), 0xff, b"", b"")),
        In(Inside, ip("10.250.250.2", SERVER).tcp((1, 1), 0, b"", b"")),
        leaves(Fiber, &ip("192.0.2.2", SERVER).ttl(63).tcp((1, 1), 0, b"", b"")),
        In(Inside, extended(HOST6, 64)),
        leaves(Fiber, &extended("2001:db8:a:c81::100", 63)),
        In(Inside, nobody.clone()),
        Out(Inside, router_error("10.250.250.1", "10.250.250.4", 3, 0, [0; 4], &nobody)),
        Drop("no-wan"),
        In(Inside, ip("10.250.250.2", "198.51.100.3").udp((1, 1), b"")),
        Out(Inside, ip("198.51.100.2", "10.250.250.3").ttl(63).udp((1, 1), b"")),
    ];
    Story::new("odd", steps, 3)
}
