//! The door between the firewall's link, the TUN and the machine: nothing from the firewall's link goes anywhere but into
//! the TUN, so that nothing ever leaves untranslated, whatever becomes of rules and routes; what comes out of the TUN is for
//! inside hosts, not for the machine; and where the kernel forwards IPv6 for the whole machine or not at all, it forwards
//! for these two links only. Must never know: owned addresses, when the kernel forwards.

use super::nft::batch::Batch;
use super::nft::{Attributes, End, Hook, ICMP, ICMP_ERRORS, ICMPV6, ICMPV6_ERRORS, IPV4, IPV6, Meta, Rule};

/// Which links the door is between.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Door {
    /// The firewall's link.
    pub downstream: String,
    pub tun: String,
    /// The machine forwarded no IPv6, and has to forward it on every link now.
    pub fences_ipv6: bool,
}

/// Before any other chain of the machine.
const PRIORITY: i32 = -500;

/// Adds the chains to a table of the family inet.
pub(super) fn add(batch: &mut Batch, table: &str, door: &Door) {
    batch.add_chain(table, "forward", Hook::Forward, PRIORITY, forward_rules(door));
    batch.add_chain(table, "input", Hook::LocalIn, PRIORITY, input_rules(&door.tun));
}

fn forward_rules(door: &Door) -> Vec<Attributes> {
    let from_inside = Rule::default().link_is(Meta::InName, &door.downstream);
    let mut rules = vec![from_inside.link_is_not(Meta::OutName, &door.tun).end(End::Drop)];
    if door.fences_ipv6 {
        let ipv6 = Rule::default().meta_is(Meta::Protocol, &IPV6.to_be_bytes());
        let others = ipv6.link_is_not(Meta::InName, &door.downstream).link_is_not(Meta::InName, &door.tun);
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
