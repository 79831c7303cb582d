//! Which of several addresses: what the router's own packets carry on a WAN, and which address of a link is the public one.
//! IPv6 sources are chosen by RFC 6724 §5, IPv4 sources by its like; where its rules leave a choice, the subnet of the
//! target, what the WAN translates to and what lies beside the gateway decide. The kernel's order means nothing, and
//! among equals the one known longest stays. Must never know: packets, who asks.

mod rule6724;

use super::wan::Wan;
use crate::types::{AddressState, Family, LinkAddress, Scope};
use std::cmp::Reverse;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is wanted for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// A question whose answer the kernel ignores: an echo, who has an address. On the link an address of the router itself
    /// asks, and far away one that the WAN translates to, for that is whose way is in question.
    Question,
    /// A question whose answer the kernel would refuse if it saw it, by a word to the host that answers: a name, a port.
    Refused,
    /// An exchange that this word of the kernel would end: a page.
    Exchange,
}

/// A choice, and what decided it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Choice {
    /// The address.
    pub address: IpAddr,
    /// Why not the next best.
    pub why: &'static str,
}

/// The address that the router's own packets to `target` carry: the one set for the WAN if it has it, else the best one by
/// the rules above. `None`: the WAN has none that may be used.
#[must_use]
pub fn towards(wan: &Wan, target: IpAddr, purpose: Purpose) -> Option<Choice> {
    choose(wan, &translated(wan, target), target, Wanted::For(purpose))
}

/// The address of an ICMP error to `sender` about a packet to `asked`: one of the router itself on the link (RFC 1812
/// §4.3.2.4), else, where nobody far away would believe that, the one that was asked. `None`: that one it is, whosever it is.
#[must_use]
pub fn of_error(wan: &Wan, sender: IpAddr, asked: IpAddr) -> Option<IpAddr> {
    let asked = Some(asked).filter(|asked| wan.owns_address(*asked));
    choose(wan, asked.as_slice(), sender, Wanted::OfTheRouter).map(|choice| choice.address)
}

/// Whether an address that the WAN translates to is as good as another, or which is better.
#[derive(Clone, Copy)]
enum Wanted {
    For(Purpose),
    OfTheRouter,
}

/// Of these that flowpin answers for, and the kernel's.
fn choose(wan: &Wan, translated: &[IpAddr], target: IpAddr, wanted: Wanted) -> Option<Choice> {
    let candidates = candidates(wan, translated, target);
    let is_near = candidates.iter().any(|it| it.on_link > 0);
    let family = Family::of(target);
    let said = |it: &Candidate| wan.fixed.source(family) == Some(it.address) && (it.on_link > 0 || !is_near);
    let choice = best(candidates.iter().map(|it| (it.address, it.merit(target, wanted, said(it)))), &REASONS)?;
    let is_own = choice.why == TRANSLATED && !wan.owns_address(choice.address);
    Some(if is_own { Choice { why: "the router's own", ..choice } } else { choice })
}

/// Whether the WAN has that address, and may use it.
#[must_use]
pub fn has(wan: &Wan, address: IpAddr) -> bool {
    let is_usable = |own: &LinkAddress| own.address == address && own.state > AddressState::Tentative;
    wan.owns_address(address) || wan.link.addresses.iter().any(is_usable)
}

/// The address of its packets to the Internet at large.
#[must_use]
pub fn far(wan: &Wan, family: Family) -> Option<Choice> {
    let target = match family {
        // RFC 7600 §4.8 and RFC 4291 §2.6.1: public addresses that no host has.
        Family::V4 => Ipv4Addr::new(192, 0, 0, 8).into(),
        Family::V6 => Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0).into(),
    };
    towards(wan, target, Purpose::Question)
}

/// Which of a link's addresses, all of the family of `gateways`, is its public one, and behind it those of `held` that still
/// lead to the same gateway. `held` are those so far, the current one first, which stays unless another is better; without
/// a gateway no new one is. `said` is the one that is wanted if it is there.
#[must_use]
pub fn publics(addresses: &[LinkAddress], gateways: &[IpAddr], held: &[IpAddr], said: Option<IpAddr>) -> Vec<Choice> {
    let is_beside = |it: &LinkAddress| gateways.iter().any(|gateway| it.network.contains(gateway));
    let is_held = |it: &LinkAddress| held.contains(&it.address);
    // The gateway of a point-to-point link is its other end.
    let is_blind = gateways.is_empty() && !addresses.iter().any(|it| !it.network.contains(&it.address));
    let usable = addresses.iter().filter(|it| it.state > AddressState::Tentative && it.scope >= Scope::SITE);
    let usable = usable.filter(|it| !is_blind || held.is_empty() || is_held(it));
    let merit = |it: &LinkAddress| {
        [
            (said == Some(it.address)).into(),
            (it.state == AddressState::Preferred).into(),
            it.named.into(),
            is_beside(it).into(),
            (!it.temporary).into(),
            held.iter().rev().position(|held| *held == it.address).map_or(0, |at| at as u32 + 1),
            rule6724::reach(it.address).into(),
        ]
    };
    let Some(best) = best(usable.map(|it| (it.address, merit(it))), &PUBLIC_REASONS) else { return Vec::new() };
    let leads = addresses.iter().any(|it| it.address == best.address && is_beside(it));
    let others = addresses.iter().filter(|it| it.address != best.address && is_held(it) && is_beside(it) == leads);
    let others = others.map(|it| Choice { address: it.address, why: "for what began with it" });
    std::iter::once(best).chain(others).collect()
}

