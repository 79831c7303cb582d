//! The immutable snapshot that the plane obeys. A change is a new snapshot with a new epoch, adopted between batches.
//!
//! A snapshot is made of parts, and shares every large one with those before and after it, behind an `Arc`: what the
//! configuration alone says (`fixed`, here and in each WAN) is made once, what a link or a lease says is made anew for
//! that WAN alone, and how the WANs stand is copied. Control keeps what is out of force until no worker has it any more,
//! so that a worker never frees a large part. Where flows may go (`rules`) and the table of remotes (`routes`, with a
//! generation of its own, so that a routing update makes no flow re-prove) will be parts beside `fixed`.
//!
//! Built by `control::compile` for the live service and by the replay; must never know: files, links, sockets.

mod gateway;
mod health;
mod link;
pub mod source;
mod wan;

pub use gateway::{Gateway, MOST_GATEWAYS};
pub use health::{ProbeSpec, Question, Target};
pub use link::WanLink;
pub use wan::{Draining, OnDown, Probe, Wan, WanFixed};

use crate::plane::packet::headers::Endpoint;
use crate::types::{Balance, Family, Owned, Slots, Timeouts, WanId};
use ipnet::{IpNet, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// Everything the plane has to know to route a packet.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Grows by one with each snapshot.
    pub epoch: u32,
    /// What neither links nor health change.
    pub fixed: Arc<Fixed>,
    /// The router towards inside, as the kernel has it.
    pub inside: Inside,
    /// The WANs by slot.
    pub wans: Slots<Wan>,
}

/// What the configuration alone says. The default accepts no source, and sends no ICMP error.
#[derive(Clone, Debug, Default)]
pub struct Fixed {
    /// Seed of the rendezvous hash.
    pub seed: u64,
    /// What of a flow is hashed.
    pub balance: Balance,
    /// Sources accepted from inside.
    pub prefixes: Vec<IpNet>,
    /// Routers between here and inside hosts: 1 where the kernel hands packets on from the TUN. A packet that would end
    /// its life there ends it here: the kernel would tell the sender of an inside address, on whichever WAN it likes.
    pub hops: u8,
    /// Sources and destinations that die.
    pub martians: Vec<IpNet>,
    /// How long silent flows live.
    pub timeouts: Timeouts,
    /// ICMP errors a second that one worker sends itself towards inside, and as many towards the WANs.
    pub icmp_errors: u32,
    /// Where no WAN is up, a new flow tries one that is down but can still send.
    pub last_resort: bool,
}

/// The router towards inside.
#[derive(Clone, Debug)]
pub struct Inside {
    /// Largest IP packet that reaches inside hosts, in bytes.
    pub mtu: u16,
    /// Addresses of this machine that some map could lead to: nothing is brought there from a WAN, for the kernel would
    /// hand it to the router's own sockets.
    pub machine: Arc<[IpAddr]>,
    /// Every address of this machine, whatever link it is on, in order: nobody outside sends from one.
    pub own: Arc<[IpAddr]>,
    /// Source of ICMP errors towards inside; `None` and no error can be sent in this family.
    pub router4: Option<Ipv4Addr>,
    /// The same for IPv6.
    pub router6: Option<Ipv6Addr>,
}

impl Policy {
    /// The WAN in this slot; `None` for a WAN of an older snapshot that is gone.
    #[must_use]
    pub fn wan(&self, id: WanId) -> Option<&Wan> {
        self.wans.get(id)
    }

    /// The WANs in the order of their slots.
    pub fn wans(&self) -> impl Iterator<Item = (WanId, &Wan)> {
        self.wans.iter()
    }

    /// What the configuration alone says, to be changed: a copy of it, if another snapshot shares it.
    pub fn fixed_mut(&mut self) -> &mut Fixed {
        Arc::make_mut(&mut self.fixed)
    }

    /// Whether `address` is inside one of the inside prefixes, or the inside host of an inbound map.
    #[must_use]
    pub fn is_inside(&self, address: IpAddr) -> bool {
        let is_mapped = |wan: &Wan| wan.fixed.inbound6.iter().any(|host| address == IpAddr::V6(*host));
        self.fixed.prefixes.iter().any(|prefix| prefix.contains(&address)) || self.wans().any(|(_, wan)| is_mapped(wan))
    }

