//! Next hops and owned addresses on the link layer: ARP (RFC 826, 5227) and ND (RFC 4861) as pure frames.
//! What is known of the next hops lies in one word each, so that every worker reads it without a lock; all workers learn
//! from what arrives, one of them (`Prober`) asks. Must never know: sockets, clocks, which addresses the kernel answers.

mod announce;
mod arp;
mod nd;
mod prober;
pub mod queue;
#[cfg(test)]
pub(super) mod sample;

pub use prober::Prober;

use crate::plane::outbox::Outbox;
use crate::plane::packet::numbers::ethertype;
use crate::plane::policy::{Policy, Wan};
use crate::plane::verdict::DropReason;
use crate::types::{Family, Frame, HEADROOM, MAX_WANS, Mac, WanId};
use arrayvec::ArrayVec;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

const ETHERTYPE_VLAN: u16 = 0x8100;

/// How well a next hop is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NeighborState {
    /// No MAC: nobody answers, or there is no next hop.
    Unresolved,
    /// Being asked for; a MAC known from before stays in use.
    Probing,
    /// It answered lately.
    Reachable,
}

impl NeighborState {
    /// The name that people read.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unresolved => "unresolved",
            Self::Probing => "probing",
            Self::Reachable => "reachable",
        }
    }
}

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

/// The next hops' MACs, one for each WAN and family, shared by the workers.
#[derive(Debug)]
pub struct Neighbors([[AtomicU64; 2]; MAX_WANS]);

/// The MAC is in the low 48 bits.
const VALID: u64 = 1 << 48;
const PROBING: u64 = 1 << 49;
const REACHABLE: u64 = 1 << 50;
/// Heard from since the prober last looked.
const HEARD: u64 = 1 << 51;
/// Set from outside; nothing learned replaces it.
const FIXED: u64 = 1 << 52;
/// Heard from since `has_spoken` was last asked.
const SPOKEN: u64 = 1 << 53;

impl Default for Neighbors {
    fn default() -> Self {
        Self::new()
    }
}

impl Neighbors {
    /// Nothing resolved yet.
    #[must_use]
    pub fn new() -> Self {
        Self(std::array::from_fn(|_| Default::default()))
    }

    /// The MAC of the next hop, if there is one to send to.
    #[must_use]
    pub fn mac(&self, wan: WanId, family: Family) -> Option<Mac> {
        let word = self.load(wan, family);
        (word & VALID != 0).then(|| Mac::from_u64(word & (VALID - 1)))
    }

    /// How well the next hop is known.
    #[must_use]
    pub fn state(&self, wan: WanId, family: Family) -> NeighborState {
        match self.load(wan, family) {
            word if word & REACHABLE != 0 => NeighborState::Reachable,
            word if word & PROBING != 0 => NeighborState::Probing,
            _ => NeighborState::Unresolved,
        }
    }

    /// Fixes the next hop's MAC: it is not asked for any more, and nothing learned replaces it. For replay.
    pub fn set(&self, wan: WanId, family: Family, mac: Mac) {
        if let Some(cell) = self.cell(wan, family) {
            cell.store(mac.to_u64() | VALID | REACHABLE | FIXED, Relaxed);
        }
    }

    fn cell(&self, wan: WanId, family: Family) -> Option<&AtomicU64> {
        self.0.get(wan.index()).map(|both| &both[family.index()])
    }

    fn load(&self, wan: WanId, family: Family) -> u64 {
        self.cell(wan, family).map_or(0, |cell| cell.load(Relaxed))
    }

    /// Changes the word unless it is fixed or already as `change` wants it; says what it was.
    fn change(&self, wan: WanId, family: Family, change: impl Fn(u64) -> u64) -> u64 {
        let Some(cell) = self.cell(wan, family) else { return 0 };
        let update = |word: u64| (word & FIXED == 0 && change(word) != word).then(|| change(word));
        cell.fetch_update(Relaxed, Relaxed, update).unwrap_or_else(|word| word)
    }

