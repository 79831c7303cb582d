//! What the sender of a packet that is stopped is told: by which reason which ICMP error, about which packets none (RFC 792,
//! RFC 1812 §4.3, RFC 4443 §2.4). Must never know: flows, translations.

use super::trace::{Station, Trace};
use crate::model::form::{Came, answer, error};
use crate::model::wire::{self, Ip, Piece, TCP, Talk};
use flowpin::types::End;
use std::net::IpAddr;

/// Why a packet stops: one of these, each by its name in the counters.
#[derive(Debug, Default)]
pub struct Stop {
    pub reasons: Vec<&'static str>,
    /// The MTU that it does not fit.
    pub mtu: u16,
    /// Nothing can be sent to whoever sent it.
    pub silent: bool,
}

impl From<&'static str> for Stop {
    fn from(reason: &'static str) -> Self {
        Self { reasons: vec![reason], ..Self::default() }
    }
}

/// A packet does not pass: that is as it must be, or a law is broken.
#[derive(Debug)]
pub enum Halt {
    Stop(Stop),
    Broken(String),
}

impl<S: Into<Stop>> From<S> for Halt {
    fn from(stop: S) -> Self {
        Self::Stop(stop.into())
    }
}

impl From<String> for Halt {
    fn from(sentence: String) -> Self {
        Self::Broken(sentence)
    }
}

/// Stops for those reasons that hold.
pub fn stops(reasons: &[(&'static str, bool)]) -> Result<(), Stop> {
    let reasons: Vec<_> = reasons.iter().filter(|(_, holds)| *holds).map(|(reason, _)| *reason).collect();
    if reasons.is_empty() { Ok(()) } else { Err(Stop { reasons, ..Stop::default() }) }
}

/// Stops for the reasons of all that stop it.
pub fn together<const N: usize>(all: [Result<(), Stop>; N]) -> Result<(), Stop> {
    let both = |one: Stop, two: Stop| Stop {
        reasons: [one.reasons, two.reasons].concat(),
        mtu: one.mtu.max(two.mtu),
        silent: one.silent || two.silent,
    };
    all.into_iter().filter_map(Result::err).reduce(both).map_or(Ok(()), Err)
}

/// How a stop is counted.
pub fn counter(from: End, reason: &str) -> String {
    match reason {
        "held" | "kernel" => reason.to_owned(),
        _ => format!("{} {reason}", if from == End::Inside { "outbound" } else { "inbound" }),
    }
}

/// The router's own address towards inside.
fn router(receiver: IpAddr) -> IpAddr {
    if receiver.is_ipv4() { "10.250.250.1" } else { "fd00:bad:b01::1" }.parse().unwrap()
}

/// Who tells the sender of a packet something: towards inside the router, outside the address that the packet was for.
fn teller(from: End, ip: &Ip) -> IpAddr {
    if from == End::Inside { router(ip.source) } else { ip.destination }
}

/// Explains that a packet stopped, and what its sender was told: exactly what its reason says. The reason.
pub fn explain(stop: &Stop, came: &Came, trace: &mut Trace) -> Result<&'static str, String> {
    let Came { from, ip, talk, packet } = *came;
    let mut reasons = stop.reasons.iter().filter(|reason| trace.has_counted(&counter(from, reason)));
    let reason = *reasons.next().ok_or_else(|| format!("it must stop for one of {:?}", stop.reasons))?;
    trace.counted(&counter(from, reason), 1)?;
    if reason == "reset" && ip.protocol == TCP {
        trace.is(End::Inside, Station::Sender, &answer(ip, talk))?;
    } else if let Some(told) = message(reason, ip, from, stop.mtu)
        && may_be_told(ip, talk, told.0)
        && !stop.silent
    {
        trace.is(from, Station::Sender, &error(ip.source, packet, teller(from, ip), told))?;
    }
    Ok(reason)
}

/// Type, code and the word behind the checksum; nothing for what is no news to an honest sender.
fn message(reason: &str, ip: &Ip, from: End, mtu: u16) -> Option<(u8, u8, u32)> {
    let [v4, v6] = match reason {
        "ttl-expired" if ip.hops > 0 => [(11, 0, 0), (3, 0, 0)],
        "too-big" => [(3, 4, mtu.into()), (2, 0, mtu.into())],
        "no-wan" | "all-wans-down" => [(3, 0, 0), (1, 0, 0)],
        "wan-down" | "address-gone" if from == End::Inside => [(3, 1, 0), (1, 3, 0)],
        "unmappable" => [(3, 1, 0), (1, 3, 0)],
        "unmappable-identifier" => [(3, 1, 0), (4, 0, if from == End::Inside { 8 } else { 24 })],
        "table-full" | "reset" => [(3, 13, 0), (1, 1, 0)],
        _ => return None,
    };
    Some(if ip.source.is_ipv4() { v4 } else { v6 })
}

/// RFC 1812 §4.3.2.7, RFC 4443 §2.4 (e).
fn may_be_told(ip: &Ip, talk: Talk, kind: u8) -> bool {
    match (ip.source, ip.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let about_icmp = matches!(talk, Talk::Error | Talk::Icmp(5 | 19..));
            let nobody = matches!(source.octets()[0], 0 | 127 | 224..);
            let many = destination.is_multicast() || destination.is_broadcast();
            !about_icmp && !nobody && !many && !matches!(ip.piece, Piece::Later(_))
        }
        _ => !matches!(talk, Talk::Error | Talk::Icmp(0..128 | 137)) && (kind == 2 || !ip.destination.is_multicast()),
    }
}

/// Explains that a packet which cannot be read stopped. Only of an IPv6 fragment that no datagram can be made of may its
/// sender be told, by a parameter problem that points into it (RFC 8200 §4.5), and only if `may_be_told`.
pub fn explain_unreadable(
    reason: &'static str,
    from: End,
    packet: &[u8],
    may_be_told: impl Fn(&Ip) -> bool,
    trace: &mut Trace,
) -> Result<(), String> {
    trace.counted(&counter(from, reason), 1)?;
    if trace.is_empty(from) {
        return Ok(());
    }
    let told = trace.packet(from, Station::Sender)?;
    let is_fragment = reason == "bad-fragment" && packet[0] >> 4 == 6;
    let ip = Some(packet).filter(|_| is_fragment).map(wire::ends).filter(may_be_told);
    let ip = ip.ok_or_else(|| format!("the sender of what is {reason} was told {}", wire::hex(&told)))?;
    let (code, pointer) = (told[41], u32::from(wire::word(&told, 46)));
    let wanted = error(ip.source, &packet[..ip.len.min(packet.len())], teller(from, &ip), (4, code, pointer));
    let is_sane = matches!(code, 0 | 3) && pointer < ip.len as u32;
    if told == wanted && is_sane { Ok(()) } else { Err(format!("a bad fragment is told by {}", wire::hex(&told))) }
}
