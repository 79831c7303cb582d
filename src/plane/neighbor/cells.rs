//! What is known of the next hops: one word for each WAN and family, which every worker reads without a lock.
//! Must never know: frames (arp.rs), when to ask (prober.rs), what is done about a MAC that is claimed (claims.rs).

use super::claims::Claims;
use super::in_use::InUse;
use crate::types::{Family, MAX_WANS, Mac, Tick, WanId};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

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
    known: [[AtomicU64; 2]; MAX_WANS],
    pub(super) claims: Claims,
    /// Addresses of the link's own network that inside hosts use.
    pub in_use: InUse,
}

/// What was learned of a next hop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Learned {
    /// Nothing new, or the MAC of one that had been asked for.
    Settled,
    /// A MAC that is not the known one, or was not asked for: it is not used until its owner answers.
    Claimed,
}

/// The MAC is in the low 48 bits.
pub(super) const VALID: u64 = 1 << 48;
pub(super) const PROBING: u64 = 1 << 49;
pub(super) const REACHABLE: u64 = 1 << 50;
/// It answered since the prober last looked.
pub(super) const HEARD: u64 = 1 << 51;
/// Set from outside; nothing learned replaces it.
pub(super) const FIXED: u64 = 1 << 52;
/// It answered since `has_spoken` was last asked.
const SPOKEN: u64 = 1 << 53;
/// Something that was sent by way of it stayed unanswered.
pub(super) const SUSPECT: u64 = 1 << 54;
/// It was asked, and has not answered since.
const ASKED: u64 = 1 << 55;
/// Of a fixed one: the policy says so.
const STATIC: u64 = 1 << 56;

impl Default for Neighbors {
    fn default() -> Self {
        Self::new()
    }
}

impl Neighbors {
    /// Nothing resolved yet.
    #[must_use]
    pub fn new() -> Self {
        Self { known: std::array::from_fn(|_| Default::default()), claims: Claims::default(), in_use: InUse::default() }
    }

    /// The MAC of the next hop, if there is one to send to.
    #[must_use]
    pub fn mac(&self, wan: WanId, family: Family) -> Option<Mac> {
        let word = self.load(wan, family);
        (word & VALID != 0).then(|| Mac::from_u64(word & (VALID - 1)))
    }

    /// How well the next hop is known.
    #[must_use]
    pub fn state(&self, wan: WanId, family: Family) -> NeighborState {
        match self.load(wan, family) {
            word if word & STATIC != 0 => NeighborState::Static,
            word if word & REACHABLE != 0 => NeighborState::Reachable,
            word if word & PROBING != 0 => NeighborState::Probing,
            _ => NeighborState::Unresolved,
        }
    }

    /// Fixes the next hop's MAC: it is not asked for any more, and nothing learned replaces it. For replay.
    pub fn set(&self, wan: WanId, family: Family, mac: Mac) {
        if let Some(cell) = self.cell(wan, family) {
            cell.store(mac.to_u64() | VALID | REACHABLE | FIXED, Relaxed);
        }
    }

    /// Fixes the next hop's MAC while the policy says so. Whether it does not, and the next hop starts over.
    pub(super) fn follow_policy(&self, wan: WanId, family: Family, said: Option<Mac>) -> bool {
        let fixed = said.map_or(0, |mac| mac.to_u64() | VALID | REACHABLE | FIXED | STATIC);
        let is_free = |word: u64| word & FIXED == 0 || word & STATIC != 0;
        let update = |word: u64| (is_free(word) && (said.is_some() || word & STATIC != 0)).then_some(fixed);
        let was = self.update(wan, family, update);
        said.is_none() && was & STATIC != 0
    }

    /// When the MACs that are claimed for next hops are to be looked at again.
    #[must_use]
    pub fn claims_due(&self) -> Tick {
        self.claims.due()
    }

    fn cell(&self, wan: WanId, family: Family) -> Option<&AtomicU64> {
        self.known.get(wan.index()).map(|both| &both[family.index()])
    }

