//! The bytes of packets: what is read from them, how their checksums are kept, what fits a link.
//! Must never know: policy, flow.

pub mod checksum;
pub mod headers;
pub mod mtu;
pub mod numbers;
pub mod parse;
#[cfg(test)]
pub(crate) mod sample;
pub mod sctp;
pub mod segment;
pub mod super_frame;
