//! What those who probe share: the list of their tasks, made anew with each snapshot, in which a task that is still wanted
//! goes on, and the tokens of their questions. Must never know: what is asked, packets.

use std::hash::BuildHasher;

/// Something that is asked again and again.
pub trait Task {
    /// Whether `old`, of the snapshot before, is about the same, so that this one goes on where that one stands.
    fn continues(&self, old: &Self) -> bool;
    /// Takes over where `old` stands.
    fn take_over(&mut self, old: Self);
}

/// The tasks of one snapshot.
#[derive(Debug)]
pub struct TaskList<T> {
    epoch: Option<u32>,
    tasks: Vec<T>,
}

impl<T> Default for TaskList<T> {
    fn default() -> Self {
        Self { epoch: None, tasks: Vec::new() }
    }
}

impl<T: Task> TaskList<T> {
    /// Whether the snapshot is another than the list was made for; notes it.
    pub fn is_outdated(&mut self, epoch: u32) -> bool {
        self.epoch.replace(epoch) != Some(epoch)
    }

    /// Makes `wanted` the list. Each that goes on takes over where the old one stands; `begun` hears of the others. The
    /// tasks that are wanted no more.
    pub fn renew(&mut self, wanted: Vec<T>, mut begun: impl FnMut(&T)) -> Vec<T> {
        let mut old = std::mem::replace(&mut self.tasks, wanted);
        for task in &mut self.tasks {
            match old.iter().position(|old| task.continues(old)) {
                Some(at) => task.take_over(old.remove(at)),
                None => begun(task),
            }
        }
        old
    }

    /// The tasks, in the order in which they were wanted.
    pub fn tasks(&mut self) -> &mut [T] {
        &mut self.tasks
    }
}

/// Numbers that nobody guesses who does not know the secret.
#[derive(Debug, Default)]
pub struct Tokens(u64);

impl Tokens {
    /// Another one than all before; never 0.
    pub fn next(&mut self, secret: u64) -> u64 {
        self.0 += 1;
        foldhash::quality::FixedState::with_seed(secret).hash_one(self.0) | 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(PartialEq, Debug)]
    struct Counting(&'static str, u32);

    impl Task for Counting {
        fn continues(&self, old: &Self) -> bool {
            self.0 == old.0
        }

        fn take_over(&mut self, old: Self) {
            self.1 = old.1;
        }
    }

    #[test]
    fn a_task_that_is_still_wanted_goes_on_and_the_others_begin_or_are_given_back() {
        let mut list = TaskList::default();
        assert!(list.is_outdated(1) && !list.is_outdated(1));
        let mut begun = Vec::new();
        assert_eq!(list.renew(vec![Counting("a", 1), Counting("b", 2)], |task| begun.push(task.0)), []);
        let gone = list.renew(vec![Counting("c", 0), Counting("b", 0)], |task| begun.push(task.0));
        assert_eq!((gone, begun), (vec![Counting("a", 1)], vec!["a", "b", "c"]));
        assert_eq!(list.tasks(), [Counting("c", 0), Counting("b", 2)]);
    }

    #[test]
    fn tokens_differ_and_are_never_nothing() {
        let mut tokens = Tokens::default();
        let all: std::collections::HashSet<_> = (0..1000).map(|_| tokens.next(7)).collect();
        assert!(all.len() == 1000 && !all.contains(&0));
    }
}
