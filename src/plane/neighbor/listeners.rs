//! Tells the link that the solicited-node groups of our addresses are listened to (RFC 4861 §7.2.1, RFC 3810 §5.2), or a
//! switch that looks into such reports would not deliver the questions for them. The kernel knows nothing of these
//! addresses. A report is made when a link comes up or an address is new, once more a second later, and then as often as a
//! router would ask: so nobody's question has to be heard. Must never know: who asks for what.

use super::cells::Neighbors;
use super::context::NeighborContext;
use super::nd::{multicast_mac, solicited_node};
use crate::plane::outbox::Outbox;
use crate::plane::packet::numbers::{ethertype, protocol};
use crate::plane::policy::Policy;
use crate::plane::policy::source::{self, link_local};
use crate::types::{LinkLayer, Tick, WanId};
use pnet::packet::ip::IpNextHeaderProtocols;
use pnet::packet::util::ipv6_checksum;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};

/// Milliseconds between reports (RFC 3810 §9.2 `Query Interval`, §9.11 `Unsolicited Report Interval`).
const INTERVAL_MS: u64 = 125_000;
const AGAIN_MS: u64 = 1000;
/// Records of one report, which fits into 1280 bytes, and groups of a WAN at the most.
const RECORDS: usize = 60;
const MOST: usize = 1024;
const REPORT: u8 = 143;
/// From now on every source is listened to (RFC 3810 §5.2.12).
const TO_EXCLUDE: u8 = 4;
const ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x16);

/// When each WAN reports next.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    wans: BTreeMap<WanId, Due>,
}

#[derive(Debug)]
struct Due {
    /// How often the link has come up, since when it owns what it owns, and which addresses are in use.
    of: (u32, u32, u32),
    at: Tick,
    again: bool,
}

impl Listeners {
    /// Sends what is due. Returns when more will be, as far as nothing changes.
    pub(super) fn tick(&mut self, now: Tick, policy: &Policy, neighbors: &Neighbors, outbox: &mut Outbox) -> Tick {
        self.wans.retain(|id, _| policy.wan(*id).is_some_and(|wan| wan.link.came_up.is_some()));
        let mut next = Tick(u64::MAX);
        for (id, wan) in policy.wans() {
            let Some(came_up) = wan.link.came_up.filter(|_| wan.link.layer == LinkLayer::Ethernet) else { continue };
            let of = (came_up, wan.owned_since, neighbors.in_use.version(id));
            let due = self.wans.entry(id).or_insert(Due { of, at: now, again: true });
            if due.of != of {
                *due = Due { of, at: now, again: true };
            }
            if due.at <= now {
                report(&mut NeighborContext { now, id, wan, neighbors, outbox });
                due.at = now.plus_millis(if due.again { AGAIN_MS } else { INTERVAL_MS });
                due.again = false;
            }
            next = next.min(due.at);
        }
        next
    }
}

fn report(place: &mut NeighborContext<'_>) {
    let groups: Vec<_> = groups(place).into_iter().take(MOST).collect();
    for groups in groups.chunks(RECORDS) {
        let packet = packet(link_local(place.wan), groups);
        place.send(multicast_mac(ROUTERS), ethertype::IPV6, &packet);
    }
}

/// Of single hosts, of what the router's own questions are asked from, and of what inside hosts use of the link's network.
fn groups(place: &NeighborContext<'_>) -> BTreeSet<Ipv6Addr> {
    let wan = place.wan;
    let own = source::own_hosts(wan).filter(|own| wan.link.is_on_link(IpAddr::V6(*own)));
    let used = if wan.is_proxy() { place.neighbors.in_use.all(place.id) } else { Vec::new() };
    wan.host6.externals().chain(own).chain(used).map(solicited_node).collect()
}

