//! Sources without workers, for tests. Must never know: what they test.

use super::Sources;
use crate::clock::Clock;
use crate::control::compile::{self, InsideState};
use crate::control::controller::Controller;
use crate::control::sample;
use crate::plane::Shared;
use arc_swap::ArcSwap;
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;

/// A service with that many workers' counters and the links of a replay.
pub fn sources(workers: usize) -> Sources {
    let (settings, clock) = (sample::settings(), Clock::start());
    let links = settings.wans.slots().map(|_| compile::no_link()).collect();
    let controller = Controller::new(Arc::new(settings.clone()), links, InsideState::default(), clock.now());
    Sources {
        config: "flowpin.toml".into(),
        clock,
        ready: clock.now(),
        policy: ArcSwap::from_pointee(compile::replay_policy(&settings)),
        controller: Mutex::new(controller),
        commands: mpsc::unbounded_channel().0,
        down: mpsc::unbounded_channel().0,
        shared: Arc::new(Shared::with_sources(settings.limits.flows, settings.limits.flows_per_source, 0)),
        counters: (0..workers).map(|_| Arc::default()).collect(),
        gauge: Mutex::default(),
        kernel_side: Mutex::default(),
        meters: Vec::new(),
        offloads: Vec::new(),
        unserved: 0,
        settings: Arc::new(settings),
    }
}
