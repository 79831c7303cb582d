//! C-58: the clamp where options are odd: in any place and alignment, twice, cut, with an impossible length; and where the
//! SYN itself is odd. Checksums are summed anew by the builder, so each change is compared with the whole truth.

use super::{CABLE4, CABLE6, FIBER6, Pair};
use crate::story::packets::{Ip, SYN, ip};
use crate::story::{self, Step, behind, comes_in, cut4, cut6, goes_out};

impl Pair {
    fn syn(self, from: &str, ttl: u8, options: &[u8], data: &[u8]) -> Vec<u8> {
        ip(from, self.server).ttl(ttl).tcp((1, 80), SYN, options, data)
    }

    /// A SYN from inside with the options `before` leaves with `after`.
    fn becomes(self, before: &[u8], after: &[u8]) -> [Step; 2] {
        goes_out(self.wan, &self.syn(self.inside, 64, before, b""), &self.syn(self.public, 63, after, b""))
    }
}

/// Options are 8960 (22 00 is 8704; 23 00 is 8960) before, and 1360 (05 50) or 1440 (05 a0) after.
#[test]
fn c_58_the_option_is_lowered_wherever_it_stands_and_whatever_stands_before_it() {
    let cases: [(&[u8], &[u8]); 9] = [
        (&[2, 4, 0x23, 0], &[2, 4, 5, 0x50]),
        (&[1, 2, 4, 0x23, 0, 1, 1, 1], &[1, 2, 4, 5, 0x50, 1, 1, 1]),
        (&[1, 1, 2, 4, 0x23, 0, 1, 0], &[1, 1, 2, 4, 5, 0x50, 1, 0]),
        (&[1, 1, 1, 2, 4, 0x23, 0, 0], &[1, 1, 1, 2, 4, 5, 0x50, 0]),
        (&[3, 3, 7, 2, 4, 0x23, 0, 0], &[3, 3, 7, 2, 4, 5, 0x50, 0]),
        (&[4, 2, 3, 3, 7, 2, 4, 0x23, 0, 0, 0, 0], &[4, 2, 3, 3, 7, 2, 4, 5, 0x50, 0, 0, 0]),
        (&[8, 10, 9, 9, 9, 9, 0, 0, 0, 0, 1, 2, 4, 0x23, 0, 0], &[8, 10, 9, 9, 9, 9, 0, 0, 0, 0, 1, 2, 4, 5, 0x50, 0]),
        (&[254, 5, 1, 2, 3, 2, 4, 0x23, 0, 0, 0, 0], &[254, 5, 1, 2, 3, 2, 4, 5, 0x50, 0, 0, 0]),
        (&[2, 4, 0xff, 0xff, 0, 2, 4, 9], &[2, 4, 5, 0x50, 0, 2, 4, 9]),
    ];
    for (before, after) in cases {
        story::check("c-58-place", CABLE4.becomes(before, after).into(), 1);
    }
    story::check("c-58-ipv6", FIBER6.becomes(&[1, 2, 4, 0x23, 0, 1, 1, 1], &[1, 2, 4, 5, 0xa0, 1, 1, 1]).into(), 1);
}

#[test]
fn c_58_each_of_two_options_is_lowered_for_the_receiver_may_take_either() {
    let twice: [(&[u8], &[u8]); 3] = [
        (&[2, 4, 0x23, 0, 2, 4, 0x22, 0], &[2, 4, 5, 0x50, 2, 4, 5, 0x50]),
        (&[2, 4, 2, 0x18, 2, 4, 0x22, 0], &[2, 4, 2, 0x18, 2, 4, 5, 0x50]),
        (&[2, 4, 0x23, 0, 1, 2, 4, 2, 0x18, 0, 0, 0], &[2, 4, 5, 0x50, 1, 2, 4, 2, 0x18, 0, 0, 0]),
    ];
    for (before, after) in twice {
        story::check("c-58-twice", CABLE4.becomes(before, after).into(), 1);
    }
}

#[test]
fn c_58_what_is_no_mss_option_is_left_as_it_is() {
    let cases: [&[u8]; 12] = [
        &[],
        &[1, 1, 1, 1],
        // Behind the end of options is no option.
        &[0, 2, 4, 0x23, 0, 0, 0, 0],
        // Another length than four is another option.
        &[2, 2, 1, 1],
        &[2, 3, 0x23, 0],
        &[2, 5, 0x23, 0, 0, 0, 0, 0],
        &[2, 6, 0x23, 0, 0x23, 0, 0, 0],
        // A length of 0 or 1 ends the list, for nobody knows where the next option is.
        &[2, 0, 0x23, 0],
        &[5, 1, 2, 4, 0x23, 0, 0, 0],
        // The list ends in the middle of it.
        &[1, 1, 2, 4],
        &[1, 1, 1, 2],
        &[8, 10, 2, 4, 0x23, 0, 1, 1],
    ];
    for options in cases {
        story::check("c-58-none", CABLE4.becomes(options, options).into(), 1);
    }
    story::check("c-58-zero", CABLE4.becomes(&[2, 4, 0, 0], &[2, 4, 0, 0]).into(), 1);
}

