//! The addresses that tests, traffic and demo speak of: the picture of `lab` as names.
//! MACs are fixed and from the documentation range 00:00:5e:00:53:00-ff (RFC 9542).
//! Must never know: flowpin.

use super::{Npt, Options};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The Internet host's IPv4 address.
pub const SERVER4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);
/// The Internet host's IPv6 address.
pub const SERVER6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 0x10);
/// The firewall's identities, in the order of their public addresses.
pub const INSIDE4: [Ipv4Addr; 5] = block(10, 250, 250, 2);
/// The fiber's public addresses, one per identity.
pub const FIBER4: [Ipv4Addr; 5] = block(192, 0, 2, 193);
/// The DSL's public addresses, one per identity.
pub const DSL4: [Ipv4Addr; 5] = block(198, 51, 100, 241);
/// The LTE line's public addresses, one per identity.
pub const LTE4: [Ipv4Addr; 5] = block(203, 0, 113, 241);
/// The firewall's IPv6 host in the translated prefix.
pub const INSIDE6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xbad, 0xb01, 1, 0, 0, 0, 0x100);
/// The inside host of the fiber's inbound map.
pub const INBOUND6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xbad, 0xb01, 0xfe, 0, 0, 0, 2);
/// The external host of the fiber's inbound map.
pub const INBOUND6_PUBLIC: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xa, 0xc80, 0, 0, 0, 1);
/// [`INSIDE6`] on the fiber in mode `prefix`.
pub const FIBER6_PREFIX: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xa, 0xc81, 0, 0, 0, 0x100);
/// [`INSIDE6`] on the fiber in mode `rfc6296`.
pub const FIBER6_RFC6296: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xa, 0xc81, 0xd96b, 0, 0, 0x100);
/// [`INSIDE6`] on the DSL in mode `prefix`.
pub const DSL6_PREFIX: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xb, 0xbe01, 0, 0, 0, 0x100);
/// [`INSIDE6`] on the DSL in mode `rfc6296`.
pub const DSL6_RFC6296: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xb, 0xbe01, 0x27ea, 0, 0, 0x100);

/// [`INSIDE6`] on the LTE line.
pub const LTE6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xc, 0x5d01, 0, 0, 0, 0x100);

/// A line to an ISP.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Line {
    /// To ISP a.
    Fiber,
    /// To ISP b.
    Dsl,
    /// To ISP c; it comes when it is plugged in.
    Lte,
}

impl Line {
    /// The name of its WAN.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fiber => "fiber",
            Self::Dsl => "dsl",
            Self::Lte => "lte",
        }
    }

    /// Its public IPv4 addresses, one per identity.
    #[must_use]
    pub fn block4(self) -> [Ipv4Addr; 5] {
        match self {
            Self::Fiber => FIBER4,
            Self::Dsl => DSL4,
            Self::Lte => LTE4,
        }
    }
}

/// A public address and who is behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Public {
    /// Name of the WAN.
    pub wan: &'static str,
    /// What the outside sees.
    pub address: IpAddr,
    /// The inside address.
    pub inside: IpAddr,
}

/// Every public address of a lab of this shape that leads to an inside host.
#[must_use]
pub fn public_addresses(options: &Options) -> Vec<Public> {
    let [fiber, dsl] = options.npt;
    let fiber6 = if fiber == Npt::Prefix { FIBER6_PREFIX } else { FIBER6_RFC6296 };
    let dsl6 = if dsl == Npt::Prefix { DSL6_PREFIX } else { DSL6_RFC6296 };
    let mut all = Vec::new();
    let mut add = |wan, address, inside| all.push(Public { wan, address, inside });
    for (wan, block) in [("fiber", FIBER4), ("dsl", DSL4)] {
        block.iter().zip(INSIDE4).for_each(|(public, inside)| add(wan, (*public).into(), inside.into()));
    }
    add("fiber", fiber6.into(), INSIDE6.into());
    add("dsl", dsl6.into(), INSIDE6.into());
    add("fiber", INBOUND6_PUBLIC.into(), INBOUND6.into());
    if options.lte {
        LTE4.iter().zip(INSIDE4).for_each(|(public, inside)| add("lte", (*public).into(), inside.into()));
        add("lte", LTE6.into(), INSIDE6.into());
    }
    all
}

/// Link addresses, by link and side.
pub mod mac {
    /// The router on the firewall's link.
    pub const RT_LAN: [u8; 6] = documentation(0x01);
    /// The firewall.
    pub const FW: [u8; 6] = documentation(0x02);
    /// ISP a's gateway.
    pub const ISPA: [u8; 6] = documentation(0xa1);
    /// The router on the fiber.
    pub const RT_WAN0: [u8; 6] = documentation(0xa2);
    /// The switch side of ISP a's gateway when the fiber is tagged.
    pub const ACCESS: [u8; 6] = documentation(0xa3);
    /// The router's peer when the fiber is tagged.
    pub const TRUNK: [u8; 6] = documentation(0xa4);
    /// ISP b's gateway.
    pub const ISPB: [u8; 6] = documentation(0xb1);
    /// The router on the DSL.
    pub const RT_WAN1: [u8; 6] = documentation(0xb2);
    /// ISP c's gateway.
    pub const ISPC: [u8; 6] = documentation(0xe1);
    /// The router on the LTE line.
    pub const RT_WWAN0: [u8; 6] = documentation(0xe2);
    /// ISP a towards the Internet, and the Internet host towards it.
    pub const UPLINK_A: [[u8; 6]; 2] = [documentation(0xc1), documentation(0xc2)];
    /// ISP b towards the Internet, and the Internet host towards it.
    pub const UPLINK_B: [[u8; 6]; 2] = [documentation(0xd1), documentation(0xd2)];

    /// ISP c towards the Internet, and the Internet host towards it.
    pub const UPLINK_C: [[u8; 6]; 2] = [documentation(0xf1), documentation(0xf2)];

    const fn documentation(last: u8) -> [u8; 6] {
        [0, 0, 0x5e, 0, 0x53, last]
    }
}

const fn block(a: u8, b: u8, c: u8, first: u8) -> [Ipv4Addr; 5] {
    let mut addresses = [Ipv4Addr::UNSPECIFIED; 5];
    let mut i = 0;
    while i < 5 {
        addresses[i as usize] = Ipv4Addr::new(a, b, c, first + i);
        i += 1;
    }
    addresses
}
