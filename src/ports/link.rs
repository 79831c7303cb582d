//! What a port must know of a kernel link: index, MAC, MTU. Must never know: addresses, routes, netlink.

use super::sys::device;
use crate::types::Mac;
use socket2::{Domain, Socket, Type};
use std::io;
use std::os::fd::AsFd;

/// An Ethernet link of the kernel, as it was when found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// Its index, which no other link gets while this one exists.
    pub index: u32,
    /// Its own address.
    pub mac: Mac,
    /// Its MTU in bytes, link header not counted.
    pub mtu: u32,
}

impl Link {
    /// Finds the link `name`.
    ///
    /// # Errors
    /// `NotFound` when there is no such link, `Unsupported` when it is not Ethernet.
    pub fn find(name: &str) -> io::Result<Self> {
        let missing = || io::Error::new(io::ErrorKind::NotFound, format!("there is no link \"{name}\""));
        let index = device::index(name).ok_or_else(missing)?;
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
        let (kind, mac) = device::hardware(socket.as_fd(), name)?;
        if let Some(sentence) = unusable(name, kind) {
            return Err(io::Error::new(io::ErrorKind::Unsupported, sentence));
        }
        Ok(Self { name: name.to_owned(), index, mac: Mac(mac), mtu: device::mtu(socket.as_fd(), name)? })
    }
}

/// Why no port can be opened on the link `name`, in one sentence, if its `hardware` (`ARPHRD_*`) is not Ethernet.
#[must_use]
pub fn unusable(name: &str, hardware: u16) -> Option<String> {
    let is_ethernet = hardware == libc::ARPHRD_ETHER;
    let sentence =
        || format!("the link \"{name}\" is not Ethernet (hardware type {hardware}); a WAN must be an Ethernet link");
    (!is_ethernet).then(sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_link_and_one_that_is_not_ethernet_are_named() {
        let missing = Link::find("no-such-link").unwrap_err();
        assert_eq!(
            (missing.kind(), missing.to_string().as_str()),
            (io::ErrorKind::NotFound, "there is no link \"no-such-link\"")
        );
        let loopback = Link::find("lo").unwrap_err();
        assert_eq!(loopback.kind(), io::ErrorKind::Unsupported);
        assert!(loopback.to_string().contains("\"lo\" is not Ethernet"));
    }
}
