//! Packets of the router's own: ICMP messages, TCP segments, and the one way to write an IP header.
//! Must never know: policy, flow.

pub mod ask;
pub mod icmp;
pub mod rst;
