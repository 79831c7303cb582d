//! Flows, seen from the inside: key, state, bounded table, expiry.
//!
//! Every entry of the table is watched by exactly one worker's wheel, the one that inserted it; only wheels remove.

pub mod expiry;
pub mod key;
mod record;
pub mod sign;
pub mod state;
pub mod table;
