//! The free places of a row: each is taken by its number, or whichever stands at a position among the free ones, in constant
//! time however few are left. Must never know: what a place is for.

/// A sparse set (Briggs, Torczon 1993) of the numbers `0..count`.
#[derive(Debug)]
pub(super) struct Free {
    /// The free numbers, in no order.
    list: Vec<u16>,
    /// Where each number stands in the list, if it is free.
    places: Box<[u16]>,
}

impl Free {
    /// All of `count` numbers, 65536 at the most.
    pub(super) fn all(count: usize) -> Self {
        let list: Vec<u16> = (0..=u16::MAX).take(count).collect();
        Self { places: list.clone().into(), list }
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether a number is free; one that is none of all is not.
    pub(super) fn contains(&self, number: u16) -> bool {
        let place = self.places.get(usize::from(number));
        place.is_some_and(|place| self.list.get(usize::from(*place)) == Some(&number))
    }

    /// The free number at a position, which is taken modulo how many there are.
    pub(super) fn at(&self, position: u64) -> Option<u16> {
        let count = self.list.len() as u64;
        let position = position.checked_rem(count)?;
        self.list.get(usize::try_from(position).ok()?).copied()
    }

    /// Takes a free number out.
    pub(super) fn take(&mut self, number: u16) {
        if !self.contains(number) {
            return;
        }
        let place = self.places[usize::from(number)];
        self.list.swap_remove(usize::from(place));
        if let Some(moved) = self.list.get(usize::from(place)) {
            self.places[usize::from(*moved)] = place;
        }
    }

    /// Puts a number back.
    pub(super) fn put(&mut self, number: u16) {
        if self.contains(number) || usize::from(number) >= self.places.len() {
            return;
        }
        self.places[usize::from(number)] = u16::try_from(self.list.len()).unwrap_or(u16::MAX);
        self.list.push(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn all_of_65536_are_there_and_each_can_be_taken() {
        let mut free = Free::all(65536);
        assert_eq!(free.len(), 65536);
        for number in 0..=u16::MAX {
            assert!(free.contains(number));
            free.take(number);
            assert!(!free.contains(number));
        }
        assert_eq!((free.len(), free.at(7)), (0, None));
    }

    proptest! {
        #[test]
        fn it_is_a_set(steps in proptest::collection::vec((any::<bool>(), 0u16..40), 0..200)) {
            let (mut free, mut model) = (Free::all(32), (0u16..32).collect::<BTreeSet<_>>());
            for (takes, number) in steps {
                if takes {
                    free.take(number);
                    model.remove(&number);
                } else {
                    free.put(number);
                    model.extend(Some(number).filter(|number| *number < 32));
                }
                let all: BTreeSet<_> = (0..free.len() as u64).filter_map(|at| free.at(at)).collect();
                prop_assert_eq!(&all, &model);
                prop_assert!((0..50).all(|number| free.contains(number) == model.contains(&number)));
            }
        }
    }
}
