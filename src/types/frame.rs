//! A frame on its way: borrowed bytes with room in front, its offload metadata, and where it ends up.
//! Ports fill frames and send them; the plane rewrites them in place. Must never know: who owns the memory.

use super::{End, Offload};
use arrayvec::ArrayVec;

/// Frames in one batch at the most.
pub const MAX_BATCH: usize = 64;

/// Bytes that a frame from the TUN must have free in front of its IP header: Ethernet plus one 802.1Q tag.
pub const HEADROOM: usize = 18;

/// What stands in front of an IP packet on a link.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum LinkLayer {
    /// An Ethernet header: the packet goes to one of many stations.
    #[default]
    Ethernet,
    /// Nothing: there is one station at the other end (PPP, modems that speak IP, WireGuard and other tunnels).
    None,
}

impl LinkLayer {
    /// Bytes of header in front of a received packet, a tag not counted.
    #[must_use]
    pub fn header_len(self) -> usize {
        match self {
            Self::Ethernet => 14,
            Self::None => 0,
        }
    }
}

/// The frames of one receive call. It borrows the port's memory until it is dropped.
pub type Batch<'a> = ArrayVec<Frame<'a>, MAX_BATCH>;

/// What becomes of a frame after the data plane has seen it: what a worker does with a verdict.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Disposition {
    /// Nothing more happens to it: dropped, answered, queued or left to the kernel.
    Done,
    /// It is to be sent to that end of the router.
    Send(End),
}

/// One packet in a borrowed buffer: `buffer[l2..l3]` link header (may be empty), `buffer[l3..end]` IP packet.
#[derive(Debug)]
pub struct Frame<'a> {
    buffer: &'a mut [u8],
    l2: usize,
    l3: usize,
    end: usize,
    /// What the kernel still owes this frame.
    pub offload: Offload,
    /// The 802.1Q tag control information that the kernel stripped on receive, or `None` when untagged.
    pub tag: Option<u16>,
    /// Length of network plus transport headers as the plane found it; the ports put it into the virtio header.
    pub header_len: u16,
    /// Set by the plane; `Done` until then.
    pub disposition: Disposition,
}

impl<'a> Frame<'a> {
    /// A frame whose link header starts at `l2`, IP packet (or ARP body) at `l3`, and which ends at `end`.
    /// `None` unless `l2 <= l3 <= end <= buffer.len()`.
    #[must_use]
    pub fn new(buffer: &'a mut [u8], l2: usize, l3: usize, end: usize, offload: Offload) -> Option<Self> {
        (l2 <= l3 && l3 <= end && end <= buffer.len()).then_some(Self {
            buffer,
            l2,
            l3,
            end,
            offload,
            tag: None,
            header_len: 0,
            disposition: Disposition::Done,
        })
    }

    /// Whether it is to be sent to `end`.
    #[must_use]
    pub fn goes_to(&self, end: End) -> bool {
        self.disposition == Disposition::Send(end)
    }

    /// The link header; empty for a frame from the TUN that has not been addressed yet.
    #[must_use]
    pub fn link(&self) -> &[u8] {
        &self.buffer[self.l2..self.l3]
    }

    /// The network-layer bytes.
    #[must_use]
    pub fn packet(&self) -> &[u8] {
        &self.buffer[self.l3..self.end]
    }

    /// The network-layer bytes, to be rewritten in place.
    #[must_use]
    pub fn packet_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[self.l3..self.end]
    }

    /// Link header and packet as one run: what goes out on a WAN.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.l2..self.end]
    }

    /// Bytes of link header in front of the packet.
    #[must_use]
    pub fn link_len(&self) -> usize {
        self.l3 - self.l2
    }

    /// Cuts the packet to `len` bytes (Ethernet padding). Longer than it is: unchanged.
    pub fn truncate(&mut self, len: usize) {
        self.end = self.end.min(self.l3 + len);
    }

    /// Replaces the link header by `header`. False, and unchanged, when there is no room in front.
    #[must_use]
    pub fn set_link(&mut self, header: &[u8]) -> bool {
        let Some(l2) = self.l3.checked_sub(header.len()) else { return false };
        self.buffer[l2..self.l3].copy_from_slice(header);
        self.l2 = l2;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_header_grows_into_the_headroom_and_not_beyond() {
        let mut buffer = [0u8; 24];
        let mut frame = Frame::new(&mut buffer, 14, 14, 24, Offload::NONE).unwrap();
        assert!(frame.set_link(&[7; 14]));
        assert_eq!((frame.bytes().len(), frame.link_len()), (24, 14));
        assert!(!frame.set_link(&[8; 18]));
        assert_eq!(frame.link(), &[7; 14]);
    }

    #[test]
    fn a_frame_cannot_reach_beyond_its_buffer() {
        let mut buffer = [0u8; 8];
        assert!(Frame::new(&mut buffer, 0, 4, 9, Offload::NONE).is_none());
        assert!(Frame::new(&mut buffer, 5, 4, 8, Offload::NONE).is_none());
    }
}
