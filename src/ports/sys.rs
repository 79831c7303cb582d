//! The only unsafe code of the house: thin safe wrappers around the system calls that no crate offers.
//! Must never know: what a frame means, when to call whom.
#![allow(unsafe_code)]

pub mod burst;
pub mod device;
pub mod packet;
pub mod ring;
pub mod wait;

use std::io;

/// The result of a system call that answers -1 on failure.
fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