    fn load(&self, wan: WanId, family: Family) -> u64 {
        self.cell(wan, family).map_or(0, |cell| cell.load(Relaxed))
    }

    /// Changes the word where `update` gives another; says what it was.
    fn update(&self, wan: WanId, family: Family, update: impl Fn(u64) -> Option<u64>) -> u64 {
        let Some(cell) = self.cell(wan, family) else { return 0 };
        let other = |word: u64| update(word).filter(|new| *new != word);
        cell.fetch_update(Relaxed, Relaxed, other).unwrap_or_else(|word| word)
    }

    /// Changes the word unless it is fixed; says what it was.
    pub(super) fn change(&self, wan: WanId, family: Family, change: impl Fn(u64) -> u64) -> u64 {
        self.update(wan, family, |word| (word & FIXED == 0).then(|| change(word)))
    }

    /// The next hop is asked now: its next answer counts.
    pub(super) fn note_question(&self, wan: WanId, family: Family) {
        self.update(wan, family, |word| Some(word | ASKED));
    }

    /// The next hop, or somebody in its name, said that its MAC is `mac`; `is_answer`: in the form of an answer. Only an answer
    /// that was asked for counts (RFC 4861 §7.2.5), and no station may claim a group address (RFC 1812 §3.3.2).
    pub(super) fn learn(&self, wan: WanId, family: Family, mac: Mac, is_answer: bool) -> Learned {
        if mac.is_group() || mac == Mac::default() {
            return Learned::Settled;
        }
        let is_answered = |word: u64| is_answer && word & ASKED != 0;
        let is_known = |word: u64| word & VALID != 0 && word & (VALID - 1) == mac.to_u64();
        let was = self.update(wan, family, |word| match is_answered(word) && (is_known(word) || word & VALID == 0) {
            true if word & FIXED != 0 => Some(word & !ASKED | SPOKEN),
            true => Some(mac.to_u64() | VALID | REACHABLE | HEARD | SPOKEN),
            false => None,
        });
        if is_answer {
            self.claims.note_answer((wan, family), mac, is_known(was));
        }
        let is_settled = is_known(was) || was & FIXED != 0 || was & VALID == 0 && is_answered(was);
        if is_settled { Learned::Settled } else { Learned::Claimed }
    }

    /// A claim has proved true.
    pub(super) fn replace(&self, wan: WanId, family: Family, mac: Mac) {
        self.change(wan, family, |_| mac.to_u64() | VALID | REACHABLE | HEARD | SPOKEN);
    }

    /// Whether the next hop has answered since this was last asked.
    pub(in crate::plane) fn has_spoken(&self, wan: WanId, family: Family) -> bool {
        self.load(wan, family) & SPOKEN != 0 && self.update(wan, family, |word| Some(word & !SPOKEN)) & SPOKEN != 0
    }

    /// The next hop left a question unanswered: its MAC stays in use, and it does not count as reachable until it speaks.
    pub(in crate::plane) fn doubt(&self, wan: WanId, family: Family) {
        self.change(wan, family, |word| if word & VALID == 0 { word } else { word & !REACHABLE | PROBING });
    }