/// Whether an address means the same host everywhere: it is neither private nor a provider's own.
#[must_use]
pub fn is_known_everywhere(address: IpAddr) -> bool {
    rule6724::reach(address) >= 2
}

/// The source of questions for a neighbour by IPv6: the kernel's link-local address, else the one that the MAC makes (RFC
/// 4291 appendix A) where the kernel has none. While the only one is tentative an address of another scope is better.
#[must_use]
pub fn link_local(wan: &Wan) -> Ipv6Addr {
    let own = |least| {
        wan.link.addresses6().filter(move |it| it.scope == Scope::LINK && it.state >= least).map(|it| it.address)
    };
    let usable = own(AddressState::Preferred).next().or_else(|| own(AddressState::Deprecated).next());
    let wider = || far(wan, Family::V6).map(|choice| choice.address);
    let tentative = || own(AddressState::Tentative).next().map(|address| wider().unwrap_or(address));
    match usable.or_else(tentative) {
        Some(IpAddr::V6(address)) => address,
        _ => {
            let [a, b, c, d, e, f] = wan.link.mac.0;
            Ipv6Addr::from([0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f])
        }
    }
}

/// What decides on a source, the first difference first.
const REASONS: [&str; 12] = [
    "the target's own",
    "its answers are kept from the kernel",
    "of the target's scope",
    "set in the configuration",
    "not deprecated",
    "of the target's kind",
    "in the target's subnet",
    "not temporary",
    TRANSLATED,
    "named by the default route",
    "beside the gateway",
    "like the target",
];

/// What decides on a public address, the first difference first.
const PUBLIC_REASONS: [&str; 7] = [
    "set in the configuration",
    "not deprecated",
    "named by the default route",
    "beside the gateway",
    "not temporary",
    "the one so far",
    "known farther away",
];

const TRANSLATED: &str = "translated to here";
/// What decided between equals.
const EQUAL: &str = "known the longest";
const ALONE: &str = "the only one";

/// The best of these, the first among equals, and the first of the `reasons` by which it is better than the next that is
/// not as good.
fn best<const N: usize>(
    candidates: impl Iterator<Item = (IpAddr, [u32; N])>,
    reasons: &[&'static str; N],
) -> Option<Choice> {
    let mut all: Vec<_> = candidates.collect();
    all.sort_by_key(|(_, merit)| Reverse(*merit));
    let (address, merit) = all.first()?;
    let nobody = if all.len() > 1 { EQUAL } else { ALONE };
    let why = all.iter().find(|(_, next)| next != merit).map_or(nobody, |(_, next)| {
        let differs = merit.iter().zip(next).position(|(a, b)| a != b);
        differs.and_then(|at| reasons.get(at)).copied().unwrap_or(EQUAL)
    });
    Some(Choice { address: *address, why })
}

/// A source that could be chosen.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    address: IpAddr,
    scope: Scope,
    is_preferred: bool,
    is_stable: bool,
    is_owned: bool,
    is_named: bool,
    is_beside_gateway: bool,
    /// Bits of its subnet.
    subnet: u8,
    /// Bits of the smallest subnet of the link that it shares with the target, and one more; 0: none.
    on_link: u32,
}

impl Candidate {
    fn merit(&self, target: IpAddr, wanted: Wanted, is_said: bool) -> [u32; 12] {
        let is_owned_better = match wanted {
            Wanted::For(Purpose::Question) => self.on_link == 0,
            Wanted::For(Purpose::Refused | Purpose::Exchange) => true,
            Wanted::OfTheRouter => false,
        };
        [
            (self.address == target).into(),
            (matches!(wanted, Wanted::For(Purpose::Exchange)) && self.is_owned).into(),
            rule6724::fit(self.scope, Scope::of(target)),
            is_said.into(),
            self.is_preferred.into(),
            rule6724::kinship(self.address, target).into(),
            self.on_link,
            self.is_stable.into(),
            (self.is_owned == is_owned_better).into(),
            self.is_named.into(),
            self.is_beside_gateway.into(),
            rule6724::common_prefix(self.address, self.subnet, target),
        ]
    }

