//! The edge: frames in and out, nothing decided. A port moves batches; powers beyond that are decorators.
//! `sys` holds the only unsafe code of the house. Must never know: the plane.

pub mod batch;
pub mod pcap;
