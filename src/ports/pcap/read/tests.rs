//! Files built byte by byte, so that reading is not proved by our own writing.

use super::*;
use crate::ports::pcap::Writer;

/// A pcapng block in little-endian: type, length, body, length.
fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 12).unwrap().to_le_bytes();
    [&kind.to_le_bytes(), &length, body, &length].concat()
}

fn section() -> Vec<u8> {
    block(SECTION_HEADER, &[0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255])
}

/// An interface of that link type with `if_name` (option 2, padded) and maybe `if_tsresol` (option 9).
fn interface(link: u8, name: &[u8; 4], resolution: Option<u8>) -> Vec<u8> {
    let mut body = vec![link, 0, 0, 0, 0, 0, 0, 0, 2, 0, 4, 0];
    body.extend_from_slice(name);
    if let Some(resolution) = resolution {
        body.extend_from_slice(&[9, 0, 1, 0, resolution, 0, 0, 0]);
    }
    body.extend_from_slice(&[0; 4]);
    block(INTERFACE_DESCRIPTION, &body)
}

fn enhanced(interface: u8, time: u64, data: [u8; 4], original: u8) -> Vec<u8> {
    let high = u32::try_from(time >> 32).unwrap().to_le_bytes();
    let low = (time as u32).to_le_bytes();
    block(ENHANCED_PACKET, &[&[interface, 0, 0, 0][..], &high, &low, &[4, 0, 0, 0, original, 0, 0, 0], &data].concat())
}

fn read_all(bytes: &[u8]) -> (Vec<Packet>, Vec<Interface>, Option<Fault>) {
    let mut capture = Capture::new(bytes).unwrap();
    let mut packets = Vec::new();
    let mut packet = Packet::default();
    let fault = loop {
        match capture.next(&mut packet) {
            Ok(true) => packets.push(packet.clone()),
            Ok(false) => break None,
            Err(fault) => break Some(fault),
        }
    };
    assert_eq!(capture.packets(), packets.len() as u64);
    (packets, capture.interfaces().to_vec(), fault)
}

fn packet(interface: usize, time: u64, data: [u8; 4], original_len: u32) -> Packet {
    Packet { interface, time, data: data.to_vec(), original_len }
}

#[test]
fn each_interface_has_its_name_link_type_and_resolution() {
    let file = [
        section(),
        interface(1, b"wan1", None),
        enhanced(0, 5_000_001, [1, 2, 3, 4], 4),
        interface(101, b"tun0", Some(9)),
        enhanced(1, 5_000_001_000, [5, 6, 7, 8], 60),
        interface(101, b"bin0", Some(0x80 | 10)),
        enhanced(2, 3 << 9, [9; 4], 4),
    ];
    let (packets, interfaces, fault) = read_all(&file.concat());
    assert_eq!(
        packets,
        [
            packet(0, 5_000_001_000, [1, 2, 3, 4], 4),
            packet(1, 5_000_001_000, [5, 6, 7, 8], 60),
            packet(2, 1_500_000_000, [9; 4], 4),
        ]
    );
    let names: Vec<_> = interfaces.iter().map(|found| (found.name.as_deref(), found.link)).collect();
    assert_eq!(
        names,
        [(Some("wan1"), LinkType::Ethernet), (Some("tun0"), LinkType::Raw), (Some("bin0"), LinkType::Raw)]
    );
    assert_eq!(fault, None);
}

#[test]
fn a_new_section_numbers_its_interfaces_anew() {
    let file =
        [section(), interface(1, b"wan1", None), section(), interface(101, b"tun0", None), enhanced(0, 7, [1; 4], 4)];
    let (packets, interfaces, fault) = read_all(&file.concat());
    assert_eq!(packets, [packet(1, 7000, [1; 4], 4)]);
    assert_eq!((interfaces.len(), fault), (2, None));
}

#[test]
fn simple_and_obsolete_packets_are_read_and_other_blocks_skipped() {
    let file = [
        section(),
        interface(1, b"wan1", None),
        block(0x0bad, &[0; 8]),
        block(PACKET, &[0, 0, 9, 0, 0, 0, 0, 0, 8, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 1, 2, 3, 4]),
        block(SIMPLE_PACKET, &[4, 0, 0, 0, 5, 6, 7, 8]),
    ];
    let (packets, _, fault) = read_all(&file.concat());
    assert_eq!(packets, [packet(0, 8000, [1, 2, 3, 4], 4), packet(0, 8000, [5, 6, 7, 8], 4)]);
    assert_eq!(fault, None);
}

