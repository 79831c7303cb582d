//! One question: how it looks on the wire, and what comes of the packets that are about it.
//! Must never know: who else is asked, when it is asked again.

use super::tcp::{Client, Received, Segment, TcpEvent};
use super::{dns, http, ntp, tcp, tls};
use crate::plane::craft::{echo, ip};
use crate::plane::packet::headers::{Headers, Transport};
use crate::plane::packet::numbers::protocol;
use crate::plane::policy::{ProbeSpec, Question};
use crate::types::{Failure, Family, Frame, Outcome, Tick};
use std::net::IpAddr;
use std::sync::Arc;

/// Bytes of an echo request with its IP header.
const ECHO: u16 = 84;
/// Ports that questions come from: the ephemeral ones (RFC 6335 §6).
const FIRST_PORT: u16 = 49_152;
const DNS_PORT: u16 = 53;
const NTP_PORT: u16 = 123;
/// Answers come in segments of this size, which every path carries (RFC 9293 §3.7.1).
const MSS: [u16; 2] = [536, 1220];

/// A question that has left.
#[derive(Debug)]
pub(super) struct Asked {
    spec: Arc<ProbeSpec>,
    /// Our address and the host's.
    ends: (IpAddr, IpAddr),
    at: Tick,
    token: u64,
    talk: Talk,
    /// Epoch of the snapshot that it was asked under.
    pub(super) epoch: u32,
    /// What came of it, once that is known. What still comes is ours all the same.
    pub(super) end: Option<Outcome>,
}

#[derive(Debug)]
enum Talk {
    Neighbor,
    Echo,
    /// What is in the datagram.
    Udp(Vec<u8>),
    Tcp(Client),
}

/// What a packet was to a question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Handled {
    /// About something else.
    Foreign,
    /// It is about the question. What is to be said, and the end of it.
    Ours(Option<Segment>, Option<Outcome>),
}

impl Asked {
    pub(super) fn new(spec: Arc<ProbeSpec>, ends: (IpAddr, IpAddr), at: Tick, token: u64, epoch: u32) -> Self {
        let talk = match &spec.question {
            Question::Neighbor => Talk::Neighbor,
            Question::Echo => Talk::Echo,
            Question::Resolve { name, .. } => Talk::Udp(dns::query(low(token), name)),
            Question::Time => Talk::Udp(ntp::query(token)),
            tcp @ (Question::Connect { .. } | Question::Fetch { .. } | Question::Greet { .. }) => {
                Talk::Tcp(Client::new(middle(token), tcp.opening().len()))
            }
        };
        Self { spec, ends, at, token, talk, epoch, end: None }
    }

    /// What packets about it are known by: the protocol, and our port or identifier.
    pub(super) fn key(&self) -> u32 {
        let (protocol, own) = match self.talk {
            Talk::Neighbor => return neighbor_key(self.spec.family),
            Talk::Echo if self.family().is_v4() => (protocol::ICMP, high(self.token)),
            Talk::Echo => (protocol::ICMPV6, high(self.token)),
            Talk::Udp(_) => (protocol::UDP, self.port()),
            Talk::Tcp(_) => (protocol::TCP, self.port()),
        };
        key(protocol, own)
    }

    /// The family of its packets.
    pub(super) fn family(&self) -> Family {
        Family::of(self.ends.1)
    }

    fn port(&self) -> u16 {
        high(self.token) | FIRST_PORT
    }

    fn remote_port(&self) -> u16 {
        match self.spec.question {
            Question::Resolve { .. } => DNS_PORT,
            Question::Time => NTP_PORT,
            // Neither ARP, ND nor ICMP has ports.
            ref other => other.tcp_port().unwrap_or(0),
        }
    }

    pub(super) fn target(&self) -> IpAddr {
        self.ends.1
    }

    /// Appends the packet that asks. False when there is none.
    pub(super) fn write(&self, out: &mut Vec<u8>) -> bool {
        let (source, target) = self.ends;
        match &self.talk {
            Talk::Neighbor => false,
            Talk::Echo => echo::request(out, source, target, ECHO, self.token),
            Talk::Udp(query) => {
                let len = u16::try_from(8 + query.len()).unwrap_or(u16::MAX);
                let header = [self.port(), self.remote_port(), len, 0].map(u16::to_be_bytes);
                let datagram = [header.as_flattened(), query].concat();
                ip::packet(out, source, target, protocol::UDP, (&datagram, 6))
            }
            Talk::Tcp(client) => self.write_segment(out, client.syn()),
        }
    }

    /// Appends a packet with this segment.
    pub(super) fn write_segment(&self, out: &mut Vec<u8>, segment: Segment) -> bool {
        let (Talk::Tcp(client), (source, target)) = (&self.talk, self.ends) else { return false };
        let mss = MSS[usize::from(!target.is_ipv4())];
        let bytes =
            tcp::write([self.port(), self.remote_port()], segment, client.window(), mss, self.spec.question.opening());
        ip::packet(out, source, target, protocol::TCP, (&bytes, 16))
    }

