//! A WAN link as a port: a packet socket with a receive ring, and a second one to send. Ordinary frames are handed out,
//! rewritten and sent in their ring slot; a super-frame, longer than its slot, is fetched whole from the socket's queue.
//! The virtio header goes through in both directions. Must never know: what a frame means.
//!
//! Options come in this order, or the kernel refuses or ignores them: version, reserve, virtio header, copy threshold,
//! ignore outgoing, ring, bind. The kernel puts the virtio header 10 bytes in front of the link header; a reserve of 6
//! then aligns the IP header.

use super::arena::{Arena, LONGEST, Rest};
use super::batch::{Receive, Sent, Transmit};
use super::link::Link;
use super::live::LiveReceive;
use super::meter::{Meter, Reading};
use super::sys::burst::{self, Message, Then};
use super::sys::packet;
use super::sys::ring::{Head, Ring};
use crate::types::{Batch, End, Frame, LinkLayer, MAX_BATCH, Offload, VIRTIO_HEADER_LEN};
use arrayvec::ArrayVec;
use socket2::{Domain, Socket, Type};
use std::io::{self, IoSliceMut, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

/// Slots of a ring: 8 MiB, about 8 ms of small frames at 500 000 a second.
const SLOTS: usize = 4096;

/// Bytes of super-frames that may wait, and of frames being sent; the kernel doubles it.
const BUFFER: i32 = 16 * 1024 * 1024;

/// `ETH_P_ALL`, `ETH_P_IP`, `ETH_P_IPV6` and `ETH_P_8021Q`, linux/if_ether.h.
const EVERYTHING: u16 = 0x0003;
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const TAG_8021Q: u16 = 0x8100;

/// Opens a link for receiving and for sending. With `fanout`, all sockets of this link with the same number share its
/// frames, each flow at one of them (a hash over addresses and ports, the same for both directions of a flow).
///
/// # Errors
/// One sentence that names the link. Needs CAP_NET_RAW and CAP_NET_ADMIN.
pub fn open(link: &Link, fanout: Option<u16>, meter: &Arc<Meter>) -> io::Result<(PacketReceive, PacketTransmit)> {
    let named = |error: io::Error| {
        let hint = if error.kind() == io::ErrorKind::PermissionDenied {
            ": flowpin needs CAP_NET_RAW and CAP_NET_ADMIN"
        } else {
            ""
        };
        io::Error::new(error.kind(), format!("cannot open a packet socket on \"{}\": {error}{hint}", link.name))
    };
    let receive = PacketReceive::open(link, fanout, Arc::clone(meter)).map_err(named)?;
    let transmit = PacketTransmit::open(link, Arc::clone(meter)).map_err(named)?;
    Ok((receive, transmit))
}

/// The receiving half of a WAN link as a port.
#[derive(Debug)]
pub struct PacketReceive {
    ring: Ring,
    socket: Socket,
    layer: LinkLayer,
    arena: Arena,
    meter: Arc<Meter>,
}

/// The sending half of a WAN link as a port.
#[derive(Debug)]
pub struct PacketTransmit {
    socket: Socket,
    /// The link's index, where no header says of what protocol a packet is.
    by: Option<u32>,
    takes_super_frames: bool,
    /// Frames go straight to the driver. Ends for good when the driver refuses a super-frame: only the way through the
    /// queueing discipline segments what the hardware cannot.
    direct: bool,
    meter: Arc<Meter>,
}

/// A socket to which nothing is delivered yet.
fn socket() -> io::Result<Socket> {
    let socket = Socket::new(Domain::PACKET, Type::RAW, None)?;
    socket.set_nonblocking(true)?;
    packet::set(socket.as_fd(), libc::SOL_PACKET, libc::PACKET_VERSION, TPACKET_V2)?;
    Ok(socket)
}

const TPACKET_V2: i32 = libc::tpacket_versions::TPACKET_V2 as i32;

impl PacketReceive {
    fn open(link: &Link, fanout: Option<u16>, meter: Arc<Meter>) -> io::Result<Self> {
        let socket = socket()?;
        let set = |option, value| packet::set(socket.as_fd(), libc::SOL_PACKET, option, value);
        set(libc::PACKET_RESERVE, 6)?;
        set(libc::PACKET_VNET_HDR, 1)?;
        set(libc::PACKET_COPY_THRESH, 1)?;
        set(libc::PACKET_IGNORE_OUTGOING, 1)?;
        packet::set(socket.as_fd(), libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, BUFFER)?;
        let ring = Ring::map(socket.as_fd(), SLOTS)?;
        packet::join_all_multicast(socket.as_fd(), link.index)?;
        if link.every_vlan {
            packet::join_everything(socket.as_fd(), link.index)?;
        }
        packet::bind(socket.as_fd(), link.index, EVERYTHING)?;
        if let Some(group) = fanout {
            // Frames are delivered to the group, so the group itself must be set to leave outgoing frames out.
            let how = (libc::PACKET_FANOUT_HASH | libc::PACKET_FANOUT_FLAG_IGNORE_OUTGOING) << 16;
            set(libc::PACKET_FANOUT, (how | u32::from(group)).cast_signed())?;
        }
        Ok(Self { ring, socket, layer: link.layer, arena: Arena::new(), meter })
    }
}

impl LiveReceive for PacketReceive {
    /// A link that goes down is a fault for a moment; if it is removed soon after, the kernel reports nothing more.
    fn check(&mut self) -> io::Result<()> {
        let fault = self.socket.take_error()?;
        if !packet::is_bound(self.socket.as_fd())? {
            return Err(io::Error::from_raw_os_error(libc::ENODEV));
        }
        match fault {
            Some(error) if error.raw_os_error() != Some(libc::ENETDOWN) => Err(error),
            _ => Ok(()),
        }
    }

    fn count_losses(&mut self) {
        if let Ok(lost) = packet::take_drops(self.socket.as_fd()) {
            self.meter.add_received(&Reading { lost: u64::from(lost), ..Reading::default() });
        }
    }
}

impl AsFd for PacketReceive {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Why a slot did not become a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    /// Not ours: on its way out, or with a service tag (802.1ad).
    Foreign,
    Truncated,
    Malformed,
}

impl Receive for PacketReceive {
    fn receive<'a>(&'a mut self, batch: &mut Batch<'a>) -> io::Result<()> {
        let mut seen = Reading::default();
        let mut filled = self.ring.filled();
        let mut rest = self.arena.open();
        for _ in batch.len()..MAX_BATCH {
            let Some(head) = filled.peek() else { break };
            let longer = head.status & libc::TP_STATUS_COPY != 0;
            if longer && !rest.has_room() {
                break;
            }
            let Some(slot) = filled.take() else { break };
            let frame = match longer {
                true => fetch(&self.socket, (head, self.layer), &mut rest),
                false => in_slot((head, self.layer), slot),
            };
            match frame {
                Ok(frame) => batch.push(frame),
                Err(Fault::Foreign) => {}
                Err(Fault::Truncated) => seen.truncated += 1,
                Err(Fault::Malformed) => seen.malformed += 1,
            }
        }
        seen.received = batch.len() as u64;
        self.meter.add_received(&seen);
        Ok(())
    }

    fn release(&mut self) {
        self.ring.release();
    }
}

