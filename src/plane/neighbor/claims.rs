//! MACs that somebody claims for a next hop, unasked or in the place of the known one: whoever is on the link may claim one.
//! Both are asked at once, and again; the claimed one is used only if it answers and the known one does not. A known one that
//! answers is believed for a while against all others.
//! Must never know: context, who is asked and how (verify.rs).

use super::hop::HopId;
use crate::plane::policy::MOST_GATEWAYS;
use crate::types::{MAX_WANS, Mac, Tick};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Milliseconds between two questions to both, and questions: one that is lost decides nothing.
const ROUND_MS: u64 = 100;
const ROUNDS: u64 = 3;
/// Milliseconds after a claim that was refused in which the next one waits.
const REST_MS: u64 = 1000;

/// The claims on the next hops, one for each at a time, shared by the workers.
#[derive(Debug)]
pub(super) struct Claims {
    slots: [[[Mutex<Slot>; MOST_GATEWAYS]; 2]; MAX_WANS],
    /// Nanoseconds: when the first of them is to be looked at.
    due: AtomicU64,
}

impl Default for Claims {
    fn default() -> Self {
        Self { slots: std::array::from_fn(|_| Default::default()), due: AtomicU64::new(u64::MAX) }
    }
}

/// The claims on one next hop or host.
#[derive(Debug, Default)]
pub(super) struct Slot {
    claim: Option<Claim>,
    /// No claim is tried before.
    rest: Tick,
}

/// A MAC that is claimed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Claim {
    mac: Mac,
    /// When both were asked first; `None`: it waits.
    since: Option<Tick>,
    rounds: u64,
    /// Whether it has answered since, and whether the known one has.
    has_answered: bool,
    is_refuted: bool,
}

impl Claims {
    /// The first tick at which there is something to do.
    pub(super) fn due(&self) -> Tick {
        Tick(self.due.load(Relaxed))
    }

    /// The one that is called first looks at all.
    pub(super) fn take_due(&self, now: Tick) -> bool {
        self.due() <= now && self.due.swap(u64::MAX, Relaxed) <= now.0
    }

    fn slot(&self, hop: HopId) -> Option<MutexGuard<'_, Slot>> {
        let slot = self.slots.get(hop.wan.index())?.get(hop.family.index())?.get(hop.place)?;
        Some(slot.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The claim that stands.
    pub(super) fn mac(&self, of: HopId) -> Option<Mac> {
        self.slot(of)?.mac()
    }

    /// Somebody claims `mac`. A claim that is being tried keeps its place; one that only waits does not. Whether this one has
    /// got it.
    pub(super) fn open(&self, of: HopId, mac: Mac) -> bool {
        self.slot(of).is_some_and(|mut slot| slot.open(mac))
    }

    /// There is something to do at `tick`.
    pub(super) fn wake(&self, tick: Tick) {
        self.due.fetch_min(tick.0, Relaxed);
    }

    /// What is to be done now about the claim on one next hop, whose MAC is believed to be `known`.
    pub(super) fn step(&self, of: HopId, now: Tick, known: Option<Mac>) -> Step {
        self.slot(of).map_or(Step::Nothing, |mut slot| slot.take_step(now, known))
    }

    /// The claim is void: the next hop is another, or its MAC is known for certain.
    pub(super) fn void(&self, of: HopId) {
        self.slot(of).into_iter().for_each(|mut slot| *slot = Slot::default());
    }

    /// `mac` answers. One that answers takes the place of a claim that does not.
    pub(super) fn note_answer(&self, of: HopId, mac: Mac, is_known: bool) {
        self.slot(of).into_iter().for_each(|mut slot| slot.note_answer(mac, is_known));
    }
}

/// What is to be done about a claim.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// There is none.
    Nothing,
    /// Nothing before this tick.
    Wait(Tick),
    /// The known one is asked, and this one unless it has answered; they are looked at again at this tick.
    Ask(Option<Mac>, Tick),
    /// It is not used.
    Refuse,
    /// It is used.
    Accept(Mac),
}

impl Slot {
    /// As of [`Claims`].
    pub(super) fn mac(&self) -> Option<Mac> {
        self.claim.map(|claim| claim.mac)
    }

    /// As of [`Claims`].
    pub(super) fn open(&mut self, mac: Mac) -> bool {
        let is_free = self.claim.is_none_or(|claim| claim.since.is_none());
        if is_free {
            self.claim = Some(Claim { mac, since: None, rounds: 0, has_answered: false, is_refuted: false });
        }
        is_free
    }

    /// As of [`Claims`].
    pub(super) fn note_answer(&mut self, mac: Mac, is_known: bool) {
        let Some(claim) = self.claim.as_mut().filter(|claim| claim.since.is_some()) else { return };
        if is_known {
            claim.is_refuted = true;
        } else if claim.mac == mac || !claim.has_answered {
            (claim.mac, claim.has_answered) = (mac, true);
        }
    }

    /// As `step` of [`Claims`].
    pub(super) fn take_step(&mut self, now: Tick, known: Option<Mac>) -> Step {
        let step = self.step(now, known);
        if let Step::Refuse | Step::Accept(_) = step {
            *self = Self { claim: None, rest: now.plus_millis(REST_MS) };
        }
        step
    }

    fn step(&mut self, now: Tick, known: Option<Mac>) -> Step {
        let Some(claim) = &mut self.claim else { return Step::Nothing };
        if known == Some(claim.mac) {
            self.claim = None;
            return Step::Nothing;
        }
        let Some(since) = claim.since else {
            if now < self.rest {
                return Step::Wait(self.rest);
            }
            (claim.since, claim.rounds) = (Some(now), 1);
            return Step::Ask(Some(claim.mac), now.plus_millis(ROUND_MS));
        };
        let next = since.plus_millis(ROUND_MS * claim.rounds);
        match claim {
            Claim { has_answered: true, mac, .. } if known.is_none() => Step::Accept(*mac),
            Claim { is_refuted: true, .. } => Step::Refuse,
            _ if now < next => Step::Wait(next),
            Claim { rounds, mac, has_answered, .. } if *rounds < ROUNDS => {
                *rounds += 1;
                Step::Ask((!*has_answered).then_some(*mac), next.plus_millis(ROUND_MS))
            }
            Claim { has_answered: true, mac, .. } => Step::Accept(*mac),
            _ => Step::Refuse,
        }
    }
}
