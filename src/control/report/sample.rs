//! Sources without workers, for tests. Must never know: what they test.

use super::Sources;
use crate::clock::Clock;
use crate::control::{compile, sample};
use crate::plane::Shared;
use arc_swap::ArcSwap;
use std::sync::Arc;

/// A service with that many workers' counters and the links of a replay.
pub fn sources(workers: usize) -> Sources {
    let (settings, clock) = (sample::settings(), Clock::start());
    Sources {
        config: "flowpin.toml".into(),
        clock,
        ready: clock.now(),
        policy: ArcSwap::from_pointee(compile::replay_policy(&settings)),
        links: ArcSwap::default(),
        shared: Arc::new(Shared::new(settings.limits.flows, 0)),
        counters: (0..workers).map(|_| Arc::default()).collect(),
        meters: Vec::new(),
        offloads: Vec::new(),
        unserved: 0,
        settings: Arc::new(settings),
    }
}
