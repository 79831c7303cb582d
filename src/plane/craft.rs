//! Packets of the router's own: ICMP messages, TCP segments, and the one way to write an IP header.
//! Must never know: policy, flow.

pub mod echo;
pub mod icmp;
pub mod ip;
pub mod rst;
