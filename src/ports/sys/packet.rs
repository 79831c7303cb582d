//! Socket options and addresses of AF_PACKET, packet(7), linux/if_packet.h. Must never know: their right order.

use super::checked;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Sets an integer option.
///
/// # Errors
/// The error of the system call.
pub fn set(socket: BorrowedFd<'_>, level: libc::c_int, option: libc::c_int, value: libc::c_int) -> io::Result<()> {
    set_struct(socket, level, option, &value)
}

/// Sets an option whose value is a plain C struct.
pub(super) fn set_struct<T: Copy>(
    socket: BorrowedFd<'_>,
    level: libc::c_int,
    option: libc::c_int,
    value: &T,
) -> io::Result<()> {
    // SAFETY: `value` is `size_of::<T>()` readable bytes; setsockopt only reads them.
    checked(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            std::ptr::from_ref(value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    })
    .map(drop)
}

/// Lets the link hand every multicast frame up, for as long as the socket lives.
///
/// # Errors
/// There is no such link.
pub fn join_all_multicast(socket: BorrowedFd<'_>, index: u32) -> io::Result<()> {
    join(socket, index, libc::PACKET_MR_ALLMULTI)
}

/// Lets the link hand every frame up, for as long as the socket lives.
///
/// # Errors
/// There is no such link.
pub fn join_everything(socket: BorrowedFd<'_>, index: u32) -> io::Result<()> {
    join(socket, index, libc::PACKET_MR_PROMISC)
}

fn join(socket: BorrowedFd<'_>, index: u32, membership: libc::c_int) -> io::Result<()> {
    let request = libc::packet_mreq {
        mr_ifindex: index.cast_signed(),
        mr_type: membership as libc::c_ushort,
        mr_alen: 0,
        mr_address: [0; 8],
    };
    set_struct(socket, libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &request)
}

/// Binds to a link and, unless 0, a protocol (ETH_P_*): from then on frames are delivered.
///
/// # Errors
/// There is no such link.
pub fn bind(socket: BorrowedFd<'_>, index: u32, protocol: u16) -> io::Result<()> {
    let address = address(index, protocol);
    // SAFETY: `address` is a whole sockaddr_ll, and the length says so.
    checked(unsafe {
        libc::bind(socket.as_raw_fd(), (&raw const address).cast(), size_of::<libc::sockaddr_ll>() as libc::socklen_t)
    })
    .map(drop)
}

/// Whether the link that the socket was bound to still exists. One that is only down does.
///
/// # Errors
/// The error of the system call.
pub fn is_bound(socket: BorrowedFd<'_>) -> io::Result<bool> {
    let mut address = empty_address();
    let mut len = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: `address` is writable memory of `len` bytes.
    checked(unsafe { libc::getsockname(socket.as_raw_fd(), (&raw mut address).cast(), &raw mut len) })?;
    Ok(address.sll_ifindex > 0)
}

/// Frames that the kernel dropped since the last call because the ring was full (`PACKET_STATISTICS`).
///
/// # Errors
/// The error of the system call.
pub fn take_drops(socket: BorrowedFd<'_>) -> io::Result<u32> {
    let mut stats = libc::tpacket_stats { tp_packets: 0, tp_drops: 0 };
    let mut len = size_of::<libc::tpacket_stats>() as libc::socklen_t;
    // SAFETY: `stats` is writable memory of `len` bytes.
    checked(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            (&raw mut stats).cast(),
            &raw mut len,
        )
    })?;
    Ok(stats.tp_drops)
}

/// A link, and a protocol of its frames.
pub(super) fn address(index: u32, protocol: u16) -> libc::sockaddr_ll {
    let mut address = empty_address();
    address.sll_family = libc::AF_PACKET as libc::c_ushort;
    address.sll_protocol = protocol.to_be();
    address.sll_ifindex = index.cast_signed();
    address
}

fn empty_address() -> libc::sockaddr_ll {
    // SAFETY: sockaddr_ll is a C struct of integers, for which all zeroes is a value.
    unsafe { std::mem::zeroed() }
}