/// The frame of a slot that holds all of it.
fn in_slot<'a>((head, layer): (Head, LinkLayer), slot: &'a mut [u8]) -> Result<Frame<'a>, Fault> {
    if head.captured < head.len {
        return Err(Fault::Truncated);
    }
    let header = head.link.checked_sub(VIRTIO_HEADER_LEN).and_then(|at| slot.get(at..head.link));
    let header: [u8; VIRTIO_HEADER_LEN] = header.and_then(|bytes| bytes.try_into().ok()).ok_or(Fault::Malformed)?;
    frame((head, layer), &header, slot, head.link)
}

/// The frame that waits in the socket's queue for a marked slot: one message for one slot, in the same order.
fn fetch<'a>(mut socket: &Socket, (head, layer): (Head, LinkLayer), rest: &mut Rest<'a>) -> Result<Frame<'a>, Fault> {
    let mut header = [0; VIRTIO_HEADER_LEN];
    // A pending error (the link went down) hides the message once; a message without its slot is passed over.
    for _ in 0..8 {
        let mut vectors = [IoSliceMut::new(&mut header), IoSliceMut::new(rest.space(layer.header_len()))];
        match socket.read_vectored(&mut vectors) {
            Ok(len) if len == VIRTIO_HEADER_LEN + head.len => {
                let (buffer, link) = rest.take(layer.header_len(), head.len);
                return frame((head, layer), &header, buffer, link);
            }
            Ok(_) if head.len > LONGEST => return Err(Fault::Truncated),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(Fault::Truncated),
            _ => {}
        }
    }
    Err(Fault::Truncated)
}

