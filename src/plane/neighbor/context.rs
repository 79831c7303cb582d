//! What an ARP or ND frame is answered with: where it arrived, what is known there, and the link header of the answer.
//! Must never know: what the frames say (arp.rs).

use super::cells::Neighbors;
use crate::plane::outbox::Outbox;
use crate::plane::policy::Wan;
use crate::plane::verdict::DropReason;
use crate::types::{End, HEADROOM, LinkLayer, Mac, Tick, WanId};
use arrayvec::ArrayVec;

const ETHERTYPE_VLAN: u16 = 0x8100;
/// Bytes of a link header without a tag.
const UNTAGGED: usize = 14;

/// What an ARP or ND frame was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// It asked for an owned address; the answer is in the outbox.
    Answered,
    /// Nothing to answer; what it taught has been learned. The kernel has its own copy.
    Kernel,
    /// It is broken, or not what it claims to be.
    Drop(DropReason),
}

/// The link header of an outgoing frame: 14 bytes, or 18 with the WAN's 802.1Q tag; none where the link has no link layer.
#[must_use]
pub fn link_header(wan: &Wan, destination: Mac, ethertype: u16) -> ArrayVec<u8, HEADROOM> {
    let mut header = ArrayVec::from([0; HEADROOM]);
    if wan.link.layer == LinkLayer::None {
        header.clear();
        return header;
    }
    header[..6].copy_from_slice(&destination.0);
    header[6..12].copy_from_slice(&wan.link.mac.0);
    match wan.link.vlan {
        Some(vlan) => {
            header[12..14].copy_from_slice(&ETHERTYPE_VLAN.to_be_bytes());
            header[14..16].copy_from_slice(&vlan.to_be_bytes());
            header[16..18].copy_from_slice(&ethertype.to_be_bytes());
        }
        None => {
            header[12..14].copy_from_slice(&ethertype.to_be_bytes());
            header.truncate(UNTAGGED);
        }
    }
    header
}

/// Where and when a frame arrived, what is known there and where an answer goes.
pub(super) struct NeighborContext<'a> {
    pub(super) now: Tick,
    pub(super) id: WanId,
    pub(super) wan: &'a Wan,
    pub(super) neighbors: &'a Neighbors,
    pub(super) outbox: &'a mut Outbox,
}

impl NeighborContext<'_> {
    pub(super) fn send(&mut self, destination: Mac, ethertype: u16, packet: &[u8]) {
        let link = link_header(self.wan, destination, ethertype);
        self.outbox.push(End::Wan(self.id), &link, |buffer| {
            buffer.extend_from_slice(packet);
            true
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::neighbor::sample;

    const MAC: Mac = Mac([2, 0, 0, 0, 0xff, 9]);

    #[test]
    fn a_tagged_wan_has_its_tag_in_the_link_header() {
        let policy = sample::policy();
        let plain = link_header(&policy.wans[0], MAC, 0x0800);
        assert_eq!(plain[..], [2, 0, 0, 0, 0xff, 9, 2, 0, 0, 0, 0, 0xa, 8, 0]);
        let tagged = link_header(&policy.wans[1], MAC, 0x86dd);
        assert_eq!(tagged[..], [2, 0, 0, 0, 0xff, 9, 2, 0, 0, 0, 0, 0xb, 0x81, 0, 0x01, 0x2c, 0x86, 0xdd]);
    }
}
