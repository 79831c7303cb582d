//! A port that holds one captured packet: a capture is received in turns of one, each at its own time.
//! Must never know: where the packet goes.

use super::LinkType;
use crate::ports::batch::Receive;
use crate::types::{Batch, Frame, HEADROOM, Offload};
use std::io;

const ETHERNET: usize = 14;
const VLAN: u16 = 0x8100;

/// The header of LINKTYPE_LINUX_SLL, whose last two bytes are an EtherType.
const COOKED: usize = 16;

/// Room for one packet, with the headroom that a frame from the TUN has.
#[derive(Debug, Default)]
pub struct Slot {
    buffer: Vec<u8>,
    l3: usize,
    tag: Option<u16>,
    full: bool,
}

/// What `load` did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loaded {
    /// The packet waits to be received.
    Yes,
    /// It carries no IP: no TUN would ever show it.
    NotIp,
}

impl Slot {
    /// Puts a frame of an Ethernet in, as a packet socket delivers it: from its header on, its 802.1Q tag (TPID 0x8100) taken
    /// out and kept beside it.
    pub fn load_frame(&mut self, data: &[u8]) -> Loaded {
        let tagged = data.len() >= ETHERNET + 4 && ethertype(data) == Some(VLAN);
        self.tag = tagged.then(|| u16::from_be_bytes([data[14], data[15]]));
        let (addresses, rest) = if tagged { (&data[..12], &data[16..]) } else { (data, &data[..0]) };
        self.put(addresses, rest);
        self.l3 = (HEADROOM + ETHERNET).min(self.buffer.len());
        Loaded::Yes
    }

    /// Puts a packet in as a TUN or a link without a link layer delivers it: from the IP header on. What stands in front of that
    /// in the capture is taken off.
    pub fn load_packet(&mut self, data: &[u8], link: LinkType) -> Loaded {
        let Some(packet) = ip_of(data, link) else { return Loaded::NotIp };
        self.tag = None;
        self.put(packet, &[]);
        self.l3 = HEADROOM;
        Loaded::Yes
    }

    fn put(&mut self, first: &[u8], second: &[u8]) {
        self.buffer.clear();
        self.buffer.resize(HEADROOM, 0);
        self.buffer.extend_from_slice(first);
        self.buffer.extend_from_slice(second);
        self.full = true;
    }
}

impl Receive for Slot {
    fn receive<'a>(&'a mut self, batch: &mut Batch<'a>) -> io::Result<()> {
        if std::mem::take(&mut self.full) {
            let end = self.buffer.len();
            // A WAN's link header begins behind the headroom, where the TUN has its IP header.
            if let Some(mut frame) = Frame::new(&mut self.buffer, HEADROOM, self.l3, end, Offload::NONE) {
                frame.tag = self.tag;
                batch.push(frame);
            }
        }
        Ok(())
    }

    fn release(&mut self) {}
}

fn ethertype(data: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes([*data.get(12)?, *data.get(13)?]))
}

/// The IP packet of captured bytes, behind one 802.1Q tag at the most. `None` where the capture says that it is something else.
#[must_use]
pub fn ip_of(data: &[u8], link: LinkType) -> Option<&[u8]> {
    let (kind, packet) = match (link, ethertype(data)) {
        (LinkType::Raw | LinkType::Other(_), _) => return Some(data),
        (LinkType::Cooked, _) => (u16::from_be_bytes([*data.get(14)?, *data.get(15)?]), data.get(COOKED..)?),
        (LinkType::Ethernet, None) => return None,
        (LinkType::Ethernet, Some(VLAN)) => (u16::from_be_bytes([*data.get(16)?, *data.get(17)?]), data.get(18..)?),
        (LinkType::Ethernet, Some(kind)) => (kind, data.get(ETHERNET..)?),
    };
    matches!(kind, 0x0800 | 0x86dd).then_some(packet)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(slot: &mut Slot, check: impl FnOnce(&mut Frame<'_>)) {
        let mut batch = Batch::new();
        slot.receive(&mut batch).unwrap();
        assert_eq!(batch.len(), 1);
        check(&mut batch[0]);
        drop(batch);
        let mut again = Batch::new();
        slot.receive(&mut again).unwrap();
        assert!(again.is_empty(), "a packet is received once");
    }

    fn ethernet(kind: [u8; 2], rest: &[u8]) -> Vec<u8> {
        [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2], &kind[..], rest].concat()
    }

    #[test]
    fn a_tag_is_taken_out_of_the_bytes_as_the_kernel_does() {
        let mut slot = Slot::default();
        slot.load_frame(&ethernet([0x81, 0], &[0x6c, 0xaa, 8, 0, 0x45, 1, 2]));
        received(&mut slot, |frame| {
            assert_eq!(frame.tag, Some(0x6caa));
            assert_eq!(frame.link(), ethernet([8, 0], &[]));
            assert_eq!(frame.packet(), [0x45, 1, 2]);
        });
    }

    #[test]
    fn an_untagged_frame_is_left_as_it_is() {
        let mut slot = Slot::default();
        slot.load_frame(&ethernet([8, 6], &[9, 9]));
        received(&mut slot, |frame| {
            assert_eq!((frame.tag, frame.link_len(), frame.packet()), (None, 14, &[9, 9][..]));
        });
        slot.load_frame(&[1, 2, 3]);
        received(&mut slot, |frame| assert_eq!((frame.link(), frame.packet()), (&[1, 2, 3][..], &[][..])));
    }

    #[test]
    fn inside_frames_start_at_the_ip_header_with_room_for_a_tagged_link_header() {
        let mut slot = Slot::default();
        assert_eq!(slot.load_packet(&ethernet([0x86, 0xdd], &[0x60, 7]), LinkType::Ethernet), Loaded::Yes);
        received(&mut slot, |frame| {
            assert_eq!((frame.link_len(), frame.packet()), (0, &[0x60, 7][..]));
            assert!(frame.set_link(&[0; HEADROOM]));
        });
        assert_eq!(slot.load_packet(&[0x45, 1], LinkType::Raw), Loaded::Yes);
        received(&mut slot, |frame| assert_eq!(frame.packet(), [0x45, 1]));
        assert_eq!(slot.load_packet(&ethernet([8, 6], &[0; 28]), LinkType::Ethernet), Loaded::NotIp);
        assert_eq!(slot.load_packet(&[1, 2, 3], LinkType::Ethernet), Loaded::NotIp);
    }

    #[test]
    fn a_cooked_header_is_taken_off_and_says_what_was_sent() {
        // PPP, ARPHRD 512, without an address.
        let cooked = |went: u8, kind: [u8; 2]| [&[0, went, 2, 0][..], &[0; 10], &kind, &[0x45, 1]].concat();
        let mut slot = Slot::default();
        assert_eq!(slot.load_packet(&cooked(0, [8, 0]), LinkType::Cooked), Loaded::Yes);
        received(&mut slot, |frame| assert_eq!((frame.link_len(), frame.packet()), (0, &[0x45, 1][..])));
        // The line's own control packets, and what is cut.
        assert_eq!(slot.load_packet(&cooked(0, [0xc0, 0x21]), LinkType::Cooked), Loaded::NotIp);
        assert_eq!(slot.load_packet(&cooked(0, [8, 0])[..15], LinkType::Cooked), Loaded::NotIp);
        let sent = |went, link: LinkType| link.was_sent(&cooked(went, [8, 0]));
        assert_eq!(
            (sent(0, LinkType::Cooked), sent(4, LinkType::Cooked), sent(4, LinkType::Raw)),
            (false, true, false)
        );
    }
}
