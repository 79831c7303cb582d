//! Which WAN and public address a packet's flow is bound to.

pub mod address;
pub mod admit;
pub mod candidates;
pub mod entry;
pub mod failback;
pub mod failover;
pub mod inbound;
pub mod outbound;
pub mod public_port;
pub mod shared;
pub mod soft_down;
pub mod steer;
