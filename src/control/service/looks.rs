//! When the kernel's tables are read again, to know the links or to mend what flowpin made: one look at a time, with a rest
//! as long as the look before, since whole tables are read, of a million routes in seconds. Links that are lost during a
//! look are remembered, because it may have read them before. Must never know: clocks, what is read.

use crate::types::Tick;
use std::collections::BTreeSet;

/// A look that nobody asks for takes one part in so many of the time at the most.
const CALM: u64 = 20;

/// The looks of a control loop.
#[derive(Debug, Default)]
pub struct Looks {
    is_wanted: bool,
    /// When the look that is under way began.
    begun: Option<Tick>,
    /// No look begins before.
    rest: Tick,
    /// No look that nobody asks for is wanted before.
    calm: Tick,
    /// Indices of the links that were lost while it was under way.
    lost: BTreeSet<u32>,
}

impl Looks {
    /// Something may be otherwise than at the last look.
    pub fn want(&mut self) {
        self.is_wanted = true;
    }

    /// Nothing is said to be otherwise; a look is wanted all the same, unless looks take long here.
    pub fn want_if_calm(&mut self, now: Tick) {
        self.is_wanted |= self.calm <= now;
    }

    /// A link was lost: what a look has read of it by now is out of date.
    pub fn note_lost(&mut self, index: u32) {
        if self.begun.is_some() {
            self.lost.insert(index);
        }
    }

    /// Whether a look begins now; it has begun then.
    pub fn begin(&mut self, now: Tick) -> bool {
        let begins = self.due().is_some_and(|due| due <= now);
        if begins {
            (self.is_wanted, self.begun) = (false, Some(now));
        }
        begins
    }

    /// The look is over: the links that were lost meanwhile.
    pub fn end(&mut self, now: Tick) -> BTreeSet<u32> {
        if let Some(begun) = self.begun.take() {
            let took = now.since(begun);
            self.rest = Tick(now.0.saturating_add(took));
            self.calm = Tick(now.0.saturating_add(took.saturating_mul(CALM)));
        }
        std::mem::take(&mut self.lost)
    }

    /// From when on the next look may begin; `None`: none is wanted, or one is under way.
    #[must_use]
    pub fn due(&self) -> Option<Tick> {
        (self.is_wanted && self.begun.is_none()).then_some(self.rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Tick {
        Tick::from_millis(ms)
    }

    #[test]
    fn one_look_at_a_time_and_as_much_rest_as_look() {
        let mut looks = Looks::default();
        assert!(!looks.begin(at(1)), "nobody wants one");
        looks.want();
        assert!(looks.begin(at(2)));
        looks.want();
        assert!(!looks.begin(at(3)), "one is under way");
        assert!(looks.end(at(102)).is_empty());
        assert_eq!(looks.due(), Some(at(202)));
        assert!(!looks.begin(at(201)));
        assert!(looks.begin(at(202)));
    }

    #[test]
    fn a_look_that_nobody_asks_for_takes_a_twentieth_of_the_time_at_the_most() {
        let mut looks = Looks::default();
        looks.want_if_calm(at(1));
        assert!(looks.begin(at(2)));
        looks.end(at(102));
        looks.want_if_calm(at(2101));
        assert_eq!(looks.due(), None);
        looks.want_if_calm(at(2102));
        assert_eq!(looks.due(), Some(at(202)));
    }

    #[test]
    fn a_link_that_is_lost_during_a_look_is_remembered_for_its_end_alone() {
        let mut looks = Looks::default();
        looks.note_lost(3);
        looks.want();
        assert!(looks.begin(at(1)));
        looks.note_lost(4);
        looks.note_lost(4);
        assert_eq!(looks.end(at(2)), BTreeSet::from([4]));
        looks.want();
        assert!(looks.begin(at(10)));
        assert!(looks.end(at(11)).is_empty());
    }
}
