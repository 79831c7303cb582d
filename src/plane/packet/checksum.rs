//! The Internet checksum (RFC 1071) and its incremental update (RFC 1624 eqn. 3), for complete fields and for partial ones,
//! which the kernel or the card is still to finish (`NEEDS_CSUM`).
//!
//! All of it rests on one fact: modulo 0xFFFF a sum of 16-bit words does not care how the words are grouped, so what a
//! rewrite did to a checksum is one number, the sum of `!old + new` over the words that changed.
//! Must never know: headers, protocols.

use std::net::IpAddr;

/// How a checksum field is to be read and written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Field {
    /// The complement of the sum: IP, TCP, ICMPv6.
    Complete,
    /// The same, but 0 says "no checksum" and a computed 0 is written FFFF: UDP (RFC 768; RFC 6936 over IPv6).
    OrNone,
    /// The folded, un-complemented pseudo-header sum, which the kernel will finish: changes have the opposite sign.
    Partial,
}

/// What a set of changes does to a checksum over the changed bytes: the sum of `!old + new`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Delta(u64);

impl Delta {
    /// Nothing changed.
    pub const NONE: Self = Self(0);

    /// One 16-bit word changed as well.
    #[must_use]
    pub fn word(self, old: u16, new: u16) -> Self {
        Self(self.0 + u64::from(!old) + u64::from(new))
    }

    /// A run of bytes at an even offset changed as well. Runs of different or odd length have no meaning here: their
    /// tails are ignored.
    #[must_use]
    pub fn bytes(self, old: &[u8], new: &[u8]) -> Self {
        old.as_chunks::<2>()
            .0
            .iter()
            .zip(new.as_chunks::<2>().0)
            .fold(self, |delta, (old, new)| delta.word(u16::from_be_bytes(*old), u16::from_be_bytes(*new)))
    }

    /// Those other changes as well.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    /// An IPv4 address changed as well.
    #[must_use]
    pub fn v4(self, old: u32, new: u32) -> Self {
        Self(self.0 + u64::from(!old) + u64::from(new))
    }

    /// An IPv6 address changed as well.
    #[must_use]
    pub fn v6(self, old: u128, new: u128) -> Self {
        let halves = |word: u64| (word >> 32) + (word & 0xffff_ffff);
        let sum = |value: u128| halves((value >> 64) as u64) + halves(value as u64);
        Self(self.0 + sum(!old) + sum(new))
    }

    /// The field after the changes.
    #[must_use]
    pub fn apply(self, field: u16, kind: Field) -> u16 {
        match kind {
            Field::Complete => !fold(self.0 + u64::from(!field)),
            Field::OrNone if field == 0 => 0,
            Field::OrNone => match !fold(self.0 + u64::from(!field)) {
                0 => 0xffff,
                sum => sum,
            },
            Field::Partial => fold(self.0 + u64::from(field)),
        }
    }

    /// Applies the changes to the field at `bytes[at..at + 2]`. Returns its old and its new value, or `None` when it
    /// lies outside of `bytes`.
    pub fn update(self, bytes: &mut [u8], at: usize, kind: Field) -> Option<(u16, u16)> {
        let field = bytes.get_mut(at..)?.first_chunk_mut::<2>()?;
        let old = u16::from_be_bytes(*field);
        let new = self.apply(old, kind);
        *field = new.to_be_bytes();
        Some((old, new))
    }
}

/// The sum of `bytes` in 16-bit words, folded, not complemented; an odd byte is padded with zero.
#[must_use]
#[inline]
pub fn sum(bytes: &[u8]) -> u16 {
    let (words, tail) = bytes.as_chunks::<4>();
    let mut last = [0; 4];
    last[..tail.len()].copy_from_slice(tail);
    let native =
        words.iter().fold(u64::from(u32::from_ne_bytes(last)), |sum, word| sum + u64::from(u32::from_ne_bytes(*word)));
    // The sum of byte-swapped words is the byte-swapped sum (RFC 1071 §2 B).
    u16::from_be_bytes(fold(native).to_ne_bytes())
}

/// The sum of two sums.
#[must_use]
pub fn add(a: u16, b: u16) -> u16 {
    fold(u64::from(a) + u64::from(b))
}

