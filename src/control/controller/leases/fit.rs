//! What cannot be a public address of a WAN. Must never know: who says that it is.

use super::{Leases, needed};
use crate::config::settings::is_behind_nat;
use crate::types::{Tick, WanId};
use ipnet::IpNet;
use std::net::IpAddr;

/// The longest prefix that is translated (RFC 6296 §3.2).
const LONGEST: u8 = 64;

impl Leases {
    /// Why `net`, a host or an IPv6 prefix, cannot be a WAN's: what follows "it cannot be, for".
    pub(super) fn misfit(&self, now: Tick, id: WanId, net: IpNet) -> Option<String> {
        let wan = self.settings.wans.get(id)?;
        if net.addr() != net.network() {
            return Some(format!("it has bits behind its length, did you mean {}?", net.trunc()));
        }
        if matches!(net, IpNet::V6(_)) && (LONGEST + 1..128).contains(&net.prefix_len()) {
            return Some(format!("it is longer than /{LONGEST}"));
        }
        if !is_public(net.network()) {
            return Some("hosts of the Internet have no such addresses".to_owned());
        }
        let net = needed(wan, net);
        let overlaps = |other: &IpNet| other.contains(&net) || net.contains(other);
        if let Some(inside) = self.settings.downstream.prefixes.iter().find(|inside| overlaps(inside)) {
            return Some(format!("it overlaps the inside prefix {inside}"));
        }
        for (other, wan) in self.settings.wans.iter() {
            let Some(holding) = self.wans.get(other) else { continue };
            if other != id && is_behind_another_nat(net) {
                continue;
            }
            // A host map of its own is more specific than the prefix.
            let fixed = wan.fixed().into_iter().filter(|_| other != id || matches!(net, IpNet::V4(_)));
            let leased = holding.pools.iter().flat_map(|pool| pool.valid(now)).map(|entry| entry.leased.held);
            let leased = leased.filter(|_| other != id);
            if let Some(owned) = fixed.chain(leased).find(overlaps) {
                return Some(format!("it overlaps {owned} of WAN \"{}\"", wan.name));
            }
        }
        None
    }
}

/// Sticks of one make hand out the same private address. Each is another line: a flow is bound to its WAN, and what comes in
/// is looked up on the one that it came in on.
fn is_behind_another_nat(net: IpNet) -> bool {
    matches!(net, IpNet::V4(net) if is_behind_nat(net.addr()))
}

/// Not only what is global: a line may sit behind another NAT, and laboratories use the documentation's ranges.
fn is_public(first: IpAddr) -> bool {
    match first {
        IpAddr::V4(v4) => v4.octets()[0] != 0 && !v4.is_loopback() && !v4.is_link_local() && !v4.is_multicast(),
        IpAddr::V6(v6) => v6.segments()[0] != 0 && !v6.is_unicast_link_local() && !v6.is_multicast(),
    }
}
