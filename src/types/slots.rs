//! Things of WANs by slot. A WAN keeps its slot, its [`WanId`], as long as it is configured, so that flows, neighbors and
//! counters stay its own; a slot whose WAN is gone stays empty until another takes it. Must never know: what a WAN is.

use super::{MAX_WANS, WanId};

/// One thing of each WAN, by slot; at most [`MAX_WANS`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Slots<T>(Vec<Option<T>>);

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Slots<T> {
    /// What is in this slot.
    #[must_use]
    pub fn get(&self, id: WanId) -> Option<&T> {
        self.0.get(id.index()).and_then(Option::as_ref)
    }

    /// What is in this slot, to be changed.
    pub fn get_mut(&mut self, id: WanId) -> Option<&mut T> {
        self.0.get_mut(id.index()).and_then(Option::as_mut)
    }

    /// Fills a slot, or empties it. What is beyond [`MAX_WANS`] is left out.
    pub fn set(&mut self, id: WanId, thing: Option<T>) {
        if id.index() >= MAX_WANS {
            return;
        }
        if self.0.len() <= id.index() {
            self.0.resize_with(id.index() + 1, || None);
        }
        if let Some(slot) = self.0.get_mut(id.index()) {
            *slot = thing;
        }
    }

    /// What is there, in the order of the slots.
    pub fn iter(&self) -> impl Iterator<Item = (WanId, &T)> + Clone {
        (0..=u8::MAX).map(WanId).zip(&self.0).filter_map(|(id, slot)| Some((id, slot.as_ref()?)))
    }

    /// The same, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (WanId, &mut T)> {
        (0..=u8::MAX).map(WanId).zip(&mut self.0).filter_map(|(id, slot)| Some((id, slot.as_mut()?)))
    }

    /// The same without their slots.
    pub fn values(&self) -> impl Iterator<Item = &T> + Clone {
        self.0.iter().flatten()
    }

    /// Every slot up to the last that was ever used, the empty ones too.
    pub fn slots(&self) -> impl Iterator<Item = Option<&T>> {
        self.0.iter().map(Option::as_ref)
    }

    /// Something of each, in the same slots.
    pub fn map<U>(&self, of: impl Fn(WanId, &T) -> U) -> Slots<U> {
        self.iter().map(|(id, thing)| (id, of(id, thing))).collect()
    }

    /// How many are there.
    #[must_use]
    pub fn count(&self) -> usize {
        self.values().count()
    }

    /// These, each in the slot in which `before` has one of the same name; the others in the first slots that are free.
    #[must_use]
    pub fn in_slots_of(self, before: &Self, name: impl Fn(&T) -> &str) -> Self {
        let (mut kept, mut new) = (Self::default(), Vec::new());
        for thing in self.0.into_iter().flatten() {
            match before.iter().find(|(_, old)| name(old) == name(&thing)) {
                Some((id, _)) => kept.set(id, Some(thing)),
                None => new.push(thing),
            }
        }
        let free: Vec<_> = (0..=u8::MAX).map(WanId).filter(|id| kept.get(*id).is_none()).take(new.len()).collect();
        free.into_iter().zip(new).for_each(|(id, thing)| kept.set(id, Some(thing)));
        kept
    }
}

impl<T> FromIterator<(WanId, T)> for Slots<T> {
    fn from_iter<I: IntoIterator<Item = (WanId, T)>>(all: I) -> Self {
        let mut slots = Self::default();
        all.into_iter().for_each(|(id, thing)| slots.set(id, Some(thing)));
        slots
    }
}

impl<T> FromIterator<T> for Slots<T> {
    /// One slot after the other, from the first.
    fn from_iter<I: IntoIterator<Item = T>>(all: I) -> Self {
        (0..=u8::MAX).map(WanId).zip(all).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ops::{Index, IndexMut};

    /// For tests: what is in a slot that is not empty.
    impl<T> Index<usize> for Slots<T> {
        type Output = T;

        fn index(&self, slot: usize) -> &T {
            self.0[slot].as_ref().unwrap()
        }
    }

    impl<T> IndexMut<usize> for Slots<T> {
        fn index_mut(&mut self, slot: usize) -> &mut T {
            self.0[slot].as_mut().unwrap()
        }
    }

    fn shown(slots: &Slots<&'static str>) -> Vec<(u8, &'static str)> {
        slots.iter().map(|(id, name)| (id.0, *name)).collect()
    }

    #[test]
    fn a_slot_that_is_emptied_leaves_the_others_where_they_are() {
        let mut slots: Slots<_> = ["a", "b"].into_iter().collect();
        let last = WanId(31);
        slots.set(last, Some("c"));
        slots.set(WanId(0), None);
        assert_eq!((shown(&slots), slots.count(), slots.slots().count()), (vec![(1, "b"), (31, "c")], 2, 32));
        assert_eq!([WanId(0), WanId(2), WanId(200)].map(|id| slots.get(id)), [None; 3]);
        assert_eq!(shown(&slots.map(|_, name| *name)), shown(&slots));
    }

    #[test]
    fn there_are_no_more_slots_than_wans_can_be() {
        let slots: Slots<_> = std::iter::repeat_n("a", 300).collect();
        assert_eq!(slots.count(), MAX_WANS);
    }

    #[test]
    fn who_keeps_its_name_keeps_its_slot_and_who_is_new_takes_the_first_that_is_free() {
        let of = |names: &[&'static str]| names.iter().copied().collect::<Slots<_>>();
        let before = of(&["a", "b", "c"]);
        let after = of(&["d", "c", "e", "a"]).in_slots_of(&before, |name| name);
        assert_eq!(shown(&after), [(0, "a"), (1, "d"), (2, "c"), (3, "e")]);
        let less = of(&["c"]).in_slots_of(&after, |name| name);
        assert_eq!(shown(&less), [(2, "c")]);
        assert_eq!(shown(&of(&["b", "c"]).in_slots_of(&less, |name| name)), [(0, "b"), (2, "c")]);
    }
}
