//! Keeps both kernel hops out of connection tracking where the machine has it: a flood would fill its table, and what it
//! takes for invalid would not pass. Must never know: owned addresses, the shield.

use super::nft::batch::Batch;
use super::nft::{Attributes, End, Fib, Hook, Meta, Rule};
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

/// Adds the chain to a table of the family inet: what comes in on these links and is not for the machine itself.
pub(super) fn add(batch: &mut Batch, table: &str, links: [&str; 2]) {
    batch.add_chain(table, "prerouting", Hook::PreRouting, PRIORITY, links.map(rule).into());
}

fn rule(link: &str) -> Attributes {
    let passing = Rule::default().link_is(Meta::InName, link).fib_is_not(Fib::DestinationType, &LOCAL.to_ne_bytes());
    passing.end(End::Untracked)
}
