//! How a packet must leave. Must never know: why.

use crate::model::form::{Ends, Quoted};
use flowpin::types::End;

/// By which end, between which addresses, with what quoted, and what a SYN may announce.
pub struct Way {
    pub end: End,
    pub ends: Ends,
    pub quoted: Option<Quoted>,
    pub mtu: u16,
}