    /// An address that the WAN translates to, and that the kernel does not have on its link.
    fn owned(address: IpAddr) -> Self {
        Self {
            address,
            scope: Scope::of(address),
            is_preferred: true,
            is_stable: true,
            is_owned: true,
            is_named: false,
            is_beside_gateway: false,
            subnet: if address.is_ipv4() { 32 } else { 64 },
            on_link: 0,
        }
    }

    /// An address of the kernel.
    fn kernels(own: &LinkAddress, is_owned: bool) -> Self {
        Self {
            address: own.address,
            scope: own.scope,
            is_preferred: own.state == AddressState::Preferred,
            is_stable: !own.temporary,
            is_owned,
            is_named: own.named,
            is_beside_gateway: false,
            subnet: own.network.prefix_len(),
            on_link: 0,
        }
    }
}

/// These, and every address of the kernel in the target's family that may be used.
fn candidates(wan: &Wan, translated: &[IpAddr], target: IpAddr) -> Vec<Candidate> {
    let (link, family) = (&wan.link, Family::of(target));
    let gateway = link.next_hop(family);
    // The subnets of the link that an address is in; one of the kernel's is in its own.
    let subnets = |address: IpAddr| {
        let is_kernels = link.has(address);
        let holds = move |own: &&LinkAddress| own.address == address || !is_kernels && own.network.contains(&address);
        link.addresses.iter().filter(holds).map(|own| own.network)
    };
    let is_beside = |address| gateway.is_some_and(|gateway| subnets(address).any(|subnet| subnet.contains(&gateway)));
    let on_link = |address| {
        let shared = subnets(address).filter(|subnet| subnet.contains(&target));
        shared.map(|subnet| u32::from(subnet.prefix_len()) + 1).max().unwrap_or(0)
    };
    let owned = translated.iter().copied().filter(|address| !link.has(*address)).map(Candidate::owned);
    let kernels = link.addresses.iter().filter(|it| Family::of(it.address) == family);
    let kernels = kernels.filter(|it| it.state > AddressState::Tentative);
    let kernels = kernels.map(|it| Candidate::kernels(it, wan.owns_address(it.address)));
    let place =
        |it: Candidate| Candidate { is_beside_gateway: is_beside(it.address), on_link: on_link(it.address), ..it };
    owned.chain(kernels).map(place).collect()
}

/// The host of the translated prefix whose address the router's own questions take: its first one, but where the prefix is
/// the link's own network, and that is the gateway's, one of the link's MAC.
#[must_use]
pub fn own_host(wan: &Wan) -> Option<Ipv6Addr> {
    let prefix = wan.nptv6.first()?.held.outside();
    // The kernel makes its own address of the MAC with the universal bit turned (RFC 4291 appendix A).
    let [a, b, c, d, e, f] = wan.link.mac.0;
    let of_mac = u64::from_be_bytes([a, b, c, 0xff, 0xfe, d, e, f]);
    let host = if wan.is_proxy() { of_mac } else { 1 };
    Some(Ipv6Addr::from_bits(prefix.network().to_bits() | u128::from(host)))
}

/// Every host of the translated prefixes that the router's own questions may come from: that one, and those that are set.
pub fn own_hosts(wan: &Wan) -> impl Iterator<Item = Ipv6Addr> + '_ {
    let set = wan.fixed.sources.iter().copied().chain(wan.fixed.health.iter().map(|spec| spec.source)).flatten();
    let set = set.filter(|source| wan.owns_address(*source)).filter_map(|source| match source {
        IpAddr::V6(source) => Some(source),
        IpAddr::V4(_) => None,
    });
    own_host(wan).into_iter().chain(set)
}

/// The addresses that flowpin answers for, the best first; of a prefix one host.
fn translated(wan: &Wan, target: IpAddr) -> Vec<IpAddr> {
    let IpAddr::V6(target) = target else {
        let mut publics: Vec<_> = wan.nat44.publics().collect();
        publics.sort_unstable_by_key(|public| (wan.nat44.source() != Some(*public), *public));
        return publics.into_iter().map(IpAddr::V4).collect();
    };
    if target.is_unicast_link_local() {
        return vec![link_local(wan).into()];
    }
    let hosts = wan.host6.externals();
    let said = wan.fixed.source(Family::V6).filter(|said| wan.owns_address(*said));
    hosts.chain(own_host(wan)).map(IpAddr::V6).chain(said).collect()
}

#[cfg(test)]
mod tests;
