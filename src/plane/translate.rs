//! The translations: what of a packet's addresses changes, and nothing else.

pub mod inner;
pub mod nat44;
pub mod nptv6;
pub mod rewrite;

/// Which address of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// Where it comes from.
    Source,
    /// Where it goes.
    Destination,
}
