//! The door between the firewall's link, the TUN and the machine: nothing from the firewall's link goes anywhere but into
//! the TUN, so that nothing ever leaves untranslated, whatever becomes of rules and routes; what comes out of the TUN is for
//! inside hosts, not for the machine; and where the kernel forwards IPv6 for the whole machine or not at all, it forwards
//! for these two links only. Networks of the machine that the operator calls local are reached beside the TUN, never over a
//! WAN's link, and from there nothing but the firewall's link is. Must never know: owned addresses, when the kernel forwards.

use super::nft::batch::Batch;
use super::nft::{Attributes, Base, End, Hook, ICMP, ICMP_ERRORS, ICMPV6, ICMPV6_ERRORS, IPV4, IPV6, Meta, Rule};
use ipnet::IpNet;

/// Which links the door is between.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Door {
    /// The firewall's link.
    pub(super) downstream: String,
    pub(super) tun: String,
    /// The links of the WANs, which are never reached but through the TUN.
    pub(super) wans: Vec<String>,
    /// Networks of the machine that inside hosts reach beside the TUN.
    pub(super) local: Vec<IpNet>,
    /// Links that lead there and forwarded nothing before: from them only the firewall's link is reached, in each family.
    pub(super) opened4: Vec<String>,
    pub(super) opened6: Vec<String>,
    /// The machine forwarded no IPv6, and has to forward it on every link now.
    pub(super) fences_ipv6: bool,
}

/// Before any other chain of the machine.
const PRIORITY: i32 = -500;
/// Names of the sets of local networks, IPv4 first.
pub(super) const SETS: [&str; 2] = ["local4", "local6"];

/// Adds the chains to a table of the family inet, which has the sets of local networks. `v4`, `v6`: such there are.
pub(super) fn add(batch: &mut Batch, table: &str, door: &Door, v4: bool, v6: bool) {
    batch.add_chain(table, "forward", Hook::Forward, PRIORITY, forward_rules(door, v4, v6));
    batch.add_chain(table, "input", Hook::LocalIn, PRIORITY, input_rules(&door.tun));
}

fn forward_rules(door: &Door, v4: bool, v6: bool) -> Vec<Attributes> {
    let of = |ethertype: u16| Rule::default().meta_is(Meta::Protocol, &ethertype.to_be_bytes());
    let from_inside = || Rule::default().link_is(Meta::InName, &door.downstream);
    let mut rules = Vec::new();
    if v4 || v6 {
        let to_wan = |wan: &String| from_inside().link_is(Meta::OutName, wan).end(End::Drop);
        rules.extend(door.wans.iter().map(to_wan));
    }
    // Other chains of the machine may refuse it all the same.
    let accept = |ethertype, offset, length, set| {
        let inside = of(ethertype).link_is(Meta::InName, &door.downstream);
        inside.in_set(Base::Network, offset, length, set).end(End::Accept)
    };
    rules.extend(v4.then(|| accept(IPV4, 16, 4, SETS[0])));
    rules.extend(v6.then(|| accept(IPV6, 24, 16, SETS[1])));
    rules.push(from_inside().link_is_not(Meta::OutName, &door.tun).end(End::Drop));
    let fence = |ethertype, link: &String| {
        of(ethertype).link_is(Meta::InName, link).link_is_not(Meta::OutName, &door.downstream).end(End::Drop)
    };
    rules.extend(door.opened4.iter().map(|link| fence(IPV4, link)));
    rules.extend(door.opened6.iter().map(|link| fence(IPV6, link)));
    if door.fences_ipv6 {
        let known = [&door.downstream, &door.tun].into_iter().chain(&door.opened6);
        let others = known.fold(of(IPV6), |rule, link| rule.link_is_not(Meta::InName, link));
        rules.push(others.end(End::Drop));
    }
    rules
}

/// ICMP errors may be about what the machine itself has sent.
fn input_rules(tun: &str) -> Vec<Attributes> {
    let from_tun = || Rule::default().link_is(Meta::InName, tun);
    let v4 = ICMP_ERRORS.map(|kind| from_tun().icmp_is(IPV4, ICMP, kind).end(End::Accept));
    let v6 = ICMPV6_ERRORS.map(|kind| from_tun().icmp_is(IPV6, ICMPV6, kind).end(End::Accept));
    let rest = from_tun().end(End::Drop);
    v4.into_iter().chain(v6).chain([rest]).collect()
}
