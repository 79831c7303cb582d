//! What the kernel must not say: that it could not bring a packet to an inside host. Its ICMP error would leave by the
//! machine's default route with one of the router's own addresses, and quote an inside address to the outside.
//! Must never know: links, owned addresses.

use super::nft::{Attributes, Base, End, Meta, Rule};

/// Names of the sets of inside prefixes, IPv4 first.
pub(super) const SETS: [&str; 2] = ["inside4", "inside6"];
/// Name of the chain.
pub(super) const CHAIN: &str = "output";
/// After whatever else the machine has to say of its own packets.
const PRIORITY: i32 = 500;

/// The chain: what the kernel itself sends. What flowpin sends does not pass here.
pub(super) fn chain(table: &str) -> Attributes {
    // Hook 3 is NF_INET_LOCAL_OUT.
    let hook = Attributes::new().number(1, 3).number(2, PRIORITY.cast_unsigned());
    let chain = Attributes::new().string(1, table).string(3, CHAIN).nest(4, hook);
    chain.number(5, End::Accept as u32).string(7, "filter")
}

/// Errors that quote a packet to an inside host are dropped, unless another inside host is told.
pub(super) fn rules(v4: bool, v6: bool) -> Vec<Attributes> {
    let mut rules = Vec::new();
    if v4 {
        // RFC 792: unreachable, time exceeded, parameter problem; the quoted destination stands at 8 + 16.
        rules.extend([3, 11, 12].map(|kind| about_inside(0x0800, 1, kind, (16, 24, 4), SETS[0])));
    }
    if v6 {
        // RFC 4443 §2.1: unreachable, too big, time exceeded, parameter problem; the quoted destination at 8 + 24.
        rules.extend([1, 2, 3, 4].map(|kind| about_inside(0x86dd, 58, kind, (24, 32, 16), SETS[1])));
    }
    rules
}

/// `places`: where the destination stands in the IP header, where in the quoted one behind the ICMP header, its length.
fn about_inside(ethertype: u16, protocol: u8, kind: u8, places: (u32, u32, u32), set: &str) -> Attributes {
    let (destination, quoted, length) = places;
    Rule::default()
        .meta_is(Meta::Protocol, &ethertype.to_be_bytes())
        .meta_is(Meta::Transport, &[protocol])
        .holds(Base::Transport, 0, &[kind])
        .in_set(Base::Transport, quoted, length, set)
        .not_in_set(Base::Network, destination, length, set)
        .end(End::Drop)
}
