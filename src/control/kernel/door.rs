//! The door between the firewall's link, the TUN and the machine: nothing from the firewall's link goes anywhere but into
//! the TUN, so that nothing ever leaves untranslated, whatever becomes of rules and routes; what comes out of the TUN is for
//! inside hosts, not for the machine; and where the kernel forwards IPv6 for the whole machine or not at all, it forwards
//! for these two links only. Must never know: owned addresses, when the kernel forwards.

use super::nft::batch::Batch;
use super::nft::{APPEND, Attributes, Base, CREATE, End, Message, Meta, Rule};

/// Which links the door is between.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Door {
    /// The firewall's link.
    pub downstream: String,
    pub tun: String,
    /// The machine forwarded no IPv6, and has to forward it on every link now.
    pub fences_ipv6: bool,
}

const FORWARD: &str = "forward";
const INPUT: &str = "input";
/// `NF_INET_LOCAL_IN`, `NF_INET_FORWARD`.
const LOCAL_IN_HOOK: u32 = 1;
const FORWARD_HOOK: u32 = 2;
/// Before any other chain of the machine.
const PRIORITY: i32 = -500;

const ETHERTYPE_IPV4: [u8; 2] = [0x08, 0x00];
const ETHERTYPE_IPV6: [u8; 2] = [0x86, 0xdd];

/// Adds the chains to a table of the family inet.
pub(super) fn add(batch: &mut Batch, table: &str, door: &Door) {
    for (chain, hook, rules) in
        [(FORWARD, FORWARD_HOOK, forward_rules(door)), (INPUT, LOCAL_IN_HOOK, input_rules(&door.tun))]
    {
        let hook = Attributes::new().number(1, hook).number(2, PRIORITY.cast_unsigned());
        let base = Attributes::new().string(1, table).string(3, chain).nest(4, hook);
        batch.add(Message::NewChain, CREATE, base.number(5, End::Accept as u32).string(7, "filter"));
        for rule in rules {
            let rule = Attributes::new().string(1, table).string(2, chain).nest(4, rule);
            batch.add(Message::NewRule, CREATE | APPEND, rule);
        }
    }
}

fn forward_rules(door: &Door) -> Vec<Attributes> {
    let from_inside = Rule::default().link_is(Meta::InName, &door.downstream);
    let mut rules = vec![from_inside.link_is_not(Meta::OutName, &door.tun).end(End::Drop)];
    if door.fences_ipv6 {
        let ipv6 = Rule::default().meta_is(Meta::Protocol, &ETHERTYPE_IPV6);
        let others = ipv6.link_is_not(Meta::InName, &door.downstream).link_is_not(Meta::InName, &door.tun);
        rules.push(others.end(End::Drop));
    }
    rules
}

/// ICMP errors may be about what the machine itself has sent.
fn input_rules(tun: &str) -> Vec<Attributes> {
    let error = |ethertype: &[u8], protocol: u8, kind: u8| {
        let from_tun = Rule::default().link_is(Meta::InName, tun).meta_is(Meta::Protocol, ethertype);
        from_tun.meta_is(Meta::Transport, &[protocol]).holds(Base::Transport, 0, &[kind]).end(End::Accept)
    };
    // RFC 792 and RFC 4443 §2.1.
    let v4 = [3, 11, 12].map(|kind| error(&ETHERTYPE_IPV4, 1, kind));
    let v6 = [1, 2, 3, 4].map(|kind| error(&ETHERTYPE_IPV6, 58, kind));
    let rest = Rule::default().link_is(Meta::InName, tun).end(End::Drop);
    v4.into_iter().chain(v6).chain([rest]).collect()
}
