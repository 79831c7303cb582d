//! What the kernel must not say: that it could not bring a packet to an inside host. Its ICMP error would leave by the
//! machine's default route with one of the router's own addresses, and quote an inside address to the outside.
//! Must never know: links, owned addresses.

use super::nft::batch::Batch;
use super::nft::{Attributes, Base, End, Hook, ICMP, ICMP_ERRORS, ICMPV6, ICMPV6_ERRORS, IPV4, IPV6, Rule};

/// Names of the sets of inside prefixes, IPv4 first.
pub(super) const SETS: [&str; 2] = ["inside4", "inside6"];
/// Name of the chain.
const CHAIN: &str = "output";
/// After whatever else the machine has to say of its own packets.
const PRIORITY: i32 = 500;

/// Adds the chain of what the kernel itself sends to a table of the family inet. What flowpin sends does not pass here.
pub(super) fn add(batch: &mut Batch, table: &str, v4: bool, v6: bool) {
    batch.add_chain(table, CHAIN, Hook::LocalOut, PRIORITY, rules(v4, v6));
}

/// Errors that quote a packet to an inside host are dropped, unless another inside host is told.
fn rules(v4: bool, v6: bool) -> Vec<Attributes> {
    let mut rules = Vec::new();
    if v4 {
        // The quoted destination stands at 8 + 16.
        rules.extend(ICMP_ERRORS.map(|kind| about_inside(IPV4, ICMP, kind, (16, 24, 4), SETS[0])));
    }
    if v6 {
        // The quoted destination stands at 8 + 24.
        rules.extend(ICMPV6_ERRORS.map(|kind| about_inside(IPV6, ICMPV6, kind, (24, 32, 16), SETS[1])));
    }
    rules
}

/// `places`: where the destination stands in the IP header, where in the quoted one behind the ICMP header, its length.
fn about_inside(ethertype: u16, protocol: u8, kind: u8, places: (u32, u32, u32), set: &str) -> Attributes {
    let (destination, quoted, length) = places;
    Rule::default()
        .icmp_is(ethertype, protocol, kind)
        .in_set(Base::Transport, quoted, length, set)
        .not_in_set(Base::Network, destination, length, set)
        .end(End::Drop)
}
