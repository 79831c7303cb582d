//! Why the service stops. Must never know: who asks.

/// Why the service stops.
#[derive(Debug)]
pub enum Why {
    /// It was told to, by this signal.
    Signal(&'static str),
    /// Somebody said `flowpin down`.
    Down,
    /// It cannot go on: one sentence.
    Broken(String),
}
