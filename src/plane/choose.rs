//! Which exit a packet's flow takes: the WAN and the public address there.

pub mod address;
pub mod admit;
pub mod exit;
pub mod failback;
pub mod failover;
pub mod steer;
