//! What is known of the next hops: one word for each of a WAN's gateways, and which of them is used, which every worker reads
//! without a lock. A gateway keeps its place while the policy has it.
//! Must never know: frames (arp.rs), when to ask (prober.rs), what is done about a MAC that is claimed (claims.rs).

use super::claims::Claims;
use super::hop::HopId;
use super::hosts::{Hosts, Resolution};
use super::in_use::InUse;
use super::word::{
    ASKED, FIXED, HEARD, Learned, PROBING, REACHABLE, SPOKEN, STATIC, SUSPECT, VALID, after, is_station, learned, mac,
};
use crate::plane::policy::MOST_GATEWAYS;
use crate::types::{Family, MAX_WANS, Mac, Tick, WanId};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How well a next hop is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NeighborState {
    /// No MAC: nobody answers, or there is no next hop.
    Unresolved,
    /// Being asked for; a MAC known from before stays in use.
    Probing,
    /// It answered lately.
    Reachable,
    /// Its MAC is configured: nobody is asked for it.
    Static,
}

impl NeighborState {
    /// The name that people read.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unresolved => "unresolved",
            Self::Probing => "probing",
            Self::Reachable => "reachable",
            Self::Static => "static",
        }
    }
}

/// The next hops' MACs, one for each WAN and family, shared by the workers.
#[derive(Debug)]
pub struct Neighbors {
    lines: [[Line; 2]; MAX_WANS],
    doubted: AtomicBool,
    pub(super) claims: Claims,
    /// Addresses of the link's own network that inside hosts use.
    pub in_use: InUse,
    /// Hosts of the links' own networks.
    pub hosts: Hosts,
}

/// The gateways of one WAN and family.
#[derive(Debug, Default)]
struct Line {
    /// The place of the one that is used.
    used: AtomicUsize,
    known: [AtomicU64; MOST_GATEWAYS],
    /// Whose each place is.
    addresses: Mutex<[Option<IpAddr>; MOST_GATEWAYS]>,
}

impl Default for Neighbors {
    fn default() -> Self {
        Self::new()
    }
}

