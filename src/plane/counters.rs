//! Counters of one worker, written by it alone and read by anybody.

/// One worker's counters.
#[derive(Debug, Default)]
pub struct Counters {}
