//! The virtio network header as data: what the kernel still owes a frame (a checksum, segmentation).
//! Offsets count from the IP header here, whatever the port it came from; the ports shift them.
//! Source: include/uapi/linux/virtio_net.h. Must never know: sockets.

/// Bytes of `struct virtio_net_hdr` without `num_buffers`, the size used on both sides.
pub const VIRTIO_HEADER_LEN: usize = 10;

const F_NEEDS_CSUM: u8 = 1;
const GSO_ECN: u8 = 0x80;

/// A checksum left to finish: the field holds the folded, un-complemented pseudo-header sum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PartialChecksum {
    /// Bytes from the IP header to where the sum begins (the transport header).
    pub start: u16,
    /// Bytes from `start` to the checksum field.
    pub offset: u16,
}

/// The kind of a super-frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GsoKind {
    /// TCP over IPv4 (`VIRTIO_NET_HDR_GSO_TCPV4`).
    Tcp4,
    /// TCP over IPv6 (`VIRTIO_NET_HDR_GSO_TCPV6`).
    Tcp6,
    /// UDP segmentation, both families (`VIRTIO_NET_HDR_GSO_UDP_L4`).
    UdpL4,
}

/// Segmentation left to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gso {
    /// What is cut.
    pub kind: GsoKind,
    /// Transport payload bytes of each segment but the last; never 0.
    pub size: u16,
    /// The TCP flow uses ECN: CWR is set on the first segment only.
    pub ecn: bool,
}

impl Gso {
    /// The packets that a super-frame of `len` bytes, of which each segment repeats the first `header_len`, is on a
    /// wire, and their IP bytes.
    #[must_use]
    pub fn segments(self, len: u32, header_len: u16) -> (u32, u32) {
        let header = u32::from(header_len);
        let payload = len.saturating_sub(header);
        let packets = payload.div_ceil(u32::from(self.size)).max(1);
        (packets, payload + packets * header)
    }
}

/// What a frame carries beside its bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Offload {
    /// The transport checksum is partial.
    pub partial: Option<PartialChecksum>,
    /// The frame is a super-frame.
    pub gso: Option<Gso>,
}

impl Offload {
    /// A frame that owes nothing.
    pub const NONE: Self = Self { partial: None, gso: None };

    /// Reads a virtio header whose offsets count from `l2` bytes before the IP header (0 on a TUN, 14 on a packet
    /// socket). `None` when it is malformed: an unknown GSO type, a zero segment size, a checksum before the IP header.
    #[must_use]
    pub fn decode(header: &[u8; VIRTIO_HEADER_LEN], l2: u16) -> Option<Self> {
        let word = |at: usize| u16::from_ne_bytes([header[at], header[at + 1]]);
        let partial = if header[0] & F_NEEDS_CSUM != 0 {
            Some(PartialChecksum { start: word(6).checked_sub(l2)?, offset: word(8) })
        } else {
            None
        };
        let kind = match header[1] & !GSO_ECN {
            0 => return Some(Self { partial, gso: None }),
            1 => GsoKind::Tcp4,
            4 => GsoKind::Tcp6,
            5 => GsoKind::UdpL4,
            _ => return None,
        };
        let size = word(4);
        (size != 0).then_some(Self { partial, gso: Some(Gso { kind, size, ecn: header[1] & GSO_ECN != 0 }) })
    }

    /// Writes the virtio header for a frame whose IP header stands `l2` bytes in. `header_len` is the length of the
    /// network and transport headers: a 0 there makes a TUN allocate a linear buffer for the whole super-frame.
    #[must_use]
    pub fn encode(&self, l2: u16, header_len: u16) -> [u8; VIRTIO_HEADER_LEN] {
        let mut header = [0; VIRTIO_HEADER_LEN];
        let mut put = |at: usize, value: u16| header[at..at + 2].copy_from_slice(&value.to_ne_bytes());
        if let Some(partial) = self.partial {
            put(6, partial.start.saturating_add(l2));
            put(8, partial.offset);
        }
        if let Some(gso) = self.gso {
            put(4, gso.size);
        }
        put(2, if self.partial.is_some() || self.gso.is_some() { header_len.saturating_add(l2) } else { 0 });
        header[0] = if self.partial.is_some() { F_NEEDS_CSUM } else { 0 };
        header[1] = self.gso.map_or(0, |gso| {
            let kind = match gso.kind {
                GsoKind::Tcp4 => 1,
                GsoKind::Tcp6 => 4,
                GsoKind::UdpL4 => 5,
            };
            kind | if gso.ecn { GSO_ECN } else { 0 }
        });
        header
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_read_from_a_packet_socket_is_shifted_for_the_tun() {
        let offload = Offload {
            partial: Some(PartialChecksum { start: 20, offset: 16 }),
            gso: Some(Gso { kind: GsoKind::Tcp4, size: 1448, ecn: true }),
        };
        let wire = offload.encode(14, 52);
        assert_eq!(u16::from_ne_bytes([wire[2], wire[3]]), 66);
        assert_eq!(Offload::decode(&wire, 14), Some(offload));
    }

    #[test]
    fn c_63_a_malformed_header_is_refused() {
        assert_eq!(Offload::decode(&[1, 0, 0, 0, 0, 0, 13, 0, 16, 0], 14), None, "checksum inside the Ethernet header");
        assert_eq!(Offload::decode(&[0, 1, 0, 0, 0, 0, 0, 0, 0, 0], 0), None, "segments of zero bytes");
        assert_eq!(Offload::decode(&[0, 3, 0, 0, 8, 0, 0, 0, 0, 0], 0), None, "UFO");
    }
}
