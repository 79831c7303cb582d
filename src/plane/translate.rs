//! The translations: what of a packet's addresses changes, and nothing else.

pub mod nat44;
pub mod nptv6;
