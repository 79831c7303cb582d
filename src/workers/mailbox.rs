//! What control tells a worker between two turns: the newest policy (older ones are never seen), links that came or went,
//! and to stop. Every message wakes a waiting worker. Must never know: what is in a policy.

use crate::plane::policy::Policy;
use crate::ports::live::LivePort;
use crate::ports::sys::wait::Bell;
use crate::types::WanId;
use arc_swap::{ArcSwap, Cache};
use crossbeam::queue::ArrayQueue;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Changes of links that may wait; a worker takes all of them each turn.
const WAITING: usize = 64;

/// A change to a worker's links.
pub enum LinkChange {
    /// Serve this WAN through this port from now on, in place of the one before.
    Attach(WanId, LivePort),
    /// Close the port of this WAN.
    Detach(WanId),
}

/// One worker's mailbox.
pub struct Mailbox {
    policy: ArcSwap<Policy>,
    links: ArrayQueue<LinkChange>,
    stop: AtomicBool,
    bell: Bell,
}

/// The worker's way to look at the policy: half a nanosecond when nothing changed.
pub(super) type PolicyCache<'a> = Cache<&'a ArcSwap<Policy>, Arc<Policy>>;

impl Mailbox {
    /// A mailbox with the policy to begin with.
    ///
    /// # Errors
    /// No descriptor left.
    pub fn new(policy: Arc<Policy>) -> io::Result<Self> {
        Ok(Self {
            policy: ArcSwap::new(policy),
            links: ArrayQueue::new(WAITING),
            stop: AtomicBool::new(false),
            bell: Bell::new()?,
        })
    }

    /// Puts a policy in force, from the next turn on.
    pub fn publish(&self, policy: Arc<Policy>) {
        self.policy.store(policy);
        self.bell.ring();
    }

    /// Hands a change of a link over. False, and nothing happens, while 64 of them wait unread.
    #[must_use]
    pub fn change_link(&self, change: LinkChange) -> bool {
        let is_taken = self.links.push(change).is_ok();
        self.bell.ring();
        is_taken
    }

    /// Lets the worker end after its turn.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.bell.ring();
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    pub(super) fn policies(&self) -> PolicyCache<'_> {
        Cache::new(&self.policy)
    }

    pub(super) fn next_link_change(&self) -> Option<LinkChange> {
        self.links.pop()
    }

    /// What a worker waits on beside its ports.
    pub(super) fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    /// The worker is awake and looks at everything that waits here.
    pub(super) fn silence_bell(&self) {
        self.bell.silence();
    }
}