    /// A whole packet with right checksums, from the WAN it was asked on.
    pub(super) fn handle(&mut self, now: Tick, headers: &Headers, frame: &Frame<'_>) -> Handled {
        if (headers.destination, headers.source) != self.ends {
            return Handled::Foreign;
        }
        let rest = frame.packet().get(usize::from(headers.l4)..headers.len as usize).unwrap_or_default();
        let passed = Outcome::Passed { round_trip: now.since(self.at) };
        let outcome = match (&mut self.talk, headers.transport) {
            (Talk::Echo, Transport::Query { request: false, .. }) => {
                (echo::token(frame.packet(), headers) == Some(self.token)).then_some(Ok(()))
            }
            (Talk::Udp(query), Transport::Udp { source, .. }) => {
                let answer = rest.get(8..).unwrap_or_default();
                match (&self.spec.question, source) {
                    (Question::Resolve { record, .. }, DNS_PORT) => {
                        dns::judge(answer, low(self.token), query.get(12..).unwrap_or_default(), *record)
                    }
                    (Question::Time, NTP_PORT) => ntp::judge(answer, self.token),
                    _ => None,
                }
            }
            (Talk::Tcp(_), Transport::Tcp { source, flags, header_len: len @ 20.., .. }) => {
                let ours = source == self.remote_port();
                let received = received(rest, flags, usize::from(len)).filter(|_| ours);
                return received.map_or(Handled::Foreign, |received| self.handle_segment(&received, passed));
            }
            _ => None,
        };
        outcome.map_or(Handled::Foreign, |outcome| {
            Handled::Ours(None, Some(outcome.map_or_else(Outcome::Failed, |()| passed)))
        })
    }

    fn handle_segment(&mut self, received: &Received<'_>, passed: Outcome) -> Handled {
        let Talk::Tcp(client) = &mut self.talk else { return Handled::Foreign };
        match client.handle(received) {
            TcpEvent::Foreign => Handled::Foreign,
            TcpEvent::Refused => Handled::Ours(None, Some(Outcome::Failed(Failure::Refused))),
            _ if self.end.is_some() => Handled::Ours(Some(client.reset()), None),
            TcpEvent::Nothing if received.payload.is_empty() => Handled::Ours(None, None),
            TcpEvent::Nothing => Handled::Ours(Some(client.acknowledge()), None),
            TcpEvent::Connected => match self.spec.question {
                ref said if !said.opening().is_empty() => Handled::Ours(Some(client.request()), None),
                _ => Handled::Ours(Some(client.reset()), Some(passed)),
            },
            TcpEvent::More => match self.judge_answer(false) {
                None => Handled::Ours(self.client().map(Client::acknowledge), None),
                Some(outcome) => {
                    let outcome = outcome.map_or_else(Outcome::Failed, |()| passed);
                    Handled::Ours(self.client().map(Client::reset), Some(outcome))
                }
            },
        }
    }

    fn client(&self) -> Option<&Client> {
        if let Talk::Tcp(client) = &self.talk { Some(client) } else { None }
    }

    /// What an answer by TCP is worth as far as it has come, `late`: and no more of it is waited for.
    fn judge_answer(&self, late: bool) -> Option<Result<(), Failure>> {
        let (answer, over) = self.client()?.answer();
        match &self.spec.question {
            Question::Fetch { statuses, body, .. } => http::judge(answer, over || late, (statuses, body.as_deref())),
            Question::Greet { .. } => tls::judge(answer, over || late),
            _ => None,
        }
    }

    /// The gateway has spoken.
    pub(super) fn handle_neighbor(&self, now: Tick) -> Outcome {
        Outcome::Passed { round_trip: now.since(self.at) }
    }

    /// A router or host returned the beginning of a packet of ours: what it quotes behind the IP header.
    pub(super) fn handle_error(&self, quoted: &Headers, rest: &[u8], is_refusal: bool) -> Handled {
        let Some(head) = rest.first_chunk::<8>().filter(|_| (quoted.source, quoted.destination) == self.ends) else {
            return Handled::Foreign;
        };
        let is_ours = match &self.talk {
            Talk::Neighbor => false,
            Talk::Tcp(client) => {
                let [.., a, b, c, d] = *head;
                head[2..4] == self.remote_port().to_be_bytes() && client.has_sent(u32::from_be_bytes([a, b, c, d]))
            }
            Talk::Echo | Talk::Udp(_) => {
                let mut asked = Vec::new();
                let header = if self.ends.0.is_ipv4() { 20 } else { 40 };
                self.write(&mut asked) && asked.get(header..header + 8) == Some(head)
            }
        };
        match (is_ours, is_refusal) {
            (false, _) => Handled::Foreign,
            (true, false) => Handled::Ours(None, None),
            (true, true) => Handled::Ours(None, Some(Outcome::Failed(Failure::Unreachable))),
        }
    }

    /// The time is over: what became of it, and what is to be said.
    pub(super) fn give_up(&mut self) -> (Option<Segment>, Failure) {
        let failure = match self.judge_answer(true) {
            Some(Err(failure)) if self.client().is_some_and(|client| !client.answer().0.is_empty()) => failure,
            _ => Failure::Silent,
        };
        self.end = Some(Outcome::Failed(failure));
        (self.client().filter(|client| client.is_connected()).map(Client::reset), failure)
    }
}

/// A TCP segment, header first.
fn received(segment: &[u8], flags: u8, header_len: usize) -> Option<Received<'_>> {
    let [_, _, _, _, a, b, c, d, e, f, g, h] = *segment.first_chunk()?;
    let [seq, ack] = [[a, b, c, d], [e, f, g, h]].map(u32::from_be_bytes);
    Some(Received { flags, seq, ack, payload: segment.get(header_len..)? })
}

/// What packets about a probe of ours are known by.
pub(super) fn key(protocol: u8, own: u16) -> u32 {
    u32::from(protocol) << 16 | u32::from(own)
}

/// The same for what a gateway says on the link; no protocol has this number.
pub(super) fn neighbor_key(family: Family) -> u32 {
    1 << 24 | u32::from(family.is_v4())
}

fn high(token: u64) -> u16 {
    (token >> 48) as u16
}

fn middle(token: u64) -> u32 {
    (token >> 16) as u32
}

fn low(token: u64) -> u16 {
    (token >> 1) as u16
}