/// The frame of `head` whose link header begins `link` bytes into `buffer`.
fn frame<'a>(
    (head, layer): (Head, LinkLayer),
    header: &[u8; VIRTIO_HEADER_LEN],
    buffer: &'a mut [u8],
    link: usize,
) -> Result<Frame<'a>, Fault> {
    let service_tag = head.status & libc::TP_STATUS_VLAN_TPID_VALID != 0 && head.tag_protocol != TAG_8021Q;
    if head.kind >= libc::PACKET_OUTGOING || service_tag {
        return Err(Fault::Foreign);
    }
    let offload = Offload::decode(header, layer.header_len() as u16).ok_or(Fault::Malformed)?;
    let mut frame =
        Frame::new(buffer, link, link + layer.header_len(), link + head.len, offload).ok_or(Fault::Malformed)?;
    frame.tag = (head.status & libc::TP_STATUS_VLAN_VALID != 0).then_some(head.tag);
    Ok(frame)
}

impl PacketTransmit {
    fn open(link: &Link, meter: Arc<Meter>) -> io::Result<Self> {
        let socket = socket()?;
        packet::set(socket.as_fd(), libc::SOL_PACKET, libc::PACKET_VNET_HDR, 1)?;
        packet::set(socket.as_fd(), libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, BUFFER)?;
        packet::bind(socket.as_fd(), link.index, 0)?;
        set_direct(&socket, true)?;
        let by = (link.layer == LinkLayer::None).then_some(link.index);
        Ok(Self { socket, by, takes_super_frames: link.takes_super_frames, direct: true, meter })
    }
}

fn set_direct(socket: &Socket, direct: bool) -> io::Result<()> {
    packet::set(socket.as_fd(), libc::SOL_PACKET, libc::PACKET_QDISC_BYPASS, i32::from(direct))
}

impl Transmit for PacketTransmit {
    fn transmit(&mut self, frames: &[Frame<'_>], end: End) -> io::Result<Sent> {
        let mut messages = ArrayVec::<Message<'_>, MAX_BATCH>::new();
        let mut super_frames = 0u64;
        for frame in frames.iter().filter(|frame| frame.goes_to(end)).take(MAX_BATCH) {
            super_frames |= u64::from(frame.offload.gso.is_some()) << messages.len();
            let link = u16::try_from(frame.link_len()).unwrap_or(0);
            let header = frame.offload.encode(link, frame.header_len);
            messages.push(Message { header, bytes: frame.bytes(), protocol: protocol(frame.packet()) });
        }
        let Self { socket, by, direct, meter, .. } = self;
        let mut ledger = Ledger { socket, direct, sent: Sent::default(), broken: None };
        ledger.sent.sent = burst::send(socket.as_fd(), *by, &messages, |at, error| {
            ledger.judge(error, messages.len() - at, super_frames >> at & 1 == 1)
        });
        meter.add_sent(ledger.sent);
        ledger.broken.map_or(Ok(ledger.sent), |code| Err(io::Error::from_raw_os_error(code)))
    }

    fn takes_super_frames(&self) -> bool {
        self.takes_super_frames
    }
}

/// The EtherType of an IP packet.
fn protocol(packet: &[u8]) -> u16 {
    if packet.first().is_some_and(|octet| octet >> 4 == 6) { IPV6 } else { IPV4 }
}

/// What becomes of the frames of one transmit.
struct Ledger<'a> {
    socket: &'a Socket,
    direct: &'a mut bool,
    sent: Sent,
    broken: Option<i32>,
}

impl Ledger<'_> {
    /// Counts a frame that failed, or remembers that the port broke, and returns how to go on. `left` counts the frame too.
    fn judge(&mut self, error: &io::Error, left: usize, super_frame: bool) -> Then {
        match error.raw_os_error() {
            Some(libc::EAGAIN) => {
                self.sent.full += u32::try_from(left).unwrap_or(0);
                return Then::Stop;
            }
            Some(libc::ENOBUFS) if super_frame && *self.direct => {
                *self.direct = false;
                if set_direct(self.socket, false).is_ok() {
                    return Then::Retry;
                }
                self.sent.full += 1;
            }
            Some(libc::ENOBUFS | libc::ENOMEM) => self.sent.full += 1,
            Some(code @ (libc::ENXIO | libc::ENODEV | libc::EBADF | libc::ENOTSOCK)) => {
                self.broken = Some(code);
                return Then::Stop;
            }
            _ => self.sent.refused += 1,
        }
        Then::Skip
    }
}

