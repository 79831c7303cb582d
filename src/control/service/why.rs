//! Why the service stops. Must never know: who asks.

/// Why the service stops.
#[derive(Debug)]
pub enum Why {
    /// It was told to, by this signal.
    Signal(&'static str),
    /// It cannot go on: one sentence.
    Broken(String),
}
