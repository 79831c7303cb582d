//! What a port must know of a kernel link: index, what stands in front of its packets, MAC, MTU.
//! Must never know: addresses, routes, netlink.

use super::sys::device;
use crate::types::{LinkLayer, Mac};
use socket2::{Domain, Socket, Type};
use std::io;
use std::os::fd::AsFd;

/// A link of the kernel that takes a port, as it was when found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// Its index, which no other link gets while this one exists.
    pub index: u32,
    /// What stands in front of its packets.
    pub layer: LinkLayer,
    /// Whether the kernel cuts super-frames that a packet socket sends there. It does not for PPP, whose driver has it believe
    /// that a packet begins with four bytes more.
    pub takes_super_frames: bool,
    /// Its own address; of no use where nothing stands there.
    pub mac: Mac,
    /// Its MTU in bytes, link header not counted.
    pub mtu: u32,
}

impl Link {
    /// Finds the link `name`.
    ///
    /// # Errors
    /// `NotFound` when there is no such link, `Unsupported` when its kind is none that takes a port.
    pub fn find(name: &str) -> io::Result<Self> {
        let missing = || io::Error::new(io::ErrorKind::NotFound, format!("there is no link \"{name}\""));
        let index = device::index(name).ok_or_else(missing)?;
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
        let (kind, mac) = device::hardware(socket.as_fd(), name)?;
        let unsupported = || io::Error::new(io::ErrorKind::Unsupported, unusable(name, kind).unwrap_or_default());
        let layer = layer(kind).ok_or_else(unsupported)?;
        let mtu = device::mtu(socket.as_fd(), name)?;
        let takes_super_frames = kind != libc::ARPHRD_PPP;
        Ok(Self { name: name.to_owned(), index, layer, takes_super_frames, mac: Mac(mac), mtu })
    }
}

/// Kinds of link (`ARPHRD_*`, linux/if_arp.h) between two stations, whose packets stand for themselves: PPP; WireGuard,
/// TUN and most modems; other modems; IPIP; tunnels in IPv6; SIT; GRE over IPv4 and IPv6.
const POINT_TO_POINT: [u16; 8] = [512, 0xfffe, 519, 768, 769, 776, 778, 823];

/// What stands in front of the packets of links of this `hardware` (`ARPHRD_*`); `None`: something that flowpin does not know.
#[must_use]
pub fn layer(hardware: u16) -> Option<LinkLayer> {
    match hardware {
        libc::ARPHRD_ETHER => Some(LinkLayer::Ethernet),
        _ => POINT_TO_POINT.contains(&hardware).then_some(LinkLayer::None),
    }
}

/// Whether a link of this `hardware` opens each family by itself (PPP, RFC 1332, RFC 5072): one without an address is closed.
#[must_use]
pub fn negotiates_families(hardware: u16) -> bool {
    hardware == libc::ARPHRD_PPP
}

/// Why no port can be opened on the link `name` of this `hardware` (`ARPHRD_*`), in one sentence, if none can.
#[must_use]
pub fn unusable(name: &str, hardware: u16) -> Option<String> {
    let sentence = || {
        format!(
            "the link \"{name}\" is neither Ethernet nor a point-to-point link (hardware type {hardware}), as a WAN must be"
        )
    };
    layer(hardware).is_none().then(sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_link_and_one_of_an_unknown_kind_are_named() {
        let missing = Link::find("no-such-link").unwrap_err();
        assert_eq!(
            (missing.kind(), missing.to_string().as_str()),
            (io::ErrorKind::NotFound, "there is no link \"no-such-link\"")
        );
        let loopback = Link::find("lo").unwrap_err();
        assert_eq!(loopback.kind(), io::ErrorKind::Unsupported);
        assert!(loopback.to_string().contains("\"lo\" is neither Ethernet"));
    }
}