impl Neighbors {
    /// Nothing resolved yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            lines: std::array::from_fn(|_| Default::default()),
            doubted: AtomicBool::new(false),
            claims: Claims::default(),
            in_use: InUse::default(),
            hosts: Hosts::default(),
        }
    }

    /// The MAC of the next hop, if there is one to send to.
    #[must_use]
    pub fn mac(&self, wan: WanId, family: Family) -> Option<Mac> {
        self.mac_of(self.used(wan, family))
    }

    pub(super) fn mac_of(&self, hop: HopId) -> Option<Mac> {
        mac(self.load(hop))
    }

    /// The MAC of the gateway that has this address, how well it is known, and whether it is the one that is used.
    #[must_use]
    pub fn gateway(&self, wan: WanId, family: Family, address: IpAddr) -> (Option<Mac>, NeighborState, bool) {
        let Some(hop) = self.hop(wan, family, address) else { return (None, NeighborState::Unresolved, false) };
        (self.mac_of(hop), self.state_of(hop), self.used(wan, family) == hop)
    }

    /// Whether the next hop that is used answers.
    pub(super) fn answers(&self, wan: WanId, family: Family) -> bool {
        self.load(self.used(wan, family)) & REACHABLE != 0
    }

    /// Whether a next hop that is used has been doubted since this was last asked.
    pub(in crate::plane) fn take_doubted(&self) -> bool {
        self.doubted.load(Relaxed) && self.doubted.swap(false, Relaxed)
    }

    /// Where the next hop that is used is on its link.
    #[must_use]
    pub fn next_hop(&self, wan: WanId, family: Family) -> Option<IpAddr> {
        self.address(self.used(wan, family))
    }

    /// The next hop that is used.
    pub(super) fn used(&self, wan: WanId, family: Family) -> HopId {
        let place = self.line(wan, family).map_or(0, |line| line.used.load(Relaxed));
        HopId { wan, family, place }
    }

    /// This one is used from now on.
    pub(super) fn set_used(&self, hop: HopId) {
        self.line(hop.wan, hop.family).into_iter().for_each(|line| line.used.store(hop.place, Relaxed));
    }

    /// The next hop of one family that has this address.
    pub(super) fn hop(&self, wan: WanId, family: Family, address: IpAddr) -> Option<HopId> {
        let place = self.addresses(wan, family)?.iter().position(|it| *it == Some(address))?;
        Some(HopId { wan, family, place })
    }

    /// The next hops of a WAN that have this address: an IPv6 address may be that of one for IPv4 too.
    pub(super) fn hops(&self, wan: WanId, address: IpAddr) -> impl Iterator<Item = HopId> {
        Family::ALL.map(|family| self.hop(wan, family, address)).into_iter().flatten()
    }

    pub(super) fn address(&self, hop: HopId) -> Option<IpAddr> {
        self.addresses(hop.wan, hop.family)?.get(hop.place).copied().flatten()
    }

    /// Says whose a place is.
    pub(super) fn set_address(&self, hop: HopId, address: Option<IpAddr>) {
        let mut addresses = self.addresses(hop.wan, hop.family);
        if let Some(place) = addresses.as_mut().and_then(|addresses| addresses.get_mut(hop.place)) {
            *place = address;
        }
    }

    fn addresses(&self, wan: WanId, family: Family) -> Option<MutexGuard<'_, [Option<IpAddr>; MOST_GATEWAYS]>> {
        Some(self.line(wan, family)?.addresses.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn line(&self, wan: WanId, family: Family) -> Option<&Line> {
        self.lines.get(wan.index()).map(|both| &both[family.index()])
    }

    /// How well the next hop is known.
    #[must_use]
    pub fn state(&self, wan: WanId, family: Family) -> NeighborState {
        self.state_of(self.used(wan, family))
    }

    pub(super) fn state_of(&self, hop: HopId) -> NeighborState {
        match self.load(hop) {
            word if word & STATIC != 0 => NeighborState::Static,
            word if word & REACHABLE != 0 => NeighborState::Reachable,
            word if word & PROBING != 0 => NeighborState::Probing,
            _ => NeighborState::Unresolved,
        }
    }

    /// Fixes the next hop's MAC: it is not asked for any more, and nothing learned replaces it. For replay.
    pub fn set(&self, wan: WanId, family: Family, mac: Mac) {
        if let Some(cell) = self.cell(self.used(wan, family)) {
            cell.store(mac.to_u64() | VALID | REACHABLE | FIXED, Relaxed);
        }
    }

    /// Fixes the next hop's MAC while the policy says so. Whether it does not, and the next hop starts over.
    pub(super) fn follow_policy(&self, hop: HopId, said: Option<Mac>) -> bool {
        let fixed = said.map_or(0, |mac| mac.to_u64() | VALID | REACHABLE | FIXED | STATIC);
        let is_free = |word: u64| word & FIXED == 0 || word & STATIC != 0;
        let update = |word: u64| (is_free(word) && (said.is_some() || word & STATIC != 0)).then_some(fixed);
        let was = self.update(hop, update);
        said.is_none() && was & STATIC != 0
    }

    /// When the MACs that are claimed for next hops, and the hosts of the links, are to be looked at again.
    #[must_use]
    pub fn due(&self) -> Tick {
        self.claims.due().min(self.hosts.due())
    }

    /// How a host of the link, which may be a gateway, stands to what is sent to it now; `None`: nobody has asked for it.
    #[must_use]
    pub fn find(&self, now: Tick, wan: WanId, host: IpAddr) -> Option<Resolution> {
        let of = |hop| self.mac_of(hop).map_or(Resolution::Asked, Resolution::Known);
        self.hosts.find(now, wan, host).or_else(|| self.hops(wan, host).next().map(of))
    }

    /// The MAC that a next hop or a host is believed to have, and the one that is claimed for it; `None`: it is neither.
    pub(super) fn macs(&self, wan: WanId, address: IpAddr) -> Option<(Option<Mac>, Option<Mac>)> {
        let of = |hop| (self.mac_of(hop), self.claims.mac(hop));
        self.hops(wan, address).next().map(of).or_else(|| self.hosts.macs(wan, address))
    }

    fn cell(&self, hop: HopId) -> Option<&AtomicU64> {
        self.line(hop.wan, hop.family)?.known.get(hop.place)
    }

    pub(super) fn load(&self, hop: HopId) -> u64 {
        self.cell(hop).map_or(0, |cell| cell.load(Relaxed))
    }

    /// Changes the word where `update` gives another; says what it was.
    fn update(&self, hop: HopId, update: impl Fn(u64) -> Option<u64>) -> u64 {
        let Some(cell) = self.cell(hop) else { return 0 };
        let other = |word: u64| update(word).filter(|new| *new != word);
        cell.fetch_update(Relaxed, Relaxed, other).unwrap_or_else(|word| word)
    }

    /// Changes the word unless it is fixed; says what it was.
    pub(super) fn change(&self, hop: HopId, change: impl Fn(u64) -> u64) -> u64 {
        self.update(hop, |word| (word & FIXED == 0).then(|| change(word)))
    }

    /// The next hop is asked now: its next answer counts.
    pub(super) fn note_question(&self, hop: HopId) {
        self.update(hop, |word| Some(word | ASKED));
    }

    /// The next hop, or somebody in its name, said that its MAC is `said`; `is_answer`: in the form of an answer. Only an answer
    /// that was asked for counts (RFC 4861 §7.2.5), and no station may claim a group address (RFC 1812 §3.3.2).
    pub(super) fn learn(&self, hop: HopId, said: Mac, is_answer: bool) -> Learned {
        let was = self.update(hop, |word| after(word, said, is_answer));
        if is_answer && is_station(said) {
            self.claims.note_answer(hop, said, mac(was) == Some(said));
        }
        learned(was, said, is_answer)
    }

    /// A claim has proved true.
    pub(super) fn replace(&self, hop: HopId, mac: Mac) {
        self.change(hop, |_| mac.to_u64() | VALID | REACHABLE | HEARD | SPOKEN);
    }

    /// Whether the next hop has answered since this was last asked.
    pub(in crate::plane) fn has_spoken(&self, wan: WanId, family: Family) -> bool {
        let hop = self.used(wan, family);
        self.load(hop) & SPOKEN != 0 && self.update(hop, |word| Some(word & !SPOKEN)) & SPOKEN != 0
    }

    /// The next hop left a question unanswered: its MAC stays in use, and it does not count as reachable until it speaks.
    pub(in crate::plane) fn doubt(&self, wan: WanId, family: Family) {
        self.doubted.store(true, Relaxed);
        self.change(self.used(wan, family), |word| if word & VALID == 0 { word } else { word & !REACHABLE | PROBING });
    }

    /// What was sent by way of the next hop stayed unanswered: it is to be asked whether it is still there (RFC 4861 §7.3.1).
    pub(in crate::plane) fn suspect(&self, wan: WanId, family: Family) {
        self.doubted.store(true, Relaxed);
        self.change(self.used(wan, family), |word| word | SUSPECT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: Mac = Mac([2, 0, 0, 0, 0xff, 9]);
    const WAN: WanId = WanId(31);
    const V4: HopId = HopId { wan: WAN, family: Family::V4, place: 0 };
    const V6: HopId = HopId { wan: WAN, family: Family::V6, place: 0 };

    #[test]
    fn a_next_hop_is_unresolved_until_it_was_heard() {
        let neighbors = Neighbors::new();
        assert_eq!(
            (neighbors.mac(WAN, Family::V4), neighbors.state(WAN, Family::V4)),
            (None, NeighborState::Unresolved)
        );
        assert_eq!(neighbors.learn(V4, MAC, true), Learned::Claimed, "nobody asked");
        assert_eq!(neighbors.mac(WAN, Family::V4), None);
        neighbors.note_question(V4);
        assert_eq!(neighbors.learn(V4, MAC, false), Learned::Claimed, "that is no answer");
        assert_eq!(neighbors.mac(WAN, Family::V4), None);
        assert_eq!(neighbors.learn(V4, MAC, true), Learned::Settled);
        assert_eq!(
            (neighbors.mac(WAN, Family::V4), neighbors.state(WAN, Family::V4)),
            (Some(MAC), NeighborState::Reachable)
        );
        assert_eq!(neighbors.mac(WAN, Family::V6), None, "the families are apart");
    }

    #[test]
    fn a_next_hop_has_spoken_once_for_each_question() {
        let neighbors = Neighbors::new();
        for _ in 0..2 {
            neighbors.note_question(V4);
            neighbors.change(V4, |word| word & !(REACHABLE | HEARD) | PROBING);
            neighbors.learn(V4, MAC, true);
            assert_eq!(neighbors.load(V4), MAC.to_u64() | VALID | REACHABLE | HEARD | SPOKEN);
            assert!(neighbors.has_spoken(WAN, Family::V4));
            neighbors.learn(V4, MAC, true);
            assert!(!neighbors.has_spoken(WAN, Family::V4), "nobody asked again");
        }
    }

    #[test]
    fn another_than_the_known_mac_is_never_used_for_its_word_alone() {
        let neighbors = Neighbors::new();
        neighbors.note_question(V4);
        neighbors.learn(V4, MAC, true);
        neighbors.note_question(V4);
        for is_answer in [false, true] {
            assert_eq!(neighbors.learn(V4, Mac([2, 0, 0, 0, 0, 1]), is_answer), Learned::Claimed);
        }
        neighbors.learn(V4, MAC, true);
        assert!(neighbors.has_spoken(WAN, Family::V4), "another's answer is not the answer");
        assert_eq!(neighbors.mac(WAN, Family::V4), Some(MAC));
    }

    #[test]
    fn no_station_is_believed_to_have_a_group_address() {
        let neighbors = Neighbors::new();
        neighbors.note_question(V6);
        neighbors.learn(V6, Mac::BROADCAST, true);
        neighbors.learn(V6, Mac::default(), true);
        assert_eq!(neighbors.mac(WAN, Family::V6), None);
    }

    #[test]
    fn a_fixed_mac_stays() {
        let neighbors = Neighbors::new();
        neighbors.set(WAN, Family::V6, MAC);
        neighbors.learn(V6, Mac([2, 0, 0, 0, 0, 1]), true);
        assert_eq!((neighbors.mac(WAN, Family::V6), neighbors.state(WAN, Family::V6).name()), (Some(MAC), "reachable"));
    }

    #[test]
    fn a_configured_mac_holds_against_every_claim_and_its_owner_may_still_show_that_it_is_there() {
        let neighbors = Neighbors::new();
        neighbors.follow_policy(V4, Some(MAC));
        let other = Mac([2, 0, 0, 0, 0, 1]);
        neighbors.note_question(V4);
        assert_eq!(neighbors.learn(V4, other, true), Learned::Settled);
        assert!(!neighbors.has_spoken(WAN, Family::V4));
        neighbors.learn(V4, MAC, true);
        assert!(neighbors.has_spoken(WAN, Family::V4));
        assert_eq!((neighbors.mac(WAN, Family::V4), neighbors.state(WAN, Family::V4).name()), (Some(MAC), "static"));
        assert!(!neighbors.follow_policy(V4, Some(other)));
        assert_eq!(neighbors.mac(WAN, Family::V4), Some(other), "the policy says another");
        assert!(neighbors.follow_policy(V4, None), "it starts over");
        assert_eq!(neighbors.mac(WAN, Family::V4), None);
    }

    #[test]
    fn a_wan_that_cannot_be_has_no_next_hop() {
        let neighbors = Neighbors::new();
        neighbors.set(WanId(32), Family::V4, MAC);
        assert_eq!(neighbors.mac(WanId(32), Family::V4), None);
    }
}
