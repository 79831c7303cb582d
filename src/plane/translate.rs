//! The translations: what of a packet's two ends changes, and nothing else.

pub mod inner;
pub mod mapped;
pub mod nat44;
pub mod nptv6;
pub mod rewrite;
