//! Claims about pins of datagrams and about fragments that wait.

use super::*;
use crate::plane::packet::headers::Headers;
use crate::types::HEADROOM;
use crate::types::WanId;
use std::net::{Ipv4Addr, Ipv6Addr};

fn from(source: [u8; 4], id: u32) -> Datagram {
    let destination = Ipv4Addr::new(203, 0, 113, 10).into();
    Datagram { source: Ipv4Addr::from(source).into(), destination, protocol: 17, id }
}

fn datagram(id: u32) -> Datagram {
    from([10, 250, 250, 2], id)
}

/// Remembers the datagram and gives what waited for it, without the room in front.
fn remember(pins: &FragmentPins<WanId>, datagram: Datagram, wan: WanId, now: Tick) -> Vec<Vec<u8>> {
    let ready = pins.remember(datagram, wan, now);
    assert!(ready.iter().all(|buffer| buffer[..HEADROOM] == [0; HEADROOM]));
    ready.into_iter().map(|buffer| buffer[HEADROOM..].to_vec()).collect()
}

const NOW: Tick = Tick::from_secs(100);

#[test]
fn a_later_fragment_finds_the_pin_of_its_first_until_the_lifetime_ends() {
    let pins = FragmentPins::<WanId>::new(0);
    assert!(remember(&pins, datagram(7), WanId(1), NOW).is_empty());
    assert_eq!(pins.find(datagram(7), b"x", Tick::from_secs(129)), PinLookup::Pin(WanId(1)));
    assert_eq!(pins.find(datagram(7), b"x", Tick::from_secs(130)), PinLookup::Waits(0));
    assert_eq!(pins.find(datagram(8), b"x", NOW), PinLookup::Waits(0));
    remember(&pins, datagram(7), WanId(0), Tick::from_secs(131));
    assert_eq!(pins.find(datagram(7), b"x", Tick::from_secs(131)), PinLookup::Pin(WanId(0)), "the newest counts");
}

#[test]
fn fragments_that_overtook_their_first_come_out_in_order_and_once() {
    let pins = FragmentPins::<WanId>::new(0);
    for byte in 1..=3 {
        assert_eq!(pins.find(datagram(7), &[byte], NOW), PinLookup::Waits(0));
        assert_eq!(pins.find(datagram(8), &[byte + 10], NOW), PinLookup::Waits(0));
    }
    assert_eq!(remember(&pins, datagram(7), WanId(1), NOW), [[1], [2], [3]]);
    assert!(remember(&pins, datagram(7), WanId(1), NOW).is_empty());
    assert_eq!(remember(&pins, datagram(8), WanId(1), NOW), [[11], [12], [13]]);
    assert_eq!(pins.waiting.load(Relaxed), 0);
}

/// Shows RFC 4787 REQ-14a.
#[test]
fn c_71_a_fragment_waits_three_seconds() {
    let pins = FragmentPins::<WanId>::new(0);
    assert_eq!(pins.find(datagram(7), b"a", NOW), PinLookup::Waits(0));
    assert_eq!(pins.find(datagram(8), b"b", NOW.plus_millis(1)), PinLookup::Waits(0));
    assert_eq!(pins.expire(NOW.plus_millis(2_999)), 0);
    assert_eq!(pins.expire(NOW.plus_millis(3_000)), 1);
    assert!(remember(&pins, datagram(7), WanId(0), NOW).is_empty());
    assert_eq!(remember(&pins, datagram(8), WanId(0), NOW), [b"b"]);
}

#[test]
fn the_protocol_behind_extension_headers_is_no_part_of_the_name_in_ipv6() {
    let headers = |protocol, fragment| Headers {
        source: Ipv6Addr::LOCALHOST.into(),
        destination: Ipv6Addr::LOCALHOST.into(),
        protocol,
        ttl: 1,
        l4: 48,
        len: 100,
        dont_fragment: true,
        fragment,
        transport: crate::plane::packet::headers::Transport::Opaque,
    };
    use crate::plane::packet::headers::Fragment::{First, Later};
    assert_eq!(Datagram::new(&headers(17, First(5)), 5), Datagram::new(&headers(60, Later(5)), 5));
}

