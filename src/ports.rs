//! The edge: frames in and out, nothing decided. A port moves batches; powers beyond that are decorators.
//! `sys` holds the only unsafe code of the house. Must never know: the plane.

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
