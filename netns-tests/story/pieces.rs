//! Packets taken apart and put together: fragments, extension headers, hexadecimal text. Must never know: translation.

use super::packets::checksum;

/// Sums an IPv4 header again after a change to it.
pub fn sum_again(packet: &mut [u8]) {
    let header = usize::from(packet[0] & 15) * 4;
    packet[10..12].fill(0);
    let sum = checksum(&packet[..header]).to_be_bytes();
    packet[10..12].copy_from_slice(&sum);
}

/// The fragments of an IPv4 packet: payloads of `sizes` bytes, then the rest. Identification, and DF, are the packet's;
/// a fragment can be cut again. The header goes into each piece as it is, options too.
pub fn cut4(packet: &[u8], sizes: &[usize]) -> Vec<Vec<u8>> {
    let header = usize::from(packet[0] & 15) * 4;
    let field = u16::from_be_bytes([packet[6], packet[7]]);
    let (start, flags, more) = (usize::from(field & 0x1fff) * 8, field & 0xc000, field & 0x2000 != 0);
    let piece = |(offset, last, payload): (usize, bool, &[u8])| {
        let mut piece = [&packet[..header], payload].concat();
        let length = u16::try_from(piece.len()).unwrap();
        piece[2..4].copy_from_slice(&length.to_be_bytes());
        let field = flags | u16::from(!last || more) << 13 | u16::try_from((start + offset) / 8).unwrap();
        piece[6..8].copy_from_slice(&field.to_be_bytes());
        sum_again(&mut piece);
        piece
    };
    cut(&packet[header..], sizes).into_iter().map(piece).collect()
}

/// The fragments of an IPv6 packet without extension headers: payloads of `sizes` bytes, then the rest.
pub fn cut6(packet: &[u8], id: u32, sizes: &[usize]) -> Vec<Vec<u8>> {
    let piece = |(offset, last, payload): (usize, bool, &[u8])| {
        let mut header = vec![packet[6], 0];
        header.extend((u16::try_from(offset).unwrap() | u16::from(!last)).to_be_bytes());
        header.extend(id.to_be_bytes());
        behind(&[&packet[..40], payload].concat(), &[(44, &header[1..])])
    };
    cut(&packet[40..], sizes).into_iter().map(piece).collect()
}

/// Offset, whether it is the last, and bytes of each piece.
fn cut<'a>(payload: &'a [u8], sizes: &[usize]) -> Vec<(usize, bool, &'a [u8])> {
    let mut offset = 0;
    let mut pieces = Vec::new();
    for size in sizes {
        pieces.push((offset, false, &payload[offset..offset + size]));
        offset += size;
    }
    pieces.push((offset, true, &payload[offset..]));
    pieces
}

/// An IPv6 packet with extension headers put between its fixed header and what follows that. Each is its number and its
/// bytes behind the next-header byte (a multiple of eight less one); those are put in here.
pub fn behind(packet: &[u8], headers: &[(u8, &[u8])]) -> Vec<u8> {
    let mut next = packet[6];
    let mut chain = Vec::new();
    for (kind, body) in headers.iter().rev() {
        chain.splice(0..0, [&[next][..], body].concat());
        next = *kind;
    }
    let mut long = [&packet[..40], &chain, &packet[40..]].concat();
    long[6] = next;
    let length = u16::try_from(long.len() - 40).unwrap();
    long[4..6].copy_from_slice(&length.to_be_bytes());
    long
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of hexadecimal digits; white space between them is skipped.
pub fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_digit(16).unwrap() as u8).collect();
    assert_eq!(digits.len() % 2, 0, "an odd number of digits: {text}");
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

#[test]
fn pieces_of_pieces_are_the_pieces() {
    use super::packets::{Ip, ip};
    let whole = Ip { id: 7, fragment: 0, ..ip("192.0.2.1", "192.0.2.2") }.udp((1, 2), &[5; 60]);
    let fields = |pieces: &[Vec<u8>]| pieces.iter().map(|piece| hex(&piece[2..8])).collect::<Vec<_>>();
    let pieces = cut4(&whole, &[24, 24]);
    assert_eq!(fields(&pieces), ["002c00072000", "002c00072003", "002800070006"]);
    assert_eq!(cut4(&pieces[1], &[8])[1], cut4(&whole, &[32, 16])[1]);
    let whole = ip("2001:db8::1", "2001:db8::2").udp((1, 2), &[5; 12]);
    let pieces = cut6(&whole, 9, &[16]);
    assert_eq!([&pieces[0][4..7], &pieces[0][40..48]].concat(), unhex("0018 2c 1100 0001 00000009"));
    assert_eq!([&pieces[1][4..7], &pieces[1][40..48]].concat(), unhex("000c 2c 1100 0010 00000009"));
}