/// The sum of the pseudo-header (RFC 9293 §3.1, RFC 8200 §8.1): addresses, protocol, and `len` bytes of transport
/// header and payload. Both addresses are of one family.
#[must_use]
pub fn pseudo(source: IpAddr, destination: IpAddr, protocol: u8, len: u32) -> u16 {
    let address = |address: IpAddr| match address {
        IpAddr::V4(address) => sum(&address.octets()),
        IpAddr::V6(address) => sum(&address.octets()),
    };
    fold(u64::from(address(source)) + u64::from(address(destination)) + u64::from(protocol) + u64::from(len))
}

fn fold(sum: u64) -> u16 {
    let sum = (sum >> 32) + (sum & 0xffff_ffff);
    let sum = (sum >> 16) + (sum & 0xffff);
    let sum = (sum >> 16) + (sum & 0xffff);
    ((sum >> 16) + (sum & 0xffff)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn c_80_the_vector_of_rfc_1624_gives_zero_and_not_minus_zero() {
        assert_eq!(Delta::NONE.word(0x5555, 0x3285).apply(0xdd2f, Field::Complete), 0x0000);
    }

    #[test]
    fn a_computed_zero_of_udp_is_sent_as_all_ones() {
        let delta = Delta::NONE.word(0x5555, 0x3285);
        assert_eq!(delta.apply(0xdd2f, Field::OrNone), 0xffff);
        assert_eq!(delta.apply(0, Field::OrNone), 0, "no checksum stays no checksum");
        assert_eq!(delta.apply(0, Field::Complete), 0x22d0, "other protocols have no such rule");
    }

    #[test]
    fn nothing_changed_leaves_every_field_as_it_is() {
        for field in [0, 1, 0x8000, 0xfffe, 0xffff] {
            for kind in [Field::Complete, Field::OrNone, Field::Partial] {
                assert_eq!(Delta::NONE.apply(field, kind), field);
            }
        }
    }

    #[test]
    fn a_field_outside_of_the_bytes_is_left_alone() {
        let mut bytes = [1, 2, 3];
        assert_eq!(Delta::NONE.word(1, 2).update(&mut bytes, 2, Field::Complete), None);
        assert_eq!(Delta::NONE.word(1, 2).update(&mut bytes, 9, Field::Complete), None);
        assert_eq!(bytes, [1, 2, 3]);
    }

    #[test]
    fn the_sum_folds_carries_to_the_end_and_pads_the_odd_byte() {
        assert_eq!(sum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), 0xddf2, "RFC 1071 §3");
        assert_eq!(sum(&[0x12, 0x34, 0x56]), 0x6834);
        assert_eq!(sum(&[0xff; 65535]), 0xff00);
        assert_eq!(sum(&[]), 0);
    }

    /// The sum, as the RFC writes it.
    fn plain(bytes: &[u8]) -> u16 {
        let mut sum = 0u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        sum as u16
    }

    proptest! {
        #[test]
        fn the_sum_is_that_of_rfc_1071(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(sum(&bytes), plain(&bytes));
        }

        #[test]
        fn an_update_gives_what_a_recomputation_gives(
            old in proptest::collection::vec(any::<u8>(), 32), new in any::<[u8; 16]>(), rest in 1u8..,
        ) {
            let mut old = old;
            old[31] = rest;
            let mut changed = old.clone();
            changed[8..24].copy_from_slice(&new);
            let was = u128::from_be_bytes(old[8..24].try_into().unwrap());
            let delta = Delta::NONE.v6(was, u128::from_be_bytes(new));
            prop_assert_eq!(delta.apply(!plain(&old), Field::Complete), !plain(&changed));
            prop_assert_eq!(delta.apply(plain(&old), Field::Partial), plain(&changed));
            let bytewise = Delta::NONE.bytes(&old[8..24], &new);
            prop_assert_eq!(bytewise.apply(!plain(&old), Field::Complete), !plain(&changed));
        }

        #[test]
        fn an_ipv4_address_is_two_words(old in any::<u32>(), new in any::<u32>(), field in any::<u16>()) {
            let words = Delta::NONE.word((old >> 16) as u16, (new >> 16) as u16).word(old as u16, new as u16);
            prop_assert_eq!(Delta::NONE.v4(old, new).apply(field, Field::Complete), words.apply(field, Field::Complete));
        }
    }
}
