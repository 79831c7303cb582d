//! The ioctls of links and of `/dev/net/tun`. Sources: linux/if_tun.h, netdevice(7).
//! Must never know: which device is wanted, and why.

use super::checked;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// The kernel's index of the link `name`; `None` when there is no such link.
#[must_use]
pub fn index(name: &str) -> Option<u32> {
    let name = CString::new(name).ok()?;
    // SAFETY: `name` is a NUL-terminated string that outlives the call.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    (index != 0).then_some(index)
}

/// An `ifreq` that names a link.
struct Request(libc::ifreq);

impl Request {
    /// Fails with `InvalidInput` when the name is empty, too long for the kernel (15 bytes) or holds a NUL.
    fn new(name: &str) -> io::Result<Self> {
        if name.is_empty() || name.len() >= libc::IFNAMSIZ || name.contains('\0') {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("\"{name}\" cannot name a link: 1 to 15 bytes"),
            ));
        }
        // SAFETY: ifreq is a C struct of integers and unions of them, for which all zeroes is a value.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
            *to = from as libc::c_char;
        }
        Ok(Self(request))
    }

    fn call(&mut self, fd: BorrowedFd<'_>, command: libc::Ioctl) -> io::Result<()> {
        // SAFETY: every command used here takes a pointer to a whole ifreq, which `self.0` is.
        checked(unsafe { libc::ioctl(fd.as_raw_fd(), command, &raw mut self.0) }).map(drop)
    }
}

/// Hardware type (ARPHRD_*) and the first six bytes of the hardware address (`SIOCGIFHWADDR`).
///
/// # Errors
/// There is no such link.
pub fn hardware(socket: BorrowedFd<'_>, name: &str) -> io::Result<(u16, [u8; 6])> {
    let mut request = Request::new(name)?;
    request.call(socket, libc::SIOCGIFHWADDR as libc::Ioctl)?;
    // SAFETY: SIOCGIFHWADDR has filled this member of the union.
    let address = unsafe { request.0.ifr_ifru.ifru_hwaddr };
    let mut mac = [0; 6];
    for (to, from) in mac.iter_mut().zip(address.sa_data) {
        *to = from as u8;
    }
    Ok((address.sa_family, mac))
}

/// The lower half of the link's flags (`SIOCGIFFLAGS`, `IFF_*`).
///
/// # Errors
/// There is no such link.
pub fn flags(socket: BorrowedFd<'_>, name: &str) -> io::Result<i16> {
    let mut request = Request::new(name)?;
    request.call(socket, libc::SIOCGIFFLAGS as libc::Ioctl)?;
    // SAFETY: SIOCGIFFLAGS has filled this member of the union.
    Ok(unsafe { request.0.ifr_ifru.ifru_flags })
}

/// The link's MTU in bytes (`SIOCGIFMTU`).
///
/// # Errors
/// There is no such link.
pub fn mtu(socket: BorrowedFd<'_>, name: &str) -> io::Result<u32> {
    let mut request = Request::new(name)?;
    request.call(socket, libc::SIOCGIFMTU as libc::Ioctl)?;
    // SAFETY: SIOCGIFMTU has filled this member of the union.
    Ok(unsafe { request.0.ifr_ifru.ifru_mtu }.unsigned_abs())
}

/// Makes the opened `/dev/net/tun` a queue of the TUN `name` (`TUNSETIFF`): layer 3, virtio headers, more queues
/// possible. With `new`, the device must not exist yet (`EBUSY`).
///
/// # Errors
/// The error of the system call.
pub fn attach_tun(tun: BorrowedFd<'_>, name: &str, new: bool) -> io::Result<()> {
    let mut request = Request::new(name)?;
    let flags = libc::IFF_TUN | libc::IFF_NO_PI | libc::IFF_VNET_HDR | libc::IFF_MULTI_QUEUE;
    let flags = flags | if new { libc::IFF_TUN_EXCL } else { 0 };
    request.0.ifr_ifru.ifru_flags = flags as u16 as libc::c_short;
    request.call(tun, libc::TUNSETIFF)
}

/// Sets the length of the virtio header (`TUNSETVNETHDRSZ`).
///
/// # Errors
/// The error of the system call.
pub fn set_tun_header_len(tun: BorrowedFd<'_>, len: usize) -> io::Result<()> {
    let len = libc::c_int::try_from(len).map_err(io::Error::other)?;
    // SAFETY: the command takes a pointer to an int.
    checked(unsafe { libc::ioctl(tun.as_raw_fd(), libc::TUNSETVNETHDRSZ, &raw const len) }).map(drop)
}

/// Has a TUN that is down be of another kind of link (`TUNSETLINK`, `ARPHRD_*`), as some modems change theirs.
///
/// # Errors
/// `EBUSY` when the TUN is up.
pub fn set_tun_hardware(tun: BorrowedFd<'_>, hardware: u16) -> io::Result<()> {
    // SAFETY: the command takes its argument by value.
    checked(unsafe { libc::ioctl(tun.as_raw_fd(), libc::TUNSETLINK, libc::c_ulong::from(hardware)) }).map(drop)
}

/// Tells the kernel which offloads the reader of the TUN takes (`TUNSETOFFLOAD`, `TUN_F_*`).
///
/// # Errors
/// `EINVAL` when the kernel does not know one of the bits.
pub fn set_tun_offload(tun: BorrowedFd<'_>, bits: libc::c_uint) -> io::Result<()> {
    // SAFETY: the command takes its argument by value.
    checked(unsafe { libc::ioctl(tun.as_raw_fd(), libc::TUNSETOFFLOAD, libc::c_ulong::from(bits)) }).map(drop)
}
