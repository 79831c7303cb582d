//! What is known of the next hops: one word for each WAN and family, which every worker reads without a lock; and another for a
//! MAC that somebody claims in the place of the known one. It is used only if it answers a question and the known one does not,
//! for whoever is on the link may claim one (the prober asks both).
//! Must never know: frames (arp.rs), when to ask (prober.rs).

use crate::types::{Family, MAX_WANS, Mac, WanId};
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
}

impl NeighborState {
    /// The name that people read.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unresolved => "unresolved",
            Self::Probing => "probing",
            Self::Reachable => "reachable",
        }
    }
}

/// The next hops' MACs, one for each WAN and family, shared by the workers.
#[derive(Debug)]
pub struct Neighbors {
    known: [[AtomicU64; 2]; MAX_WANS],
    /// Claimed, and not used.
    claimed: [[AtomicU64; 2]; MAX_WANS],
}

/// A MAC that somebody has claimed to be the next hop's, who has another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Claim {
    pub(super) mac: Mac,
    /// Whether it has answered since both were asked; and whether the known one has.
    pub(super) has_answered: bool,
    pub(super) is_refuted: bool,
}

/// The MAC is in the low 48 bits.
pub(super) const VALID: u64 = 1 << 48;
pub(super) const PROBING: u64 = 1 << 49;
pub(super) const REACHABLE: u64 = 1 << 50;
/// Heard from since the prober last looked.
pub(super) const HEARD: u64 = 1 << 51;
/// Set from outside; nothing learned replaces it.
pub(super) const FIXED: u64 = 1 << 52;
/// Heard from since `has_spoken` was last asked.
const SPOKEN: u64 = 1 << 53;
/// Something that was sent by way of it stayed unanswered.
pub(super) const SUSPECT: u64 = 1 << 54;
/// Of a claim: it has answered; the known MAC has.
const ANSWERED: u64 = 1 << 49;
const REFUTED: u64 = 1 << 50;

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
            known: std::array::from_fn(|_| Default::default()),
            claimed: std::array::from_fn(|_| Default::default()),
        }
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

    fn cell(&self, wan: WanId, family: Family) -> Option<&AtomicU64> {
        self.known.get(wan.index()).map(|both| &both[family.index()])
    }

    fn claim_cell(&self, wan: WanId, family: Family) -> Option<&AtomicU64> {
        self.claimed.get(wan.index()).map(|both| &both[family.index()])
    }

    /// The claim that stands.
    pub(super) fn claim(&self, wan: WanId, family: Family) -> Option<Claim> {
        let word = self.claim_cell(wan, family).map_or(0, |cell| cell.load(Relaxed));
        let mac = Mac::from_u64(word & (VALID - 1));
        let (has_answered, is_refuted) = (word & ANSWERED != 0, word & REFUTED != 0);
        (word & VALID != 0).then_some(Claim { mac, has_answered, is_refuted })
    }

    /// Both are asked now: what they answered before tells nothing.
    pub(super) fn try_claim(&self, wan: WanId, family: Family, claim: Claim) {
        if let Some(cell) = self.claim_cell(wan, family) {
            cell.store(claim.mac.to_u64() | VALID, Relaxed);
        }
    }

    /// The claim is done with, and its MAC in use if it `is_true`.
    pub(super) fn end_claim(&self, wan: WanId, family: Family, is_true: bool) {
        let Some(cell) = self.claim_cell(wan, family) else { return };
        let word = cell.swap(0, Relaxed);
        if is_true && word & VALID != 0 {
            self.change(wan, family, |_| word & (VALID - 1) | VALID | REACHABLE | HEARD | SPOKEN);
        }
    }

    /// Notes an answer where a claim stands, or a claim where none does.
    fn weigh(&self, wan: WanId, family: Family, mac: Mac, (is_known, is_answer): (bool, bool)) {
        let Some(cell) = self.claim_cell(wan, family) else { return };
        let weighed = |word: u64| match word & VALID != 0 {
            true if is_known && is_answer => Some(word | REFUTED),
            true if is_answer && word & (VALID - 1) == mac.to_u64() => Some(word | ANSWERED),
            false if !is_known => Some(mac.to_u64() | VALID),
            _ => None,
        };
        let _ = cell.fetch_update(Relaxed, Relaxed, weighed);
    }

    fn load(&self, wan: WanId, family: Family) -> u64 {
        self.cell(wan, family).map_or(0, |cell| cell.load(Relaxed))
    }

    /// Changes the word unless it is fixed or already as `change` wants it; says what it was.
    pub(super) fn change(&self, wan: WanId, family: Family, change: impl Fn(u64) -> u64) -> u64 {
        let Some(cell) = self.cell(wan, family) else { return 0 };
        let update = |word: u64| (word & FIXED == 0 && change(word) != word).then(|| change(word));
        cell.fetch_update(Relaxed, Relaxed, update).unwrap_or_else(|word| word)
    }

    /// The next hop, or somebody in its name, said that its MAC is `mac`; `is_answer`: to a question. Another than the known one
    /// is a claim, until that falls silent. No station may claim a group address (RFC 1812 §3.3.2).
    pub(super) fn learn(&self, wan: WanId, family: Family, mac: Mac, is_answer: bool) {
        if mac.is_group() || mac == Mac::default() {
            return;
        }
        let spoken = if is_answer { SPOKEN } else { 0 };
        let is = |word: u64| word & VALID == 0 || word & (VALID - 1) == mac.to_u64();
        let heard = |word: u64| mac.to_u64() | VALID | REACHABLE | HEARD | spoken | word & SPOKEN;
        let was = self.change(wan, family, |word| if is(word) { heard(word) } else { word });
        if was & FIXED == 0 && was & VALID != 0 {
            self.weigh(wan, family, mac, (is(was), is_answer));
        }
    }

    /// Whether the next hop has been heard from since this was last asked.
    pub(in crate::plane) fn has_spoken(&self, wan: WanId, family: Family) -> bool {
        self.load(wan, family) & SPOKEN != 0 && self.change(wan, family, |word| word & !SPOKEN) & SPOKEN != 0
    }

    /// The next hop left a question unanswered: its MAC stays in use, and it does not count as reachable until it speaks.
    pub(in crate::plane) fn doubt(&self, wan: WanId, family: Family) {
        self.change(wan, family, |word| if word & VALID == 0 { word } else { word & !REACHABLE | PROBING });
    }

    /// What was sent by way of the next hop stayed unanswered: it is to be asked whether it is still there (RFC 4861 §7.3.1).
    pub(in crate::plane) fn suspect(&self, wan: WanId, family: Family) {
        self.change(wan, family, |word| word | SUSPECT);
    }

    /// The next hop answered without naming its MAC.
    pub(super) fn confirm(&self, wan: WanId, family: Family) {
        self.change(
            wan,
            family,
            |word| if word & VALID == 0 { word } else { word & !PROBING | REACHABLE | HEARD | SPOKEN },
        );
        if let Some(mac) = self.mac(wan, family) {
            self.weigh(wan, family, mac, (true, true));
        }
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
        neighbors.confirm(WAN, Family::V4);
        assert_eq!(neighbors.mac(WAN, Family::V4), None, "there is nothing to confirm");
        neighbors.learn(WAN, Family::V4, MAC, true);
        assert_eq!(
            (neighbors.mac(WAN, Family::V4), neighbors.state(WAN, Family::V4)),
            (Some(MAC), NeighborState::Reachable)
        );
        assert_eq!(neighbors.mac(WAN, Family::V6), None, "the families are apart");
    }

    #[test]
    fn a_next_hop_that_confirms_again_and_again_stays_known_and_has_spoken_each_time() {
        let neighbors = Neighbors::new();
        neighbors.learn(WAN, Family::V4, MAC, true);
        for _ in 0..2 {
            neighbors.change(WAN, Family::V4, |word| word & !(REACHABLE | HEARD) | PROBING);
            for _ in 0..2 {
                neighbors.confirm(WAN, Family::V4);
                assert_eq!(neighbors.load(WAN, Family::V4), MAC.to_u64() | VALID | REACHABLE | HEARD | SPOKEN);
            }
            assert!(neighbors.has_spoken(WAN, Family::V4));
            assert!(!neighbors.has_spoken(WAN, Family::V4), "it was asked a moment ago");
            neighbors.confirm(WAN, Family::V4);
        }
    }

    #[test]
    fn no_station_is_believed_to_have_a_group_address() {
        let neighbors = Neighbors::new();
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
    fn a_wan_that_cannot_be_has_no_next_hop() {
        let neighbors = Neighbors::new();
        neighbors.set(WanId(32), Family::V4, MAC);
        assert_eq!(neighbors.mac(WanId(32), Family::V4), None);
    }
}
