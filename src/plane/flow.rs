//! What is remembered of each flow, seen from the inside: its key, its pin, its state, in a bounded table whose entries
//! expire.
//!
//! Every entry of the table is watched by exactly one worker's wheel, the one that inserted it; only wheels remove.

pub mod companions;
mod home;
pub mod key;
mod packed;
pub mod pin;
pub mod reachability;
mod record;
pub mod silence;
mod sources;
pub mod state;
pub mod table;
mod tally;
pub mod wheel;
