//! Values that all rooms share: frames and their offloads, WAN numbers and families, time, standings and settings. Plain
//! values, no behaviour that belongs to a room.
//! Must never know: any other module of the crate, sockets, clocks, configuration.

mod address;
mod family;
mod frame;
mod health;
mod mtu;
mod offload;
mod owned;
mod setting;
mod slots;

pub use address::{AddressState, LinkAddress, Scope};
pub use family::Family;
pub use frame::{Batch, Disposition, Frame, HEADROOM, LinkLayer, MAX_BATCH};
pub use health::{Failure, OnUp, Outcome, Probed, Remedies, Remedy, Standing};
pub use mtu::{LEAST_MTU6, MtuTeller, ToldMtu};
pub use offload::{Gso, GsoKind, Offload, PartialChecksum, VIRTIO_HEADER_LEN};
pub use owned::{Owned, PortRange};
pub use setting::{Balance, Filtering, NptMode, Timeouts};
pub use slots::Slots;

use std::fmt;

/// Index of a WAN in the policy's list of WANs; `0..MAX_WANS`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct WanId(pub u8);

/// The most WANs one configuration may name.
pub const MAX_WANS: usize = 32;

impl WanId {
    /// The position in any per-WAN slice.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A set of WANs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct WanSet(u32);

impl WanSet {
    /// None of them.
    pub const EMPTY: Self = Self(0);

    /// Takes one in. What no WAN can be is left out.
    pub fn insert(&mut self, id: WanId) {
        self.0 |= Self::bit(id);
    }

    /// Whether one is in it.
    #[must_use]
    pub fn contains(self, id: WanId) -> bool {
        self.0 & Self::bit(id) != 0
    }

    fn bit(id: WanId) -> u32 {
        1u32.checked_shl(id.0.into()).unwrap_or(0)
    }
}

impl FromIterator<WanId> for WanSet {
    fn from_iter<I: IntoIterator<Item = WanId>>(ids: I) -> Self {
        let mut set = Self::EMPTY;
        ids.into_iter().for_each(|id| set.insert(id));
        set
    }
}

const _: () = assert!(MAX_WANS <= u32::BITS as usize, "a set has a bit for every WAN");

/// A direction seen from the inside: outbound is inside to a WAN, inbound a WAN to inside.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Direction {
    /// From the firewall to the Internet.
    Outbound,
    /// From the Internet to the firewall.
    Inbound,
}

/// One end of the router: where a frame came from, or where it goes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum End {
    /// The TUN towards the firewall. Frames there start at the IP header.
    Inside,
    /// A WAN link. Frames there start at the Ethernet header.
    Wan(WanId),
}

/// Monotonic time as the caller counts it, in nanoseconds from an origin of the caller's choice.
/// Live service: since start. Replay: the capture's clock.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Tick(pub u64);

impl Tick {
    /// A tick that many milliseconds after the origin.
    #[must_use]
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms * 1_000_000)
    }

    /// A tick that many seconds after the origin.
    #[must_use]
    pub const fn from_secs(s: u64) -> Self {
        Self(s * 1_000_000_000)
    }

    /// Whole seconds since the origin; saturates after 136 years.
    #[must_use]
    pub fn secs(self) -> u32 {
        u32::try_from(self.0 / 1_000_000_000).unwrap_or(u32::MAX)
    }

    /// Whole milliseconds since the origin.
    #[must_use]
    pub fn millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// This tick moved `ms` milliseconds into the future; saturates.
    #[must_use]
    pub fn plus_millis(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms.saturating_mul(1_000_000)))
    }

    /// Nanoseconds from `earlier` to this tick; 0 when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// An Ethernet address (IEEE 802 MAC-48), in transmission order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// ff:ff:ff:ff:ff:ff.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// Whether the group bit is set: broadcast or multicast.
    #[must_use]
    pub fn is_group(self) -> bool {
        self.0[0] & 1 == 1
    }

    /// The address as the low 48 bits of a word.
    #[must_use]
    pub fn to_u64(self) -> u64 {
        self.0.iter().fold(0, |sum, octet| (sum << 8) | u64::from(*octet))
    }

    /// The address in the low 48 bits of `word`.
    #[must_use]
    pub fn from_u64(word: u64) -> Self {
        let octets = word.to_be_bytes();
        Self([octets[2], octets[3], octets[4], octets[5], octets[6], octets[7]])
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_survives_the_way_through_a_word() {
        let mac = Mac([2, 0, 0x5e, 0xff, 1, 0x80]);
        assert_eq!(Mac::from_u64(mac.to_u64()), mac);
        assert_eq!(mac.to_string(), "02:00:5e:ff:01:80");
    }

    #[test]
    fn ticks_count_in_whole_units_and_never_go_below_zero() {
        let tick = Tick::from_millis(1999);
        assert_eq!((tick.secs(), tick.millis()), (1, 1999));
        assert_eq!(Tick::from_secs(1).since(tick), 0);
    }
}
