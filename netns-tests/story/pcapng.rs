//! pcapng by hand, as the specification (draft-ietf-opsawg-pcapng) draws it: what the program reads and writes is not
//! proved by its own code.

/// Link types (tcpdump.org/linktypes.html).
pub const ETHERNET: u8 = 1;
pub const RAW: u8 = 101;

fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 12).unwrap().to_le_bytes();
    [&kind.to_le_bytes(), &length, body, &length].concat()
}

fn option(code: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap();
    let mut option = [code.to_le_bytes(), length.to_le_bytes()].concat();
    option.extend(padded(value));
    option
}

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// A file with these interfaces, nanosecond times, and nothing else yet.
pub fn file(interfaces: &[(&str, u8)]) -> Vec<u8> {
    let mut file = block(0x0a0d_0d0a, &[&0x1a2b_3c4du32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]].concat());
    for (name, link) in interfaces {
        let mut body = vec![*link, 0, 0, 0, 0, 0, 0, 0];
        body.extend(option(2, name.as_bytes()));
        body.extend(option(9, &[9]));
        body.extend(option(0, &[]));
        file.extend(block(1, &body));
    }
    file
}

/// An enhanced packet block, with a comment if one is given.
pub fn packet(interface: u32, time: u64, data: &[u8], comment: Option<&str>) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap();
    let mut body = Vec::new();
    for word in [interface, (time >> 32) as u32, time as u32, length, length] {
        body.extend(word.to_le_bytes());
    }
    body.extend(padded(data));
    if let Some(comment) = comment {
        body.extend(option(1, comment.as_bytes()));
        body.extend(option(0, &[]));
    }
    block(6, &body)
}