#[test]
fn broken_options_do_no_harm_to_a_packet() {
    let mut body = [&[0; 12][..], &[4, 0, 0, 0, 4, 0, 0, 0], &[1, 2, 3, 4]].concat();
    body.extend_from_slice(&[1, 0, 4, 0, 0xff, 0xfe, 0xfd, 0xfc]);
    let file = [section(), interface(1, b"wan1", None), block(ENHANCED_PACKET, &body)];
    assert_eq!(read_all(&file.concat()).0, [packet(0, 0, [1, 2, 3, 4], 4)]);
}

#[test]
fn a_file_cut_short_says_where_and_keeps_what_came_before() {
    let mut file = [section(), interface(1, b"wan1", None), enhanced(0, 1, [1; 4], 4)].concat();
    let whole = file.len() as u64;
    file.extend_from_slice(&enhanced(0, 2, [2; 4], 4)[..20]);
    let (packets, _, fault) = read_all(&file);
    assert_eq!(packets.len(), 1);
    let Some(Fault::Damaged { packets: 1, offset, what }) = fault else { panic!("{fault:?}") };
    assert_eq!(offset, whole);
    assert!(what.contains("ends in the middle"), "{what}");
}

#[test]
fn contradictions_are_damage_and_never_a_panic() {
    let head = [section(), interface(1, b"wan1", None)].concat();
    let mut mismatch = enhanced(0, 1, [1; 4], 4);
    *mismatch.last_mut().unwrap() = 9;
    let short = block(ENHANCED_PACKET, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 99, 0, 0, 0, 99, 0, 0, 0]);
    let cases = [
        (mismatch, "length fields don't match"),
        (short, "shorter than it says"),
        (enhanced(7, 1, [1; 4], 4), "not described"),
        (enhanced(0, u64::MAX, [1; 4], 4), "time is impossible"),
        (interface(1, b"pico", Some(12)), "timestamp resolution"),
    ];
    for (block, said) in cases {
        let (packets, _, fault) = read_all(&[&head[..], &block].concat());
        assert!(packets.is_empty());
        let Some(Fault::Damaged { packets: 0, offset, what }) = fault else { panic!("{said}: {fault:?}") };
        assert!(what.contains(said), "{what}");
        assert_eq!(offset, head.len() as u64);
    }
}

#[test]
fn classic_pcap_is_read_in_both_byte_orders_and_resolutions() {
    let header = |magic: [u8; 4]| [&magic[..], &[0; 16]].concat();
    let big = [
        header([0xa1, 0xb2, 0xc3, 0xd4]),
        vec![0, 0, 0, 1],
        vec![0, 0, 0, 3, 0, 0, 0, 7, 0, 0, 0, 4, 0, 0, 0, 90, 1, 2, 3, 4],
    ];
    let (packets, interfaces, fault) = read_all(&big.concat());
    assert_eq!(packets, [packet(0, 3_000_007_000, [1, 2, 3, 4], 90)]);
    assert_eq!(interfaces, [Interface { name: None, link: LinkType::Ethernet }]);
    assert_eq!(fault, None);
    let little = [
        header([0x4d, 0x3c, 0xb2, 0xa1]),
        vec![228, 0, 0, 0],
        vec![3, 0, 0, 0, 7, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 1, 2, 3, 4],
        vec![3, 0, 0, 0],
    ];
    let (packets, interfaces, fault) = read_all(&little.concat());
    assert_eq!(packets, [packet(0, 3_000_000_007, [1, 2, 3, 4], 4)]);
    assert_eq!(interfaces[0].link, LinkType::Raw);
    assert!(matches!(fault, Some(Fault::Damaged { packets: 1, offset: 44, .. })), "{fault:?}");
}

#[test]
fn what_is_no_capture_is_told_apart() {
    let fault = |bytes: &'static [u8]| Capture::new(bytes).err();
    assert_eq!(fault(b""), Some(Fault::Empty));
    assert_eq!(fault(b"[downstream]"), Some(Fault::NotACapture("")));
    assert_eq!(fault(&[0x1f, 0x8b, 8, 0]), Some(Fault::NotACapture(" but gzip: unpack it first")));
    assert!(matches!(fault(&[0x0a, 0x0d, 0x0d, 0x0a, 28]), Some(Fault::Damaged { packets: 0, offset: 0, .. })));
    assert!(matches!(fault(&[0xd4, 0xc3, 0xb2, 0xa1, 2]), Some(Fault::Damaged { packets: 0, offset: 0, .. })));
}