    /// The next hop said that its MAC is `mac`. No station may claim a group address (RFC 1812 §3.3.2).
    fn learn(&self, wan: WanId, family: Family, mac: Mac) {
        if !mac.is_group() && mac != Mac::default() {
            self.change(wan, family, |_| mac.to_u64() | VALID | REACHABLE | HEARD | SPOKEN);
        }
    }

    /// Whether the next hop has been heard from since this was last asked.
    pub(super) fn has_spoken(&self, wan: WanId, family: Family) -> bool {
        self.load(wan, family) & SPOKEN != 0 && self.change(wan, family, |word| word & !SPOKEN) & SPOKEN != 0
    }

    /// The next hop answered without naming its MAC.
    fn confirm(&self, wan: WanId, family: Family) {
        self.change(
            wan,
            family,
            |word| if word & VALID == 0 { word } else { word & !PROBING | REACHABLE | HEARD | SPOKEN },
        );
    }
}

/// The link header of an outgoing frame: 14 bytes, or 18 with the WAN's 802.1Q tag.
#[must_use]
pub fn link_header(wan: &Wan, destination: Mac, ethertype: u16) -> ArrayVec<u8, HEADROOM> {
    let mut header = ArrayVec::new();
    header.extend(destination.0);
    header.extend(wan.link.mac.0);
    if let Some(vlan) = wan.link.vlan {
        header.extend(ETHERTYPE_VLAN.to_be_bytes());
        header.extend(vlan.to_be_bytes());
    }
    header.extend(ethertype.to_be_bytes());
    header
}

/// Looks at an ARP frame, an NS or an NA that arrived on `wan`: learns the next hop's MAC from it, and answers what asks
/// for an address that this WAN owns. The caller has checked the link header: for us, and this WAN's tag. Call it for
/// NS and NA also when they are addressed to an owned address: they are never forwarded.
pub fn answer(frame: &Frame<'_>, policy: &Policy, wan: WanId, neighbors: &Neighbors, outbox: &mut Outbox) -> Answer {
    let Some(own) = policy.wan(wan) else { return Answer::Kernel };
    let mut place = NeighborContext { id: wan, wan: own, neighbors, outbox };
    match frame.link() {
        [.., a, b] if u16::from_be_bytes([*a, *b]) == ethertype::ARP => arp::answer(frame, &mut place),
        [.., a, b] if u16::from_be_bytes([*a, *b]) == ethertype::IPV6 => nd::answer(frame, &mut place),
        _ => Answer::Kernel,
    }
}

/// Asks for the next hop of `id`, by its known address or everybody.
pub(super) fn solicit(
    wan: &Wan,
    (id, next_hop): (WanId, IpAddr),
    known: Option<Mac>,
    neighbors: &Neighbors,
    outbox: &mut Outbox,
) {
    let mut place = NeighborContext { id, wan, neighbors, outbox };
    match next_hop {
        IpAddr::V4(next_hop) => arp::send_request(&mut place, next_hop, known),
        IpAddr::V6(next_hop) => nd::send_solicitation(&mut place, next_hop, known),
    }
}

/// Where a frame arrived, what is known there and where an answer goes.
struct NeighborContext<'a> {
    id: WanId,
    wan: &'a Wan,
    neighbors: &'a Neighbors,
    outbox: &'a mut Outbox,
}

