//! What a port must know of a kernel link: index, what stands in front of its packets, MAC, MTU.
//! Must never know: addresses, routes, netlink.

use super::sys::device;
use crate::types::{LinkLayer, Mac};
use socket2::{Domain, Socket, Type};
use std::io;
use std::os::fd::AsFd;

/// What kind of link one is: as long as that and its index stay the same, a port on it stays right.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Kind {
    /// `ARPHRD_*`, linux/if_arp.h.
    pub hardware: u16,
    /// It leads to one peer, which the kernel knows (`IFF_POINTOPOINT`).
    pub is_point_to_point: bool,
}

/// `ARPHRD_RAWIP` and `ARPHRD_IP6GRE`, linux/if_arp.h.
const RAW_IP: u16 = 519;
const IP6_GRE: u16 = 823;

/// Kinds of link (`ARPHRD_*`) without a link layer that always lead to one peer: PPP; WireGuard, TUN and most modems; other
/// modems.
const LINES: [u16; 3] = [libc::ARPHRD_PPP, libc::ARPHRD_NONE, RAW_IP];

/// The same of tunnels, which lead to one peer if they were made with a remote end: IPIP; those in IPv6; SIT; GRE over IPv4 and
/// IPv6. Others find it by routes and neighbours (6to4, multipoint GRE) or metadata, which what a packet socket sends has not.
const TUNNELS: [u16; 5] = [libc::ARPHRD_TUNNEL, libc::ARPHRD_TUNNEL6, libc::ARPHRD_SIT, libc::ARPHRD_IPGRE, IP6_GRE];

impl Kind {
    /// An Ethernet.
    pub const ETHERNET: Self = Self { hardware: libc::ARPHRD_ETHER, is_point_to_point: false };

    /// What stands in front of the packets of such links; `None`: something that flowpin does not know.
    #[must_use]
    pub fn layer(self) -> Option<LinkLayer> {
        match self.hardware {
            libc::ARPHRD_ETHER => Some(LinkLayer::Ethernet),
            hardware => (LINES.contains(&hardware) || TUNNELS.contains(&hardware)).then_some(LinkLayer::None),
        }
    }

    /// Whether such a link opens each family by itself (PPP, RFC 1332, RFC 5072): one without an address is closed.
    #[must_use]
    pub fn negotiates_families(self) -> bool {
        self.hardware == libc::ARPHRD_PPP
    }

    /// Whether the kernel cuts super-frames that a packet socket sends there. It does not for PPP, whose driver has it believe
    /// that a packet begins with four bytes more.
    fn takes_super_frames(self) -> bool {
        self.hardware != libc::ARPHRD_PPP
    }

    /// Why no port can be opened on the link `name`, which is of this kind, in one sentence, if none can.
    #[must_use]
    pub fn unusable(self, name: &str) -> Option<String> {
        let Self { hardware, is_point_to_point } = self;
        if self.layer().is_none() {
            return Some(format!(
                "the link \"{name}\" is neither Ethernet nor a point-to-point link (hardware type {hardware}), as a WAN must be"
            ));
        }
        let leads_to_many = TUNNELS.contains(&hardware) && !is_point_to_point;
        leads_to_many.then(|| {
            format!(
                "the tunnel \"{name}\" has no remote end: make it anew with one (`remote ADDRESS`), as a WAN must have"
            )
        })
    }
}

/// A link of the kernel that takes a port, as it was when found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// Its index, which no other link gets while this one exists.
    pub index: u32,
    /// What stands in front of its packets.
    pub layer: LinkLayer,
    /// Whether the kernel cuts super-frames that a packet socket sends there.
    pub takes_super_frames: bool,
    /// Its own address; of no use where nothing stands there.
    pub mac: Mac,
    /// Its MTU in bytes, link header not counted.
    pub mtu: u32,
    /// Whether frames of every VLAN are wanted.
    pub every_vlan: bool,
}

impl Link {
    /// The same; `yes`: a port on it is to receive frames of every VLAN. A card that filters them (`rx-vlan-filter`) hands out
    /// only those of the machine's own VLAN devices, unless it is promiscuous, which the port makes it for as long as it is open.
    #[must_use]
    pub fn with_every_vlan(self, yes: bool) -> Self {
        Self { every_vlan: yes, ..self }
    }

    /// Finds the link `name`.
    ///
    /// # Errors
    /// `NotFound` when there is no such link, `Unsupported` when its kind is none that takes a port.
    pub fn find(name: &str) -> io::Result<Self> {
        let missing = || io::Error::new(io::ErrorKind::NotFound, format!("there is no link \"{name}\""));
        let index = device::index(name).ok_or_else(missing)?;
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
        let (hardware, mac) = device::hardware(socket.as_fd(), name)?;
        let is_point_to_point = i32::from(device::flags(socket.as_fd(), name)?) & libc::IFF_POINTOPOINT != 0;
        let kind = Kind { hardware, is_point_to_point };
        let unsupported = |why: String| io::Error::new(io::ErrorKind::Unsupported, why);
        kind.unusable(name).map_or(Ok(()), |why| Err(unsupported(why)))?;
        let layer = kind.layer().unwrap_or_default();
        let mtu = device::mtu(socket.as_fd(), name)?;
        let takes_super_frames = kind.takes_super_frames();
        Ok(Self { name: name.to_owned(), index, layer, takes_super_frames, mac: Mac(mac), mtu, every_vlan: false })
    }
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

    #[test]
    fn a_tunnel_takes_a_port_only_with_a_remote_end_and_other_lines_without_one_too() {
        let unusable = |hardware, is_point_to_point| Kind { hardware, is_point_to_point }.unusable("t");
        for hardware in TUNNELS {
            let why = unusable(hardware, false);
            assert!(why.is_some_and(|why| why.starts_with("the tunnel \"t\" has no remote end")), "{hardware}");
            assert_eq!(unusable(hardware, true), None, "{hardware}");
        }
        for hardware in [&LINES[..], &[libc::ARPHRD_ETHER]].concat() {
            assert_eq!((unusable(hardware, false), unusable(hardware, true)), (None, None), "{hardware}");
        }
    }
}