    /// Everything that flowpin translates, in one order, whatever order it is held in, without what of it is the kernel's.
    #[must_use]
    pub fn owned(&self) -> Vec<Owned> {
        let kept: Vec<_> = self.wans().flat_map(|(_, wan)| wan.kept6.iter().copied()).collect();
        let whole = self.wans().flat_map(|(_, wan)| wan.owned()).flat_map(|net| without(net, &kept));
        let shared = self.wans().flat_map(|(_, wan)| wan.shared());
        let mut owned: Vec<_> = whole.map(Owned::from).chain(shared).collect();
        owned.sort_unstable();
        owned.dedup();
        owned
    }

    /// Whether a WAN owns something else than in the snapshot before this.
    #[must_use]
    pub fn owns_anew(&self) -> bool {
        self.wans().any(|(_, wan)| wan.owned_since == self.epoch)
    }

    /// The WAN that translates what is sent to `public`.
    #[must_use]
    pub fn owner(&self, public: &Endpoint) -> Option<WanId> {
        self.wans().find(|(_, wan)| wan.owns(public)).map(|(id, _)| id)
    }

    /// Whether `address` is the router's: owned, or the kernel's own on any link.
    #[must_use]
    pub fn is_own(&self, address: IpAddr) -> bool {
        self.inside.own.binary_search(&address).is_ok()
            || self.wans().any(|(_, wan)| wan.owns_address(address) || wan.link.has(address))
    }
}

/// `net` without these addresses, unless it is one of them.
fn without(net: IpNet, addresses: &[Ipv6Addr]) -> Vec<IpNet> {
    let IpNet::V6(whole) = net else { return vec![net] };
    let mut pieces = vec![whole];
    for address in addresses.iter().filter(|address| whole.prefix_len() < 128 && whole.contains(*address)) {
        let split = |net: Ipv6Net| {
            if !net.contains(address) {
                return vec![net];
            }
            let halves = (net.prefix_len() + 1..=128).map(|length| {
                let bits = address.to_bits() ^ 1 << (128 - length);
                Ipv6Net::new_assert(Ipv6Addr::from_bits(bits), length).trunc()
            });
            halves.collect()
        };
        pieces = pieces.into_iter().flat_map(split).collect();
    }
    pieces.into_iter().map(IpNet::V6).collect()
}

impl Inside {
    /// The router's own address towards inside in one family.
    #[must_use]
    pub fn router(&self, family: Family) -> Option<IpAddr> {
        match family {
            Family::V4 => self.router4.map(IpAddr::V4),
            Family::V6 => self.router6.map(IpAddr::V6),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::sample::policy;

    #[test]
    fn what_any_wan_translates_is_owned_once_and_in_one_order() {
        let mut policy = policy();
        let hosts = policy.wans[0].host6.clone();
        policy.wans[1].host6 = hosts;
        let owned: Vec<_> = policy.owned().iter().map(ToString::to_string).collect();
        let v4 = ["192.0.2.12/32", "192.0.2.13/32", "198.51.100.12/32", "198.51.100.13/32"];
        let v6 = ["2001:db8:a:c80::/60", "2001:db8:a:c80::1/128", "2001:db8:b:be00::/60"];
        assert_eq!(owned, [&v4[..], &v6].concat());
    }

    #[test]
    fn what_of_a_prefix_is_the_kernels_is_not_owned() {
        let mut policy = policy();
        policy.wans.iter_mut().for_each(|(_, wan)| (wan.nat44, wan.host6) = Default::default());
        let kept = ["2001:db8:a:c80::", "2001:db8:a:c85::7"].map(|text| text.parse().unwrap());
        policy.wans[0].kept6 = kept.into();
        let owned = policy.owned();
        assert_eq!(
            owned.len(),
            68 - 1 + 66 + 1,
            "halves down to each address, of which the second lies in a /62; and the DSL's prefix"
        );
        let has = |text: &str| owned.iter().any(|it| it.net.contains(&text.parse::<IpAddr>().unwrap()));
        for ours in ["2001:db8:a:c80::1", "2001:db8:a:c85::6", "2001:db8:a:c8f:ffff:ffff:ffff:ffff"] {
            assert!(has(ours), "{ours}");
        }
        assert!(!has("2001:db8:a:c80::") && !has("2001:db8:a:c85::7") && !has("2001:db8:a:c90::"));
        let of = |text: &str| Endpoint { address: text.parse().unwrap(), protocol: 6, port: 1 };
        assert_eq!(
            (policy.owner(&of("2001:db8:a:c85::7")), policy.owner(&of("2001:db8:a:c85::8"))),
            (None, Some(WanId(0)))
        );
    }
}