impl NeighborContext<'_> {
    fn send(&mut self, destination: Mac, ethertype: u16, packet: &[u8]) {
        let link = link_header(self.wan, destination, ethertype);
        self.outbox.push(crate::types::End::Wan(self.id), &link, |buffer| {
            buffer.extend_from_slice(packet);
            true
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Offload, PartialChecksum};
    use proptest::prelude::*;

    const MAC: Mac = Mac([2, 0, 0, 0, 0xff, 9]);
    const WAN: WanId = WanId(31);

    #[test]
    fn a_next_hop_is_unresolved_until_it_was_heard() {
        let neighbors = Neighbors::new();
        assert_eq!(
            (neighbors.mac(WAN, Family::V4), neighbors.state(WAN, Family::V4)),
            (None, NeighborState::Unresolved)
        );
        neighbors.confirm(WAN, Family::V4);
        assert_eq!(neighbors.mac(WAN, Family::V4), None, "there is nothing to confirm");
        neighbors.learn(WAN, Family::V4, MAC);
        assert_eq!(
            (neighbors.mac(WAN, Family::V4), neighbors.state(WAN, Family::V4)),
            (Some(MAC), NeighborState::Reachable)
        );
        assert_eq!(neighbors.mac(WAN, Family::V6), None, "the families are apart");
    }

    #[test]
    fn no_station_is_believed_to_have_a_group_address() {
        let neighbors = Neighbors::new();
        neighbors.learn(WAN, Family::V6, Mac::BROADCAST);
        neighbors.learn(WAN, Family::V6, Mac::default());
        assert_eq!(neighbors.mac(WAN, Family::V6), None);
    }

    #[test]
    fn a_fixed_mac_stays() {
        let neighbors = Neighbors::new();
        neighbors.set(WAN, Family::V6, MAC);
        neighbors.learn(WAN, Family::V6, Mac([2, 0, 0, 0, 0, 1]));
        assert_eq!((neighbors.mac(WAN, Family::V6), neighbors.state(WAN, Family::V6).name()), (Some(MAC), "reachable"));
    }

    #[test]
    fn a_wan_that_cannot_be_has_no_next_hop() {
        let neighbors = Neighbors::new();
        neighbors.set(WanId(32), Family::V4, MAC);
        assert_eq!(neighbors.mac(WanId(32), Family::V4), None);
    }

    #[test]
    fn a_tagged_wan_has_its_tag_in_the_link_header() {
        let policy = sample::policy();
        let plain = link_header(&policy.wans[0], MAC, 0x0800);
        assert_eq!(plain[..], [2, 0, 0, 0, 0xff, 9, 2, 0, 0, 0, 0, 0xa, 8, 0]);
        let tagged = link_header(&policy.wans[1], MAC, 0x86dd);
        assert_eq!(tagged[..], [2, 0, 0, 0, 0xff, 9, 2, 0, 0, 0, 0, 0xb, 0x81, 0, 0x01, 0x2c, 0x86, 0xdd]);
    }

    proptest! {
        #[test]
        fn any_frame_gets_a_verdict_and_at_most_one_answer(
            ethertype in prop_oneof![Just(ethertype::ARP), Just(ethertype::IPV6), any::<u16>()],
            start in prop_oneof![
                Just(vec![]),
                Just(sample::hex("0001 0800 06 04 0001 02000000ee01 c0000201 000000000000 c0000203")),
                Just(sample::hex("60000000 0020 3a ff")),
            ],
            rest in prop::collection::vec(any::<u8>(), 0..120),
            cut in 0..200usize,
        ) {
            let link = [&[2, 0, 0, 0, 0, 0xa, 2, 0, 0, 0, 0xee, 1][..], &ethertype.to_be_bytes()].concat();
            let mut bytes = [link, start, rest].concat();
            let end = bytes.len().min(14 + cut);
            let mut frame = Frame::new(&mut bytes, 0, 14, end, Offload::NONE).unwrap();
            // No chance finds a checksum: owe it.
            frame.offload.partial = Some(PartialChecksum { start: 40, offset: 2 });
            let mut outbox = Outbox::new();
            let verdict = answer(&frame, &sample::policy(), WanId(0), &Neighbors::new(), &mut outbox);
            prop_assert_eq!(sample::sent(&mut outbox).len(), usize::from(verdict == Answer::Answered));
        }
    }
}
