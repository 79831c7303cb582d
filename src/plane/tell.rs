//! What peers are told of packets and connections that end here.

pub mod malformed;
pub mod remote;
pub mod respond;
pub mod sweep;