#[test]
fn c_58_a_syn_with_data_is_clamped_and_its_data_stays() {
    let (before, after) = ([1, 2, 4, 0x23, 0, 34, 2, 0], [1, 2, 4, 5, 0x50, 34, 2, 0]);
    let data = b"TCP fast open, of an odd length";
    let steps = goes_out(
        CABLE4.wan,
        &CABLE4.syn(CABLE4.inside, 64, &before, data),
        &CABLE4.syn(CABLE4.public, 63, &after, data),
    );
    story::check("c-58-data", steps.into(), 1);
}

/// The whole option list is in the first fragment, or it is left alone; the checksum covers all fragments.
#[test]
fn c_58_a_syn_in_a_first_fragment_is_clamped() {
    let (before, after) = ([1, 2, 4, 0x23, 0, 1, 1, 1], [1, 2, 4, 5, 0x50, 1, 1, 1]);
    let data = [9; 40];
    let ends = |from, ttl| Ip { id: 5, fragment: 0, ttl, ..ip(from, CABLE4.server) };
    let sent = cut4(&ends(CABLE4.inside, 64).tcp((1, 80), SYN, &before, &data), &[48]);
    let left = cut4(&ends(CABLE4.public, 63).tcp((1, 80), SYN, &after, &data), &[48]);
    let steps = [goes_out(CABLE4.wan, &sent[0], &left[0]), goes_out(CABLE4.wan, &sent[1], &left[1])];
    story::check("c-58-fragment", steps.concat(), 1);
    let seen =
        |to, ttl, options: &[u8]| cut6(&ip(CABLE6.server, to).ttl(ttl).tcp((80, 1), SYN, options, &data), 77, &[48]);
    let (came, gone) = (seen(CABLE6.public, 64, &before), seen(CABLE6.inside, 63, &[1, 2, 4, 5, 0x3c, 1, 1, 1]));
    let steps = [comes_in(CABLE6.wan, &came[0], &gone[0]), comes_in(CABLE6.wan, &came[1], &gone[1])];
    story::check("c-58-fragment6", steps.concat(), 1);
}

#[test]
fn c_58_a_syn_behind_extension_headers_is_clamped() {
    let chains: [&[(u8, &[u8])]; 4] = [
        &[(0, &[0, 1, 4, 0, 0, 0, 0])],
        &[(60, &[0, 1, 4, 0, 0, 0, 0])],
        &[
            (0, &[0, 1, 4, 0, 0, 0, 0]),
            (43, &[0, 4, 0, 0, 0, 0, 0]),
            (60, &[1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ],
        // An atomic fragment.
        &[(44, &[0, 0, 0, 0, 0, 0, 7])],
    ];
    for chain in chains {
        let syn = |from, ttl, options: &[u8]| behind(&FIBER6.syn(from, ttl, options, b""), chain);
        let before = syn(FIBER6.inside, 64, &[1, 2, 4, 0x23, 0, 1, 1, 1]);
        let after = syn(FIBER6.public, 63, &[1, 2, 4, 5, 0xa0, 1, 1, 1]);
        story::check("c-58-extension", goes_out(FIBER6.wan, &before, &after).into(), 1);
    }
}

/// A data offset below five words or beyond the packet: forwarded, nothing read beyond the end.
#[test]
fn c_58_an_impossible_data_offset_is_forwarded_unclamped() {
    for offset in [0u8, 1, 4, 7, 15] {
        let impossible = |from, ttl| {
            let mut packet = CABLE4.syn(from, ttl, &[2, 4, 0x23, 0], b"");
            let (old, new) = (u16::from(packet[32]) << 8, u16::from(offset) << 12);
            packet[32] = offset << 4;
            // The checksum follows by the difference (RFC 1624 eqn 3).
            let sum = u32::from(!u16::from_be_bytes([packet[36], packet[37]])) + u32::from(!old) + u32::from(new);
            let sum = (sum & 0xffff) + (sum >> 16);
            let sum = !(((sum & 0xffff) + (sum >> 16)) as u16);
            packet[36..38].copy_from_slice(&sum.to_be_bytes());
            packet
        };
        let steps = goes_out(CABLE4.wan, &impossible(CABLE4.inside, 64), &impossible(CABLE4.public, 63));
        story::check("c-58-offset", steps.into(), 1);
    }
}