#[test]
fn what_is_written_is_these_bytes_and_reads_back() {
    let mut writer = Writer::pcapng(Vec::new(), [("tun0", LinkType::Raw), ("wan1", LinkType::Ethernet)]).unwrap();
    writer.packet(1, 5_000_000_001, &[1, 2, 3, 4], 60, None).unwrap();
    writer.packet(0, 5_000_000_002, &[5, 6, 7, 8], 0, Some("gone")).unwrap();
    let bytes = writer.finish().unwrap();
    let mut commented = [&[0; 4][..], &[1, 0, 0, 0], &705_032_706u32.to_le_bytes(), &[4, 0, 0, 0, 4, 0, 0, 0]].concat();
    commented.extend_from_slice(&[5, 6, 7, 8, 1, 0, 4, 0, b'g', b'o', b'n', b'e', 0, 0, 0, 0]);
    let expected = [
        section(),
        interface(101, b"tun0", Some(9)),
        interface(1, b"wan1", Some(9)),
        enhanced(1, 5_000_000_001, [1, 2, 3, 4], 60),
        block(ENHANCED_PACKET, &commented),
    ];
    assert_eq!(bytes, expected.concat());
    assert_eq!(
        read_all(&bytes).0,
        [packet(1, 5_000_000_001, [1, 2, 3, 4], 60), packet(0, 5_000_000_002, [5, 6, 7, 8], 4)]
    );
}

#[test]
fn a_classic_pcap_is_these_bytes() {
    let mut writer = Writer::pcap(Vec::new(), LinkType::Raw).unwrap();
    writer.packet(0, 3_000_000_007, &[1, 2, 3], 90, Some("has no place here")).unwrap();
    let expected = [
        &[0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 101, 0, 0, 0][..],
        &[3, 0, 0, 0, 7, 0, 0, 0, 3, 0, 0, 0, 90, 0, 0, 0, 1, 2, 3],
    ];
    assert_eq!(writer.finish().unwrap(), expected.concat());
}

/// A small file of each format with two interfaces at the most and three packets.
fn samples() -> [Vec<u8>; 2] {
    let next = [
        section(),
        interface(1, b"wan1", None),
        enhanced(0, 1, [1; 4], 4),
        interface(101, b"tun0", Some(9)),
        enhanced(1, 2, [2; 4], 4),
        block(SIMPLE_PACKET, &[4, 0, 0, 0, 5, 6, 7, 8]),
    ];
    let mut classic = Writer::pcap(Vec::new(), LinkType::Ethernet).unwrap();
    for time in 1..4 {
        classic.packet(0, time, &[7; 9], 0, None).unwrap();
    }
    [next.concat(), classic.finish().unwrap()]
}

#[test]
fn a_file_cut_anywhere_gives_its_first_packets_and_one_fault() {
    for file in samples() {
        let (whole, ..) = read_all(&file);
        assert_eq!(whole.len(), 3);
        for len in 0..file.len() {
            let Ok(mut capture) = Capture::new(&file[..len]) else { continue };
            let mut packet = Packet::default();
            let mut packets = Vec::new();
            while let Ok(true) = capture.next(&mut packet) {
                packets.push(packet.clone());
            }
            assert!(packets.len() <= 3 && packets == whole[..packets.len()], "cut to {len}");
        }
    }
}

proptest::proptest! {
    #[test]
    fn no_file_whatever_makes_the_reader_panic(
        which in 0..2usize,
        changes in proptest::collection::vec((proptest::prelude::any::<usize>(), proptest::prelude::any::<u8>()), 1..6),
    ) {
        let mut file = samples()[which].clone();
        for (at, byte) in changes {
            let at = at % file.len();
            file[at] = byte;
        }
        if let Ok(mut capture) = Capture::new(&file[..]) {
            let mut packet = Packet::default();
            // A file that says nothing new cannot be read for ever: each packet takes bytes of it.
            let mut packets = 0;
            while let Ok(true) = capture.next(&mut packet) {
                packets += 1;
                proptest::prop_assert!(packets <= file.len());
                proptest::prop_assert!(packet.interface < capture.interfaces().len());
            }
        }
    }
}
