//! What a lab can be asked to look like. The default is the network of the demo.
//! Must never know: how it is built.

/// The shape of a lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// MTU of the firewall's link, bytes.
    pub lan_mtu: u16,
    /// MTU of the WAN links (fiber, dsl), bytes.
    pub wan_mtu: [u16; 2],
    /// MTU of the links between the ISPs (fiber's, DSL's) and the Internet host, bytes.
    pub uplink_mtu: [u16; 2],
    /// MTU of flowpin's TUN, bytes.
    pub tun_mtu: u16,
    /// Weights of the WANs.
    pub weights: [u32; 2],
    /// NPTv6 modes of the WANs.
    pub npt: [Npt; 2],
    /// 802.1Q tag of the fiber. The ISP's end is then cut in two: frames for the router leave ISP a on `customer`, whose
    /// other end is `access`, beside `trunk`, the other end of the router's `wan0`; who uses this carries frames between
    /// `access` and `trunk` and handles the tags.
    pub vlan: Option<u16>,
    /// A third WAN, `lte`, whose link is there only once it is plugged in.
    pub lte: bool,
    /// Seed of the rendezvous hash.
    pub seed: u64,
    /// Worker threads; `None` leaves the choice to flowpin.
    pub threads: Option<usize>,
    /// How many times slower than on a quick machine the traffic is, and how many times as long everything is waited for.
    pub pace: u32,
    /// Text to put at the end of the configuration, such as a table of one's own.
    pub extra: String,
}

/// A mode of NPTv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Npt {
    /// The prefix is swapped and transport checksums are updated.
    Prefix,
    /// Checksum-neutral (RFC 6296).
    Rfc6296,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            lan_mtu: 1500,
            wan_mtu: [1500; 2],
            uplink_mtu: [1500; 2],
            tun_mtu: 1500,
            weights: [2, 1],
            npt: [Npt::Prefix, Npt::Rfc6296],
            vlan: None,
            lte: false,
            seed: 0,
            threads: None,
            pace: 1,
            extra: String::new(),
        }
    }
}
