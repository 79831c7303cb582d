//! Flows, seen from the inside: key, state, bounded table, expiry.

pub mod table;
