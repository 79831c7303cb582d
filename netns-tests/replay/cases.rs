//! What goes in and what must come out, packet by packet, both built from scratch.

mod flows;
mod links;
mod prefixes;
mod refusals;

use super::packets::{self, DF, Ip, checksum, ethernet, ip};

/// An end, by its place among the interfaces of a capture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum At {
    Inside = 0,
    Fiber = 1,
    Cable = 2,
}

/// One line of a capture's story.
pub enum Step {
    /// This arrives.
    In(At, Vec<u8>),
    /// This leaves because of it.
    Out(At, Vec<u8>),
    /// It is dropped, and this is its reason.
    Drop(&'static str),
}

/// A story with a name, which is also the name of its files.
pub struct Case {
    pub name: &'static str,
    pub steps: Vec<Step>,
    /// Flows made.
    pub flows: u64,
}

use At::Cable;
use Step::{In, Out};

/// All of them.
pub fn all() -> Vec<Case> {
    vec![
        flows::tcp(),
        flows::mss(),
        flows::udp(),
        flows::echo(),
        flows::protocols(),
        refusals::errors(),
        prefixes::prefix(),
        prefixes::neutral(),
        refusals::hops(),
        refusals::refused(),
        links::vlan(),
        flows::fragments(),
        refusals::sizes(),
        links::links(),
        links::odd(),
    ]
}

const SERVER: &str = "203.0.113.10";
const SERVER6: &str = "2001:db8:5::10";
const HOST6: &str = "fd00:bad:b01:1::100";

/// The tag of cable, VLAN 3242, without priority.
const TAG: u16 = 3242;

/// A frame as an ISP's router sends it to the router of the capture.
fn arrives(at: At, packet: &[u8]) -> Step {
    In(at, from_station(at, (at == Cable).then_some(TAG), packet))
}

fn from_station(at: At, tag: Option<u16>, packet: &[u8]) -> Vec<u8> {
    ethernet([0, 0, 0x5e, 0, 0x53, at as u8], [2, 0, 0x5e, 0x10, 0, at as u8], tag, packet)
}

/// A frame as the replay sends it: from the WAN's own MAC to its gateway's.
fn leaves(at: At, packet: &[u8]) -> Step {
    let tag = (at == Cable).then_some(TAG);
    Out(at, ethernet([2, 0xf1, 0, 0, 1, at as u8], [2, 0xf1, 0, 0, 0, at as u8], tag, packet))
}

/// The same as an answer to the station that sent a frame.
fn answered(at: At, packet: &[u8]) -> Step {
    let tag = (at == Cable).then_some(TAG);
    Out(at, ethernet([2, 0, 0x5e, 0x10, 0, at as u8], [2, 0xf1, 0, 0, 0, at as u8], tag, packet))
}

/// An ICMPv4 error as a router sends it: internetwork control, identification 0, DF (RFC 1812 §4.3.2.5, RFC 6864 §4.1).
/// Between IPv6 addresses there is nothing special about one.
fn router_error(from: &str, to: &str, kind: u8, code: u8, word: [u8; 4], quoted: &[u8]) -> Vec<u8> {
    let mut answer = Ip { id: 0, fragment: DF, ..ip(from, to) }.icmp(kind, code, word, quoted);
    if !to.contains(':') {
        answer[1] = 0xc0;
        sum_again(&mut answer);
    }
    answer
}

/// Sums an IPv4 header of twenty bytes again after a change to it.
fn sum_again(packet: &mut [u8]) {
    packet[10..12].fill(0);
    let sum = checksum(&packet[..20]).to_be_bytes();
    packet[10..12].copy_from_slice(&sum);
}
