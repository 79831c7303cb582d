//! Ports: where frames come from and go to, in batches: packet sockets, the TUN, captures, memory. Nothing is decided about
//! a frame here. `record` and `faulty` wrap any live port; `sys` holds the only unsafe code of the crate.
//! Must never know: the plane.

mod arena;
pub mod batch;
pub mod faulty;
pub mod link;
pub mod live;
pub mod memory;
pub mod meter;
pub mod packet_socket;
pub mod pcap;
pub mod record;
pub mod sys;
pub mod tun;
