//! The only reader of the system clock. Everybody else gets time as a parameter.
#![allow(clippy::disallowed_methods)]

use crate::types::Tick;
use std::time::{Duration, Instant, SystemTime};

/// Counts ticks from the moment it was made.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock whose origin is now.
    #[must_use]
    pub fn start() -> Self {
        Self { origin: Instant::now() }
    }

    /// Monotonic time since the origin.
    #[must_use]
    pub fn now(&self) -> Tick {
        Tick(u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}

/// Wall-clock time since the Unix epoch, for what people read.
#[must_use]
pub fn wall() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// Blocks the calling thread. For the lab's and the tests' traffic; the service waits on what it waits for.
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}