#[cfg(test)]
mod tests {
    use super::super::sys::ring::SLOT_HEADER;
    use super::*;

    fn head(len: usize) -> Head {
        Head { status: libc::TP_STATUS_USER, len, captured: len, link: 30, tag: 0, tag_protocol: 0, kind: 0 }
    }

    fn received(head: Head, slot: &mut [u8]) -> Result<Frame<'_>, Fault> {
        in_slot((head, LinkLayer::Ethernet), slot)
    }

    /// A slot whose virtio header stands at 20 and whose Ethernet header stands at 30.
    fn slot(header: [u8; VIRTIO_HEADER_LEN]) -> Vec<u8> {
        let mut slot = vec![0; 256];
        slot[20..30].copy_from_slice(&header);
        slot[30..44].fill(7);
        slot[44..64].fill(9);
        slot
    }

    #[test]
    fn a_frame_in_a_slot_has_its_link_header_and_room_for_a_tag_in_front() {
        let mut slot = slot([0; 10]);
        let mut frame = received(head(34), &mut slot).unwrap();
        assert_eq!((frame.link(), frame.packet()), (&[7; 14][..], &[9; 20][..]));
        assert_eq!((frame.tag, frame.offload), (None, Offload::NONE));
        assert!(frame.set_link(&[1; 18]));
    }

    #[test]
    fn a_frame_of_a_link_without_a_link_layer_is_all_packet() {
        let partial = [1, 0, 0, 0, 0, 0, 20, 0, 6, 0];
        let mut slot = slot(partial);
        let frame = in_slot((head(34), LinkLayer::None), &mut slot).unwrap();
        assert_eq!((frame.link().len(), frame.packet().len()), (0, 34));
        assert_eq!(frame.offload.partial.map(|partial| partial.start), Some(20));
    }

    #[test]
    fn a_stripped_tag_is_seen_and_a_service_tag_is_not_ours() {
        let tagged = Head { status: libc::TP_STATUS_USER | libc::TP_STATUS_VLAN_VALID, tag: 0x2007, ..head(34) };
        assert_eq!(received(tagged, &mut slot([0; 10])).unwrap().tag, Some(0x2007));
        let service = Head { status: tagged.status | libc::TP_STATUS_VLAN_TPID_VALID, tag_protocol: 0x88a8, ..tagged };
        assert_eq!(received(service, &mut slot([0; 10])).unwrap_err(), Fault::Foreign);
        let customer = Head { tag_protocol: TAG_8021Q, ..service };
        assert_eq!(received(customer, &mut slot([0; 10])).unwrap().tag, Some(0x2007));
    }

    #[test]
    fn a_frame_that_is_not_whole_or_makes_no_sense_has_a_name() {
        assert_eq!(received(Head { captured: 33, ..head(34) }, &mut slot([0; 10])).unwrap_err(), Fault::Truncated);
        assert_eq!(received(head(13), &mut slot([0; 10])).unwrap_err(), Fault::Malformed);
        assert_eq!(received(head(300), &mut slot([0; 10])).unwrap_err(), Fault::Malformed);
        assert_eq!(received(Head { link: 9, ..head(34) }, &mut slot([0; 10])).unwrap_err(), Fault::Malformed);
        assert_eq!(received(head(34), &mut slot([0, 9, 0, 0, 1, 1, 0, 0, 0, 0])).unwrap_err(), Fault::Malformed);
        let leaving = Head { kind: libc::PACKET_OUTGOING, ..head(34) };
        assert_eq!(received(leaving, &mut slot([0; 10])).unwrap_err(), Fault::Foreign);
    }

    #[test]
    fn the_slot_header_leaves_room_for_headroom_and_virtio_header() {
        // TPACKET_ALIGN(52 + 16) + 6 + 10 is where the kernel puts the IP header.
        assert_eq!(SLOT_HEADER, 52);
        assert_eq!((96 - SLOT_HEADER).checked_sub(crate::types::HEADROOM + VIRTIO_HEADER_LEN), Some(16));
    }
}
