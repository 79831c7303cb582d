//! The WANs of a snapshot by slot. A WAN keeps its slot, its [`WanId`], as long as it is configured, so that flows, neighbours
//! and counters stay its own; a slot whose WAN is gone stays empty until another takes it. Must never know: names.

use super::wan::Wan;
use crate::types::{MAX_WANS, WanId};

/// WANs by slot; at most [`MAX_WANS`].
#[derive(Clone, Debug, Default)]
pub struct Wans(Vec<Option<Wan>>);

impl Wans {
    /// The WAN in this slot.
    #[must_use]
    pub fn get(&self, id: WanId) -> Option<&Wan> {
        self.0.get(id.index()).and_then(Option::as_ref)
    }

    /// The WAN in this slot, to be changed.
    pub fn get_mut(&mut self, id: WanId) -> Option<&mut Wan> {
        self.0.get_mut(id.index()).and_then(Option::as_mut)
    }

    /// Puts a WAN into a slot, or empties the slot. What is beyond [`MAX_WANS`] is left out.
    pub fn set(&mut self, id: WanId, wan: Option<Wan>) {
        if id.index() >= MAX_WANS {
            return;
        }
        if self.0.len() <= id.index() {
            self.0.resize(id.index() + 1, None);
        }
        if let Some(slot) = self.0.get_mut(id.index()) {
            *slot = wan;
        }
    }

    /// Those that are there, in the order of their slots.
    pub fn iter(&self) -> impl Iterator<Item = (WanId, &Wan)> {
        (0..=u8::MAX).map(WanId).zip(&self.0).filter_map(|(id, slot)| Some((id, slot.as_ref()?)))
    }

    /// The same, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (WanId, &mut Wan)> {
        (0..=u8::MAX).map(WanId).zip(&mut self.0).filter_map(|(id, slot)| Some((id, slot.as_mut()?)))
    }
}

impl FromIterator<(WanId, Wan)> for Wans {
    fn from_iter<I: IntoIterator<Item = (WanId, Wan)>>(all: I) -> Self {
        let mut wans = Self::default();
        all.into_iter().for_each(|(id, wan)| wans.set(id, Some(wan)));
        wans
    }
}

impl FromIterator<Wan> for Wans {
    /// One slot after the other, from the first.
    fn from_iter<I: IntoIterator<Item = Wan>>(all: I) -> Self {
        (0..=u8::MAX).map(WanId).zip(all).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::sample::{A, B, policy};
    use std::ops::{Index, IndexMut};

    /// For tests: the WAN in a slot that is not empty.
    impl Index<usize> for Wans {
        type Output = Wan;

        fn index(&self, slot: usize) -> &Wan {
            self.0[slot].as_ref().unwrap()
        }
    }

    impl IndexMut<usize> for Wans {
        fn index_mut(&mut self, slot: usize) -> &mut Wan {
            self.0[slot].as_mut().unwrap()
        }
    }

    #[test]
    fn a_slot_that_is_emptied_leaves_the_others_where_they_are() {
        let mut wans = policy().wans;
        let last = WanId(31);
        wans.set(last, wans.get(B).cloned());
        wans.set(A, None);
        let named: Vec<_> = wans.iter().map(|(id, wan)| (id, &*wan.fixed.name)).collect();
        assert_eq!(named, [(B, "b"), (last, "b")]);
        assert!(wans.get(A).is_none() && wans.get(WanId(2)).is_none() && wans.get(WanId(200)).is_none());
        let again: Wans = wans.iter().map(|(id, wan)| (id, wan.clone())).collect();
        assert_eq!(again.iter().map(|(id, _)| id).collect::<Vec<_>>(), [B, last]);
    }

    #[test]
    fn there_are_no_more_slots_than_wans_can_be() {
        let one = policy().wans.get(A).cloned().unwrap();
        let wans: Wans = std::iter::repeat_n(one, 300).collect();
        assert_eq!(wans.iter().count(), MAX_WANS);
    }
}