/// All pins and fragments, and their bytes.
fn counted(pins: &FragmentPins<WanId>) -> (usize, usize) {
    let shards = (0..SHARDS).map(|shard| {
        let shard = pins.lock(shard);
        (shard.pins.iter().flatten().flatten().count(), shard.waiting.bytes())
    });
    shards.fold((0, 0), |sum, shard| (sum.0 + shard.0, sum.1 + shard.1))
}

#[test]
fn a_flood_of_first_fragments_takes_fixed_memory_and_no_other_senders_pins() {
    let pins = FragmentPins::<WanId>::new(0);
    remember(&pins, from([10, 250, 250, 3], 1), WanId(1), NOW);
    for id in 0..100_000 {
        remember(&pins, datagram(id), WanId(0), NOW.plus_millis(1));
        assert_eq!(pins.find(datagram(id), b"next", NOW.plus_millis(1)), PinLookup::Pin(WanId(0)));
    }
    assert_eq!(pins.find(from([10, 250, 250, 3], 1), b"", NOW.plus_millis(1)), PinLookup::Pin(WanId(1)));
    assert_eq!(counted(&pins), (SHARDS * SETS * WAYS, 0));
}

#[test]
fn a_flood_of_later_fragments_takes_fixed_memory_and_no_other_senders_room() {
    let pins = FragmentPins::<WanId>::new(0);
    assert_eq!(pins.find(from([10, 250, 250, 3], 1), b"patient", NOW), PinLookup::Waits(0));
    let gone: usize = (0..100_000)
        .map(|id| match pins.find(datagram(id), &[0; 1000], NOW) {
            PinLookup::Waits(gone) => gone,
            PinLookup::Pin(_) => panic!("there is no pin"),
        })
        .sum();
    let (_, bytes) = counted(&pins);
    assert!(bytes <= SHARDS * 128 * 1024 + 7 + HEADROOM, "{bytes}");
    assert_eq!(gone + pins.waiting.load(Relaxed), 100_001);
    assert_eq!(remember(&pins, from([10, 250, 250, 3], 1), WanId(1), NOW), [b"patient"]);
    assert_eq!(pins.expire(NOW.plus_millis(3_000)), 100_000 - gone);
    assert_eq!(counted(&pins), (1, 0));
}

#[test]
fn ever_new_senders_take_fixed_memory() {
    let pins = FragmentPins::<WanId>::new(0);
    for id in 0..20_000u32 {
        let [_, a, b, c] = id.to_be_bytes();
        let _ = pins.find(from([10, a, b, c], id), &[0; 1400], NOW);
        let _ = pins.remember(from([11, a, b, c], id), WanId(0), NOW);
    }
    let (kept, bytes) = counted(&pins);
    assert!(kept <= SHARDS * SETS * WAYS, "{kept}");
    assert!(bytes <= SHARDS * 256 * 1024, "{bytes}");
}

#[test]
fn a_whole_datagram_in_reverse_fits_twice_over() {
    let pins = FragmentPins::<WanId>::new(0);
    for id in [1, 2] {
        for number in (1..54u8).rev() {
            assert_eq!(pins.find(datagram(id), &[number; 1280], NOW), PinLookup::Waits(0));
        }
    }
    for id in [1, 2] {
        let ready = remember(&pins, datagram(id), WanId(0), NOW);
        assert_eq!(ready.iter().map(|packet| packet[0]).collect::<Vec<_>>(), (1..54).rev().collect::<Vec<_>>());
    }
}

#[test]
fn nobody_outside_knows_which_datagrams_share_a_set() {
    let set = |datagram: &Datagram| {
        std::hash::BuildHasher::hash_one(&foldhash::fast::FixedState::default(), datagram) % (SHARDS * SETS) as u64
    };
    let pins = FragmentPins::<WanId>::new(0);
    remember(&pins, datagram(7), WanId(1), NOW);
    // Each from another sender, so that none of them gives way for having too many.
    let strangers = (0..u32::MAX).map(|host| from(host.to_be_bytes(), 9)).filter(|it| set(it) == set(&datagram(7)));
    for stranger in strangers.take(2 * WAYS) {
        remember(&pins, stranger, WanId(0), NOW.plus_millis(1));
    }
    let found = pins.find(datagram(7), b"x", NOW.plus_millis(2));
    assert_eq!(found, PinLookup::Pin(WanId(1)), "with an unkeyed hash its set is full of them");
}
