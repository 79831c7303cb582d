//! Arrivals and departures of a story with the link headers of its WANs, and the errors that the router itself sends.
//! Must never know: any single story.

use super::packets::{DF, Ip, ethernet, ip};
use super::{At, Step, sum_again};
use At::{Cable, Inside};
use Step::{In, Out};

/// The tag of cable, VLAN 3242, without priority.
pub const TAG: u16 = 3242;

/// A packet arrives: from inside, or from a WAN in a frame as its ISP's router sends it.
pub fn arrives(at: At, packet: &[u8]) -> Step {
    if at == Inside {
        return In(at, packet.to_vec());
    }
    In(at, from_station(at, (at == Cable).then_some(TAG), packet))
}

/// The frame of an ISP's router around a packet, with a tag if one is given.
pub fn from_station(at: At, tag: Option<u16>, packet: &[u8]) -> Vec<u8> {
    ethernet([0, 0, 0x5e, 0, 0x53, at as u8], [2, 0, 0x5e, 0x10, 0, at as u8], tag, packet)
}

/// A packet leaves: to inside, or to a WAN in a frame as the replay sends it, from the WAN's own MAC to its gateway's.
pub fn leaves(at: At, packet: &[u8]) -> Step {
    sent(at, [2, 0xf1, 0, 0, 1, at as u8], packet)
}

/// The same as an answer to the station that sent a frame.
pub fn answered(at: At, packet: &[u8]) -> Step {
    sent(at, [2, 0, 0x5e, 0x10, 0, at as u8], packet)
}

fn sent(at: At, to: [u8; 6], packet: &[u8]) -> Step {
    if at == Inside {
        return Out(at, packet.to_vec());
    }
    Out(at, ethernet(to, [2, 0xf1, 0, 0, 0, at as u8], (at == Cable).then_some(TAG), packet))
}

/// What comes from inside leaves by a WAN, changed to `after`.
pub fn goes_out(wan: At, before: &[u8], after: &[u8]) -> [Step; 2] {
    [arrives(Inside, before), leaves(wan, after)]
}

/// What comes from a WAN goes inside, changed to `after`.
pub fn comes_in(wan: At, before: &[u8], after: &[u8]) -> [Step; 2] {
    [arrives(wan, before), leaves(Inside, after)]
}

/// An ICMP error as a router sends it, in IPv4: internetwork control, identification 0, DF (RFC 1812 §4.3.2.5, RFC 6864
/// §4.1). Between IPv6 addresses there is nothing special about one.
pub fn router_error(from: &str, to: &str, kind: u8, code: u8, word: [u8; 4], quoted: &[u8]) -> Vec<u8> {
    let mut answer = Ip { id: 0, fragment: DF, ..ip(from, to) }.icmp(kind, code, word, quoted);
    if !to.contains(':') {
        answer[1] = 0xc0;
        sum_again(&mut answer);
    }
    answer
}