/// An IPv6 packet with the router alert that its kind asks for (RFC 3810 §5), and a record for each group.
fn packet(source: Ipv6Addr, groups: &[Ipv6Addr]) -> Vec<u8> {
    let mut message = vec![REPORT, 0, 0, 0, 0, 0];
    message.extend((groups.len() as u16).to_be_bytes());
    for group in groups {
        message.extend([TO_EXCLUDE, 0, 0, 0]);
        message.extend(group.octets());
    }
    let sum = ipv6_checksum(&message, 1, &[], &source, &ROUTERS, IpNextHeaderProtocols::Icmpv6);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend((8 + message.len() as u16).to_be_bytes());
    packet.extend([0, 1]);
    packet.extend(source.octets());
    packet.extend(ROUTERS.octets());
    packet.extend([protocol::ICMPV6, 0, 5, 2, 0, 0, 1, 0]);
    packet.extend(message);
    packet
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::neighbor::sample::{policy, sent};
    use crate::plane::translate::host6::HostMap6;

    const A: WanId = WanId(0);

    /// Milliseconds and frames of what is sent until then.
    fn until(
        all: &mut Listeners,
        policy: &Policy,
        neighbors: &Neighbors,
        from: u64,
        until: u64,
    ) -> Vec<(u64, Vec<u8>)> {
        let (mut now, mut frames) = (Tick::from_millis(from), vec![]);
        while now.millis() <= until {
            let mut outbox = Outbox::new();
            let next = all.tick(now, policy, neighbors, &mut outbox);
            frames.extend(sent(&mut outbox).into_iter().map(|(_, frame)| (now.millis(), frame)));
            now = next.min(now.plus_millis(500));
        }
        frames
    }

    /// The groups that a report names.
    fn named(frame: &[u8]) -> Vec<String> {
        let records = frame[14 + 40 + 8 + 8..].chunks(20);
        records.map(|record| Ipv6Addr::from(<[u8; 16]>::try_from(&record[4..]).unwrap()).to_string()).collect()
    }

    #[test]
    fn a_report_is_made_twice_and_then_as_often_as_a_router_would_ask_and_its_bytes_are_right() {
        let (mut policy, neighbors, mut all) = (policy(), Neighbors::new(), Listeners::default());
        policy.wans.set(WanId(1), None);
        policy.wans[0].nptv6 = [].into();
        let frames = until(&mut all, &policy, &neighbors, 10_000, 270_000);
        assert_eq!(frames.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [10_000, 11_000, 136_000, 261_000]);
        let frame = &frames[0].1;
        assert_eq!(frame[..14], [0x33, 0x33, 0, 0, 0, 0x16, 2, 0, 0, 0, 0, 0xa, 0x86, 0xdd]);
        assert_eq!(frame[14..22], [0x60, 0, 0, 0, 0, 36, 0, 1], "with hop limit 1");
        assert_eq!(frame[54..62], [58, 0, 5, 2, 0, 0, 1, 0], "with a router alert");
        assert_eq!(
            (frame[62], frame[66..70].to_vec(), frame[70..74].to_vec()),
            (143, vec![0, 0, 0, 1], vec![4, 0, 0, 0])
        );
        assert_eq!(named(frame), ["ff02::1:ff00:1"]);
        let ends = [22, 38].map(|at| Ipv6Addr::from(<[u8; 16]>::try_from(&frame[at..at + 16]).unwrap()));
        assert_eq!(ends.map(|end| end.to_string()), ["fe80::2", "ff02::16"]);
        assert_eq!(ipv6_checksum(&frame[62..], usize::MAX, &[], &ends[0], &ends[1], IpNextHeaderProtocols::Icmpv6), 0);
        policy.wans[0].link.came_up = Some(2);
        assert_eq!(until(&mut all, &policy, &neighbors, 280_000, 290_000).len(), 2, "a switch may have forgotten us");
    }

    #[test]
    fn where_the_prefix_is_the_links_own_network_what_inside_hosts_use_is_listened_for_at_once() {
        let (mut policy, neighbors, mut all) = (policy(), Neighbors::new(), Listeners::default());
        policy.wans.set(WanId(1), None);
        policy.wans[0].host6 = HostMap6::default();
        assert!(policy.wans[0].is_proxy());
        let own = "ff02::1:ff00:a";
        let frames = until(&mut all, &policy, &neighbors, 0, 5000);
        assert_eq!(frames.iter().map(|(_, frame)| named(frame)).collect::<Vec<_>>(), [[own], [own]]);
        neighbors.in_use.touch(Tick::from_millis(6000), A, "2001:db8:a:c80::1:2345".parse().unwrap());
        let frames = until(&mut all, &policy, &neighbors, 6000, 9000);
        let both = [own, "ff02::1:ff01:2345"];
        assert_eq!(frames.iter().map(|(_, frame)| named(frame)).collect::<Vec<_>>(), [both, both]);
        for host in 0..200_u128 {
            neighbors.in_use.touch(
                Tick::from_millis(9000),
                A,
                Ipv6Addr::from_bits(0x2001_0db8_000a_0c80 << 64 | host << 4),
            );
        }
        let frames = until(&mut all, &policy, &neighbors, 9500, 9600);
        assert_eq!(frames.iter().map(|(_, frame)| named(frame).len()).collect::<Vec<_>>(), [60, 60, 60, 22]);
        assert!(frames.iter().all(|(_, frame)| frame.len() <= 1294));
        policy.wans[0].link.came_up = None;
        assert_eq!(until(&mut all, &policy, &neighbors, 20_000, 400_000), []);
    }
}
