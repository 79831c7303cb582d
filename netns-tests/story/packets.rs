//! Packets from scratch, every checksum summed over all its bytes: what the data plane updates step by step is
//! compared with what a sender would have written.

use std::net::IpAddr;

/// The addresses and hop limit of a packet to be built; its family is the family of the addresses.
#[derive(Clone, Copy)]
pub struct Ip {
    pub source: IpAddr,
    pub destination: IpAddr,
    pub ttl: u8,
    /// IPv4 identification.
    pub id: u16,
    /// IPv4 flags and fragment offset.
    pub fragment: u16,
}

pub const DF: u16 = 0x4000;

/// A packet between two addresses in text form, TTL 64, identification 1, DF.
pub fn ip(source: &str, destination: &str) -> Ip {
    Ip { source: source.parse().unwrap(), destination: destination.parse().unwrap(), ttl: 64, id: 1, fragment: DF }
}

/// TCP flag bits.
pub const SYN: u8 = 2;
pub const ACK: u8 = 16;

impl Ip {
    pub fn ttl(self, ttl: u8) -> Self {
        Self { ttl, ..self }
    }

    /// A packet of that protocol with these bytes behind the IP header.
    pub fn raw(self, protocol: u8, payload: &[u8]) -> Vec<u8> {
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let mut packet = vec![0x45, 0];
                packet.extend(u16::try_from(20 + payload.len()).unwrap().to_be_bytes());
                packet.extend(self.id.to_be_bytes());
                packet.extend(self.fragment.to_be_bytes());
                packet.extend([self.ttl, protocol, 0, 0]);
                packet.extend(source.octets());
                packet.extend(destination.octets());
                let sum = checksum(&packet);
                packet[10..12].copy_from_slice(&sum.to_be_bytes());
                [&packet, payload].concat()
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let mut packet = vec![0x60, 0, 0, 0];
                packet.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
                packet.extend([protocol, self.ttl]);
                packet.extend(source.octets());
                packet.extend(destination.octets());
                [&packet, payload].concat()
            }
            _ => panic!("two families in one packet"),
        }
    }

    /// A TCP segment with these options (a multiple of four bytes).
    pub fn tcp(self, ports: (u16, u16), flags: u8, options: &[u8], payload: &[u8]) -> Vec<u8> {
        self.segment(ports, flags, (0x3039, 0x1092), options, payload)
    }

    /// The same with sequence and acknowledgment number.
    pub fn segment(self, ports: (u16, u16), flags: u8, numbers: (u32, u32), options: &[u8], payload: &[u8]) -> Vec<u8> {
        let offset = u8::try_from((20 + options.len()) / 4 * 16).unwrap();
        let mut segment = [ports.0.to_be_bytes(), ports.1.to_be_bytes()].concat();
        segment.extend(numbers.0.to_be_bytes());
        segment.extend(numbers.1.to_be_bytes());
        segment.extend([offset, flags, 0xfa, 0xf0, 0, 0, 0, 0]);
        segment.extend(options);
        segment.extend(payload);
        self.summed(segment)
    }

    /// A TCP segment as it is, but for its checksum.
    pub fn summed(self, mut segment: Vec<u8>) -> Vec<u8> {
        segment[16..18].fill(0);
        let sum = self.sum(6, &segment);
        segment[16..18].copy_from_slice(&sum.to_be_bytes());
        self.raw(6, &segment)
    }

    /// A UDP datagram.
    pub fn udp(self, ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
        let mut datagram = self.udp_header(ports, payload);
        let sum = match self.sum(17, &datagram) {
            0 => 0xffff,
            sum => sum,
        };
        datagram[6..8].copy_from_slice(&sum.to_be_bytes());
        self.raw(17, &datagram)
    }

    /// A UDP datagram without a checksum.
    pub fn udp_unsummed(self, ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
        self.raw(17, &self.udp_header(ports, payload))
    }

    fn udp_header(self, ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(8 + payload.len()).unwrap();
        let header = [ports.0, ports.1, length, 0].map(u16::to_be_bytes).concat();
        [&header, payload].concat()
    }

    /// An ICMP message (ICMPv6 between IPv6 addresses): type, code, the four bytes behind the checksum, the rest.
    pub fn icmp(self, kind: u8, code: u8, word: [u8; 4], rest: &[u8]) -> Vec<u8> {
        let mut message = vec![kind, code, 0, 0];
        message.extend(word);
        message.extend(rest);
        let protocol = if self.source.is_ipv4() { 1 } else { 58 };
        let sum = if protocol == 1 { checksum(&message) } else { self.sum(58, &message) };
        message[2..4].copy_from_slice(&sum.to_be_bytes());
        self.raw(protocol, &message)
    }

    /// An echo request or reply of that type.
    pub fn echo(self, kind: u8, id: u16, payload: &[u8]) -> Vec<u8> {
        let [high, low] = id.to_be_bytes();
        self.icmp(kind, 0, [high, low, 0, 1], payload)
    }

    /// The checksum over pseudo-header and bytes (RFC 9293 §3.1, RFC 8200 §8.1).
    fn sum(self, protocol: u8, bytes: &[u8]) -> u16 {
        let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
        let mut pseudo = match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => [source.octets(), destination.octets()].concat(),
            (IpAddr::V6(source), IpAddr::V6(destination)) => [source.octets(), destination.octets()].concat(),
            _ => panic!("two families in one packet"),
        };
        pseudo.extend(length);
        pseudo.extend([0, 0, 0, protocol]);
        pseudo.extend(bytes);
        checksum(&pseudo)
    }
}

/// The Internet checksum (RFC 1071) of bytes whose checksum field is 0.
pub fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u64 =
        bytes.chunks(2).map(|pair| u64::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u64::from(*low))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap()
}

/// An Ethernet frame around an IP packet, with an 802.1Q tag if one is given.
pub fn ethernet(to: [u8; 6], from: [u8; 6], tag: Option<u16>, packet: &[u8]) -> Vec<u8> {
    let kind: [u8; 2] = if packet[0] >> 4 == 4 { [0x08, 0x00] } else { [0x86, 0xdd] };
    let mut frame = [to, from].concat();
    if let Some(tag) = tag {
        frame.extend([0x81, 0x00]);
        frame.extend(tag.to_be_bytes());
    }
    frame.extend(kind);
    frame.extend(packet);
    frame
}

#[test]
fn the_builder_agrees_with_a_packet_from_the_literature() {
    // conformance C-81, in: UDP 10.250.250.2:40000 to 45.33.0.7:53 with TTL 64.
    let packet = Ip { fragment: DF, id: 1, ..ip("10.250.250.2", "45.33.0.7") }.udp((40000, 53), &[0xeb, 0x3d, 0, 0]);
    let expected = "4500002000014000401108a80afafa022d2100079c400035000c45feeb3d0000";
    assert_eq!(packet.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), expected);
}
