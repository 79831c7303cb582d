//! What is known of a station, in one word: its MAC, how firmly it is believed, and what becomes of that when something is said
//! of it. Must never know: whose word it is (cells.rs, hosts.rs), frames.

use crate::types::Mac;
use std::net::IpAddr;

/// What a frame says of a station, which may be a next hop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Said {
    /// Of whom.
    pub(super) next_hop: IpAddr,
    /// The MAC that it is said to have.
    pub(super) mac: Mac,
    /// In the form of an answer to a question.
    pub(super) is_answer: bool,
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
pub(super) const SPOKEN: u64 = 1 << 53;
/// Something that was sent by way of it stayed unanswered.
pub(super) const SUSPECT: u64 = 1 << 54;
/// It was asked, and has not answered since.
pub(super) const ASKED: u64 = 1 << 55;
/// Of a fixed one: the policy says so.
pub(super) const STATIC: u64 = 1 << 56;

/// The MAC in a word, if it is one to send to.
pub(super) fn mac(word: u64) -> Option<Mac> {
    (word & VALID != 0).then(|| Mac::from_u64(word & (VALID - 1)))
}

/// No station may claim a group address (RFC 1812 §3.3.2).
pub(super) fn is_station(said: Mac) -> bool {
    !said.is_group() && said != Mac::default()
}

/// Whether what was said answers a question.
fn is_answered(word: u64, is_answer: bool) -> bool {
    is_answer && word & ASKED != 0
}

/// What a word becomes when its owner, or somebody in its name, says that its MAC is `said`; `None`: it stays.
pub(super) fn after(word: u64, said: Mac, is_answer: bool) -> Option<u64> {
    let fits = mac(word).is_none_or(|known| known == said);
    match is_station(said) && is_answered(word, is_answer) && fits {
        true if word & FIXED != 0 => Some(word & !ASKED | SPOKEN),
        true => Some(said.to_u64() | VALID | REACHABLE | HEARD | SPOKEN),
        false => None,
    }
}

/// What that is, where the word was this.
pub(super) fn learned(was: u64, said: Mac, is_answer: bool) -> Learned {
    let is_known = mac(was) == Some(said);
    let is_settled = is_known || was & FIXED != 0 || was & VALID == 0 && is_answered(was, is_answer);
    if is_settled || !is_station(said) { Learned::Settled } else { Learned::Claimed }
}
