//! Keeps both kernel hops out of connection tracking where the machine has it: a flood would fill its table, and what it
//! takes for invalid would not pass. Must never know: owned addresses, the shield.

use super::door::{Door, SETS};
use super::nft::batch::Batch;
use super::nft::{Base, End, Fib, Hook, IPV4, IPV6, Meta, Rule};
use super::sysctl;

/// Before the kernel puts fragments together for connection tracking (`NF_IP_PRI_RAW_BEFORE_DEFRAG`,
/// linux/netfilter_ipv4.h), which it leaves alone what is not tracked.
const PRIORITY: i32 = -450;
/// `RTN_LOCAL` (linux/rtnetlink.h).
const LOCAL: u32 = 2;

/// Whether the kernel has connection tracking loaded.
pub(super) fn is_due() -> bool {
    sysctl::read("net/netfilter/nf_conntrack_count").is_some()
}

/// Adds the chain to the table that has the door: what comes in on its links and is neither for the machine itself nor for a
/// local network of it.
pub(super) fn add(batch: &mut Batch, table: &str, door: &Door) {
    let from = |link: &str| Rule::default().link_is(Meta::InName, link);
    let passing = |rule: Rule| rule.fib_is_not(Fib::DestinationType, &LOCAL.to_ne_bytes()).end(End::Untracked);
    let of = |ethertype: u16| from(&door.downstream).meta_is(Meta::Protocol, &ethertype.to_be_bytes());
    let v4 = of(IPV4).not_in_set(Base::Network, 16, 4, SETS[0]);
    let v6 = of(IPV6).not_in_set(Base::Network, 24, 16, SETS[1]);
    let rules = [from(&door.tun), v4, v6].map(passing);
    batch.add_chain(table, "prerouting", Hook::PreRouting, PRIORITY, rules.into());
}