    /// What was sent by way of the next hop stayed unanswered: it is to be asked whether it is still there (RFC 4861 §7.3.1).
    pub(in crate::plane) fn suspect(&self, wan: WanId, family: Family) {
        self.change(wan, family, |word| word | SUSPECT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: Mac = Mac([2, 0, 0, 0, 0xff, 9]);
    const WAN: WanId = WanId(31);

    #[test]
    fn a_next_hop_is_unresolved_until_it_was_heard() {
        let neighbors = Neighbors::new();
        assert_eq!(
            (neighbors.mac(WAN, Family::V4), neighbors.state(WAN, Family::V4)),
            (None, NeighborState::Unresolved)
        );
        assert_eq!(neighbors.learn(WAN, Family::V4, MAC, true), Learned::Claimed, "nobody asked");
        assert_eq!(neighbors.mac(WAN, Family::V4), None);
        neighbors.note_question(WAN, Family::V4);
        assert_eq!(neighbors.learn(WAN, Family::V4, MAC, false), Learned::Claimed, "that is no answer");
        assert_eq!(neighbors.mac(WAN, Family::V4), None);
        assert_eq!(neighbors.learn(WAN, Family::V4, MAC, true), Learned::Settled);
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
            neighbors.note_question(WAN, Family::V4);
            neighbors.change(WAN, Family::V4, |word| word & !(REACHABLE | HEARD) | PROBING);
            neighbors.learn(WAN, Family::V4, MAC, true);
            assert_eq!(neighbors.load(WAN, Family::V4), MAC.to_u64() | VALID | REACHABLE | HEARD | SPOKEN);
            assert!(neighbors.has_spoken(WAN, Family::V4));
            neighbors.learn(WAN, Family::V4, MAC, true);
            assert!(!neighbors.has_spoken(WAN, Family::V4), "nobody asked again");
        }
    }

    #[test]
    fn another_than_the_known_mac_is_never_used_for_its_word_alone() {
        let neighbors = Neighbors::new();
        neighbors.note_question(WAN, Family::V4);
        neighbors.learn(WAN, Family::V4, MAC, true);
        neighbors.note_question(WAN, Family::V4);
        for is_answer in [false, true] {
            assert_eq!(neighbors.learn(WAN, Family::V4, Mac([2, 0, 0, 0, 0, 1]), is_answer), Learned::Claimed);
        }
        neighbors.learn(WAN, Family::V4, MAC, true);
        assert!(neighbors.has_spoken(WAN, Family::V4), "another's answer is not the answer");
        assert_eq!(neighbors.mac(WAN, Family::V4), Some(MAC));
    }

    #[test]
    fn no_station_is_believed_to_have_a_group_address() {
        let neighbors = Neighbors::new();
        neighbors.note_question(WAN, Family::V6);
        neighbors.learn(WAN, Family::V6, Mac::BROADCAST, true);
        neighbors.learn(WAN, Family::V6, Mac::default(), true);
        assert_eq!(neighbors.mac(WAN, Family::V6), None);
    }

    #[test]
    fn a_fixed_mac_stays() {
        let neighbors = Neighbors::new();
        neighbors.set(WAN, Family::V6, MAC);
        neighbors.learn(WAN, Family::V6, Mac([2, 0, 0, 0, 0, 1]), true);
        assert_eq!((neighbors.mac(WAN, Family::V6), neighbors.state(WAN, Family::V6).name()), (Some(MAC), "reachable"));
    }

    #[test]
    fn a_configured_mac_holds_against_every_claim_and_its_owner_may_still_show_that_it_is_there() {
        let neighbors = Neighbors::new();
        neighbors.follow_policy(WAN, Family::V4, Some(MAC));
        let other = Mac([2, 0, 0, 0, 0, 1]);
        neighbors.note_question(WAN, Family::V4);
        assert_eq!(neighbors.learn(WAN, Family::V4, other, true), Learned::Settled);
        assert!(!neighbors.has_spoken(WAN, Family::V4));
        neighbors.learn(WAN, Family::V4, MAC, true);
        assert!(neighbors.has_spoken(WAN, Family::V4));
        assert_eq!((neighbors.mac(WAN, Family::V4), neighbors.state(WAN, Family::V4).name()), (Some(MAC), "static"));
        assert!(!neighbors.follow_policy(WAN, Family::V4, Some(other)));
        assert_eq!(neighbors.mac(WAN, Family::V4), Some(other), "the policy says another");
        assert!(neighbors.follow_policy(WAN, Family::V4, None), "it starts over");
        assert_eq!(neighbors.mac(WAN, Family::V4), None);
    }

    #[test]
    fn a_wan_that_cannot_be_has_no_next_hop() {
        let neighbors = Neighbors::new();
        neighbors.set(WanId(32), Family::V4, MAC);
        assert_eq!(neighbors.mac(WanId(32), Family::V4), None);
    }
}
