//! NPTv6 (RFC 6296): a stateless, bijective swap of IPv6 prefixes, in two modes.
//!
//! Checksum-neutral: with `adjustment` = sum(inside prefix) - sum(outside prefix), adding it to one 16-bit word behind
//! the prefix gives the address the same sum as before, so that no transport checksum changes. In one's complement
//! arithmetic 0 and FFFF are the same number; the map never writes FFFF and never changes a word that is FFFF, which
//! makes it bijective (§3.1 to §3.5). Must never know: packets.

use crate::types::NptMode;
use ipnet::Ipv6Net;
use std::net::Ipv6Addr;

/// One WAN's translator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Translator {
    // Of both, every bit behind the prefix is zero.
    inside: Ipv6Net,
    outside: Ipv6Net,
    mode: NptMode,
    /// Bits behind the longer of the two prefixes: they are kept.
    kept: u128,
    /// Adds the sum of the inside prefix and takes that of the outside prefix away.
    adjustment: u16,
    /// The prefix is /48 or shorter, and the subnet word takes the adjustment (§3.4).
    subnet_word: bool,
}

/// Why an address cannot be mapped; says which ICMPv6 error its sender gets (RFC 6296 §3.2, §3.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmappable {
    /// Outside the prefix: not this translator's.
    NotOurs,
    /// Destination unreachable: no word may take the adjustment, or the shorter prefix leaves a subnet that the longer
    /// one has no room for.
    NoWord,
    /// Parameter problem: the interface identifier is, or would become, all zeros.
    ZeroIdentifier,
}

impl Translator {
    /// A translator between two prefixes of at most 64 bits; it maps nothing if one is longer. Of prefixes of unequal
    /// length the shorter is continued with zeros (§3.1).
    #[must_use]
    pub fn new(inside: Ipv6Net, outside: Ipv6Net, mode: NptMode) -> Self {
        let (inside, outside) = (inside.trunc(), outside.trunc());
        let len = inside.prefix_len().max(outside.prefix_len());
        let plus = prefix_sum(inside);
        let minus = !prefix_sum(outside);
        Self {
            inside,
            outside,
            mode,
            kept: u128::MAX.checked_shr(len.into()).unwrap_or(0),
            adjustment: add(plus, minus),
            subnet_word: len <= 48,
        }
    }

    /// The public prefix.
    #[must_use]
    pub fn outside(&self) -> Ipv6Net {
        self.outside
    }

    /// The inside prefix.
    #[must_use]
    pub fn inside(&self) -> Ipv6Net {
        self.inside
    }

    /// Whether transport checksums stay as they are.
    #[must_use]
    pub fn is_neutral(&self) -> bool {
        self.mode == NptMode::Rfc6296
    }

    /// The public form of an inside address.
    ///
    /// # Errors
    /// The address cannot be mapped.
    pub fn outbound(&self, inside: Ipv6Addr) -> Result<Ipv6Addr, Unmappable> {
        self.map(inside, self.inside, self.outside, self.adjustment)
    }

    /// The inside form of a public address.
    ///
    /// # Errors
    /// The address cannot be mapped.
    pub fn inbound(&self, public: Ipv6Addr) -> Result<Ipv6Addr, Unmappable> {
        self.map(public, self.outside, self.inside, !self.adjustment)
    }

    fn map(&self, address: Ipv6Addr, from: Ipv6Net, to: Ipv6Net, adjustment: u16) -> Result<Ipv6Addr, Unmappable> {
        let bits = address.to_bits();
        if bits & !self.kept != from.addr().to_bits() {
            return Err(if from.contains(&address) { Unmappable::NoWord } else { Unmappable::NotOurs });
        }
        if self.kept < u128::from(u64::MAX) {
            return Err(Unmappable::NotOurs);
        }
        let swapped = to.addr().to_bits() | (bits & self.kept);
        let mapped = match self.mode {
            NptMode::Prefix => swapped,
            NptMode::Rfc6296 => self.adjust(swapped, adjustment)?,
        };
        Ok(Ipv6Addr::from_bits(mapped))
    }

    fn adjust(&self, bits: u128, adjustment: u16) -> Result<u128, Unmappable> {
        let word = |index: u32| (bits >> (112 - 16 * index)) as u16;
        let index = if self.subnet_word {
            (word(3) != 0xffff).then_some(3)
        } else if bits as u64 == 0 {
            return Err(Unmappable::ZeroIdentifier);
        } else {
            (4..8).find(|index| word(*index) != 0xffff)
        };
        let index = index.ok_or(Unmappable::NoWord)?;
        let new = match add(word(index), adjustment) {
            0xffff => 0,
            sum => sum,
        };
        let shift = 112 - 16 * index;
        let bits = bits & !(0xffff << shift) | u128::from(new) << shift;
        // Such an address could not be mapped back (§3.7).
        if !self.subnet_word && bits as u64 == 0 { Err(Unmappable::ZeroIdentifier) } else { Ok(bits) }
    }
}

/// The sum of the first 64 bits in one's complement arithmetic.
fn prefix_sum(prefix: Ipv6Net) -> u16 {
    prefix.network().segments()[..4].iter().fold(0, |sum, word| add(sum, *word))
}

/// One's complement addition (RFC 1071): the carry comes back in at the end.
fn add(a: u16, b: u16) -> u16 {
    let (sum, carry) = a.overflowing_add(b);
    sum + u16::from(carry)
}

#[cfg(test)]
mod tests;
