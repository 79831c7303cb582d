//! Snapshots that are out of force, kept until nobody else has them: so it is control that frees their parts, and never a
//! worker, which has packets waiting. Must never know: what a snapshot says, who has it.

use std::sync::Arc;

/// What was replaced and may still be held by others, who free nothing when they let go of it.
///
/// No more wait here than others hold: each worker obeys one snapshot at a time, and each listing under way reads one. What
/// was replaced before anybody took it up goes at the next look.
#[derive(Debug)]
pub struct Retired<T>(Vec<Arc<T>>);

impl<T> Default for Retired<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Retired<T> {
    /// Keeps what has been replaced.
    pub fn keep(&mut self, old: Arc<T>) {
        self.0.push(old);
    }

    /// Frees what nobody else has any more. That nobody has it stays so: it is not in force, and only who has it could hand
    /// it on.
    pub fn free(&mut self) {
        self.0.retain(|old| Arc::strong_count(old) > 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arc_swap::{ArcSwap, Cache};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc::{Sender, channel};
    use std::thread::{self, ThreadId};

    /// Says who freed it.
    struct Part(Sender<ThreadId>);

    impl Drop for Part {
        fn drop(&mut self) {
            self.0.send(thread::current().id()).unwrap();
        }
    }

    #[test]
    fn what_is_held_by_another_waits_and_goes_when_that_let_go_of_it() {
        let (said, freed) = channel();
        let mut retired = Retired::default();
        let worker = Arc::new(Part(said));
        retired.keep(Arc::clone(&worker));
        retired.free();
        assert_eq!(retired.0.len(), 1);
        drop(worker);
        assert!(freed.try_recv().is_err(), "who let go of it freed nothing");
        retired.free();
        assert_eq!((retired.0.len(), freed.try_recv()), (0, Ok(thread::current().id())));
    }

    /// Workers look for a newer one again and again, as they do between two turns, while control puts one after the other in
    /// force, as a mailbox does.
    #[test]
    fn control_frees_every_part_whatever_workers_do_and_keeps_no_more_than_they_hold() {
        const WORKERS: usize = 3;
        const SNAPSHOTS: usize = 5000;
        let (said, freed) = channel();
        let mut in_force = Arc::new(Part(said.clone()));
        let mailbox = ArcSwap::new(Arc::clone(&in_force));
        let is_over = AtomicBool::new(false);
        let work = || {
            let mut newest = Cache::new(&mailbox);
            let mut obeyed = Arc::clone(newest.load());
            while !is_over.load(Ordering::Relaxed) {
                if !Arc::ptr_eq(newest.load(), &obeyed) {
                    obeyed = Arc::clone(newest.load());
                }
            }
        };
        let mut retired = Retired::default();
        thread::scope(|scope| {
            (0..WORKERS).for_each(|_| _ = scope.spawn(work));
            for _ in 0..SNAPSHOTS {
                let old = std::mem::replace(&mut in_force, Arc::new(Part(said.clone())));
                mailbox.store(Arc::clone(&in_force));
                retired.keep(old);
                retired.free();
                assert!(retired.0.len() <= 3 * WORKERS, "what it obeys, what it saw last, what it fetches");
            }
            is_over.store(true, Ordering::Relaxed);
        });
        retired.free();
        let by: Vec<_> = freed.try_iter().collect();
        assert_eq!((by.len(), retired.0.len()), (SNAPSHOTS, 0));
        assert!(by.iter().all(|thread| *thread == thread::current().id()));
    }
}
