//! What becomes of a packet that is longer than the next link carries: refused, cut into fragments, or, when it is a TCP
//! super-frame, left to the kernel in smaller segments. Must never know: which WAN, which addresses.

use crate::plane::counters::Event;
use crate::plane::fragment;
use crate::plane::outbox::Outbox;
use crate::plane::packet::headers::Headers;
use crate::plane::packet::mtu;
use crate::plane::state::Core;
use crate::plane::tell::respond::Refusal;
use crate::plane::verdict::{DropReason, Verdict};
use crate::types::{Direction, End, Frame, WanId};

/// A link that a packet goes on to.
#[derive(Clone, Copy, Debug)]
pub struct Onto<'a> {
    /// The end that sends it.
    pub to: End,
    /// Link header; empty towards inside.
    pub link: &'a [u8],
    /// Bytes of IP packet.
    pub mtu: u16,
    /// The traffic that the packet counts for.
    pub counted: Option<(WanId, Direction)>,
}

/// Whether the packet fits a link of `mtu` bytes, or may be made to.
pub fn fits(headers: &Headers, frame: &Frame<'_>, mtu: u16) -> Result<(), Refusal> {
    if mtu::fits(headers, &frame.offload, mtu) || !headers.dont_fragment {
        Ok(())
    } else {
        Err(Refusal { reason: DropReason::TooBig, mtu })
    }
}

impl Core {
    /// Sends the packet in `frame`, all rewritten, on to a link: as it is, or as fragments in the outbox. One that may not
    /// be fragmented has been found to fit; if the link has shrunk since, it goes as it is.
    pub fn forward(
        &mut self,
        onto: Onto<'_>,
        headers: &Headers,
        frame: &mut Frame<'_>,
        outbox: &mut Outbox,
    ) -> Result<Verdict, DropReason> {
        if !headers.dont_fragment
            && !mtu::fits(headers, &frame.offload, onto.mtu)
            && !mtu::lower_segments(&mut frame.offload, headers.header_len(), onto.mtu)
        {
            return self.cut(onto, frame, outbox);
        }
        if !frame.set_link(onto.link) {
            return Err(DropReason::NoHeadroom);
        }
        let (packets, bytes) = headers.segments(&frame.offload);
        self.count_forwarded(&onto, packets, bytes);
        Ok(Verdict::Forward(onto.to))
    }

    fn count_forwarded(&self, onto: &Onto<'_>, packets: u32, bytes: u32) {
        if let Some((id, direction)) = onto.counted {
            self.counters.forward(id, direction, packets.into(), bytes.into());
        }
    }

    #[cold]
    fn cut(&mut self, onto: Onto<'_>, frame: &mut Frame<'_>, outbox: &mut Outbox) -> Result<Verdict, DropReason> {
        let offload = frame.offload;
        let cut = fragment::cut(frame.packet_mut(), &offload, onto.mtu, (onto.to, onto.link), outbox);
        let (packets, bytes) = cut.ok_or(DropReason::TooBig)?;
        self.counters.event(Event::Fragmented);
        self.count_forwarded(&onto, packets, bytes);
        Ok(Verdict::Cut(onto.to))
    }
}

#[cfg(test)]
mod tests;
