//! The vectors of RFC 6296 and of other routers, and the bijection.

use super::*;
use proptest::prelude::*;

fn net(text: &str) -> Ipv6Net {
    text.parse().unwrap()
}

fn addr(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

fn neutral(inside: &str, outside: &str) -> Translator {
    Translator::new(net(inside), net(outside), NptMode::Rfc6296)
}

/// Inside prefix, outside prefix, adjustment, then pairs of addresses.
type Row = (&'static str, &'static str, u16, &'static [(&'static str, &'static str)]);

const VECTORS: &[Row] = &[
    (
        "fd01:203:405::/48",
        "2001:db8:1::/48",
        0xd54f,
        &[
            ("fd01:203:405:1::1234", "2001:db8:1:d550::1234"),
            ("fd01:203:405::1", "2001:db8:1:d54f::1"),
            ("fd01:203:405:2ab0::5", "2001:db8:1::5"),
        ],
    ),
    (
        "3d06:bad:b01::/60",
        "2600:1700:2f71:c80::/60",
        0xdac2,
        &[
            ("3d06:bad:b01:1::100", "2600:1700:2f71:c81:dac2::100"),
            ("3d06:bad:b01:2::50", "2600:1700:2f71:c82:dac2::50"),
            ("3d06:bad:b01:f::1", "2600:1700:2f71:c8f:dac2::1"),
            ("3d06:bad:b01:1:ffff::1", "2600:1700:2f71:c81:ffff:dac2:0:1"),
            ("3d06:bad:b01:1:ffff:ffff::1", "2600:1700:2f71:c81:ffff:ffff:dac2:1"),
            ("3d06:bad:b01:1:ffff:ffff:ffff:1", "2600:1700:2f71:c81:ffff:ffff:ffff:dac3"),
            ("3d06:bad:b01:1:211:22ff:fe33:4455", "2600:1700:2f71:c81:dcd3:22ff:fe33:4455"),
        ],
    ),
    (
        "3d06:bad:b01::/60",
        "2604:5500:c271:be00::/60",
        0x583d,
        &[
            ("3d06:bad:b01:1::100", "2604:5500:c271:be01:583d::100"),
            ("3d06:bad:b01:2::50", "2604:5500:c271:be02:583d::50"),
            ("3d06:bad:b01:f::1", "2604:5500:c271:be0f:583d::1"),
        ],
    ),
    (
        "fd00:1:2:3400::/56",
        "2001:db8:ab:cd00::/56",
        0x359f,
        &[
            ("fd00:1:2:3456::1", "2001:db8:ab:cd56:359f::1"),
            ("fd00:1:2:34ff:ffff:ffff:ffff:fffe", "2001:db8:ab:cdff:ffff:ffff:ffff:359e"),
        ],
    ),
    ("fc00:1234::/63", "2001:db8:1::/56", 0xe07a, &[("fc00:1234::1", "2001:db8:1:0:e07a::1")]),
    ("fd00::/48", "2001:4650:c3ed::/48", 0xd2c1, &[("fd00::1", "2001:4650:c3ed:d2c1::1")]),
    ("fc00:1::/48", "2001:db8:1::/48", 0xce47, &[("fc00:1::1", "2001:db8:1:ce47::1")]),
    ("fc00:1234::/32", "2001:db8::/32", 0xe07b, &[("fc00:1234::1", "2001:db8:0:e07b::1")]),
    ("fd01:203:405:1::/64", "2001:db8:1::/48", 0xd550, &[("fd01:203:405:1:1::1234", "2001:db8:1:0:d551::1234")]),
    ("fd01:203:405::/48", "2001:db8:1::/64", 0xd54f, &[("fd01:203:405:0:1::1234", "2001:db8:1:0:d550::1234")]),
];

/// Shows RFC 6296 §3.1, RFC 6296 §3.2, RFC 6296 §3.3, RFC 6296 §3.4, RFC 6296 §3.5, RFC 6296 §3.6.
#[test]
fn c_40_the_vectors_of_rfc_6296_and_of_two_other_routers_map_both_ways() {
    for (inside, outside, adjustment, pairs) in VECTORS {
        let translator = neutral(inside, outside);
        assert_eq!(translator.adjustment, *adjustment, "{inside} -> {outside}");
        for (before, after) in *pairs {
            assert_eq!(translator.outbound(addr(before)), Ok(addr(after)), "{before} out of {inside} to {outside}");
            assert_eq!(translator.inbound(addr(after)), Ok(addr(before)), "{after} back from {outside} to {inside}");
        }
    }
}

#[test]
fn the_subnet_of_all_ones_under_a_48_cannot_be_mapped() {
    let translator = neutral("fd01:203:405::/48", "2001:db8:1::/48");
    assert_eq!(translator.outbound(addr("fd01:203:405:ffff::1")), Err(Unmappable::NoWord));
    assert_eq!(translator.inbound(addr("2001:db8:1:ffff::1")), Err(Unmappable::NoWord));
}

#[test]
fn an_identifier_of_zeros_or_of_all_ones_cannot_be_mapped_behind_a_long_prefix() {
    let translator = neutral("3d06:bad:b01::/60", "2600:1700:2f71:c80::/60");
    assert_eq!(translator.outbound(addr("3d06:bad:b01:1::")), Err(Unmappable::ZeroIdentifier));
    assert_eq!(translator.inbound(addr("2600:1700:2f71:c81::")), Err(Unmappable::ZeroIdentifier));
    assert_eq!(translator.outbound(addr("3d06:bad:b01:1:ffff:ffff:ffff:ffff")), Err(Unmappable::NoWord));
    let short = neutral("fd01:203:405::/48", "2001:db8:1::/48");
    assert_eq!(short.outbound(addr("fd01:203:405:1::")), Ok(addr("2001:db8:1:d550::")));
}

#[test]
fn an_identifier_that_would_become_zero_cannot_be_mapped() {
    let translator = neutral("fd01:203:405:1::/64", "2001:db8:1::/48");
    assert_eq!(translator.outbound(addr("fd01:203:405:1:2aaf::")), Err(Unmappable::ZeroIdentifier));
}

#[test]
fn a_subnet_that_the_longer_prefix_has_no_room_for_is_unreachable() {
    let translator = neutral("fd01:203:405::/48", "2001:db8:1::/64");
    assert_eq!(translator.outbound(addr("fd01:203:405:7:1::1")), Err(Unmappable::NoWord));
    assert_eq!(translator.inbound(addr("2001:db8:1:7:1::1")), Err(Unmappable::NotOurs));
}

#[test]
fn an_address_outside_of_the_prefix_is_somebody_elses() {
    for mode in [NptMode::Prefix, NptMode::Rfc6296] {
        let translator = Translator::new(net("fd00:bad:b01::/60"), net("2001:db8:a:c80::/60"), mode);
        assert_eq!(translator.outbound(addr("fd00:bad:b01:10::1")), Err(Unmappable::NotOurs));
        assert_eq!(translator.inbound(addr("2001:db8:a:c90::1")), Err(Unmappable::NotOurs));
    }
}

#[test]
fn prefix_mode_keeps_subnet_and_identifier_whatever_they_are() {
    let translator = Translator::new(net("fd00:bad:b01::/60"), net("2001:db8:a:c80::/60"), NptMode::Prefix);
    for (inside, outside) in [
        ("fd00:bad:b01:1::100", "2001:db8:a:c81::100"),
        ("fd00:bad:b01:f:ffff:ffff:ffff:ffff", "2001:db8:a:c8f:ffff:ffff:ffff:ffff"),
        ("fd00:bad:b01::", "2001:db8:a:c80::"),
    ] {
        assert_eq!(translator.outbound(addr(inside)), Ok(addr(outside)));
        assert_eq!(translator.inbound(addr(outside)), Ok(addr(inside)));
    }
}

#[test]
fn a_prefix_beyond_64_bits_maps_nothing() {
    for mode in [NptMode::Prefix, NptMode::Rfc6296] {
        let translator = Translator::new(net("fd00::/72"), net("2001:db8::/72"), mode);
        assert_eq!(translator.outbound(addr("fd00::1")), Err(Unmappable::NotOurs));
    }
}

fn sum(address: Ipv6Addr) -> u16 {
    address.segments().iter().fold(0, |sum, word| add(sum, *word)) % 0xffff
}

/// Every subnet of a /48, or every value of the word that absorbs the difference, maps to another one and back.
/// Shows RFC 6296 §4.2.
#[test]
fn c_48_the_map_is_a_bijection_over_all_65536_words_for_every_prefix_length() {
    for len in 32..=64u8 {
        let inside = Ipv6Net::new(addr("fd01:203:405:600::"), len).unwrap().trunc();
        let outside = Ipv6Net::new(addr("2001:db8:a:c80::"), len).unwrap().trunc();
        let translator = Translator::new(inside, outside, NptMode::Rfc6296);
        let shift = if len <= 48 { 64 } else { 48 };
        let mut seen = vec![false; 65536];
        let mut unmapped = 0;
        for word in 0..=0xffff_u128 {
            let before = Ipv6Addr::from_bits(inside.network().to_bits() | word << shift | 1);
            let Ok(after) = translator.outbound(before) else {
                unmapped += 1;
                continue;
            };
            let image = (after.to_bits() >> shift) as u16;
            assert!(!std::mem::replace(&mut seen[usize::from(image)], true), "/{len}: two words map to {image:x}");
            assert_eq!(translator.inbound(after), Ok(before));
            assert_eq!(sum(before), sum(after));
        }
        // Behind a longer prefix the word of all ones is skipped, and the next one is changed.
        assert_eq!(unmapped, u32::from(len <= 48), "/{len}");
    }
}

prop_compose! {
    fn translator()(inside in any::<u128>(), outside in any::<u128>(), a in 32u8..=64, b in 32u8..=64, mode in any::<bool>())
        -> Translator
    {
        let net = |bits, len| Ipv6Net::new(Ipv6Addr::from_bits(bits), len).unwrap();
        Translator::new(net(inside, a), net(outside, b), if mode { NptMode::Rfc6296 } else { NptMode::Prefix })
    }
}

proptest! {
    #[test]
    fn c_40_what_goes_out_comes_back_and_keeps_its_sum(translator in translator(), bits in any::<u128>()) {
        let inside = translator.inside();
        let before = Ipv6Addr::from_bits(inside.network().to_bits() | bits & translator.kept);
        if let Ok(after) = translator.outbound(before) {
            prop_assert!(translator.outside().contains(&after));
            prop_assert_eq!(translator.inbound(after), Ok(before));
            if translator.is_neutral() {
                prop_assert_eq!(sum(before), sum(after));
            }
        }
    }
}
