//! What one packet shows of the path of its flow: evidence for whoever judges the WANs.
//! Must never know: the record, WANs, who judges.
//!
//! A line may be dead outbound and alive inbound, so what comes in is no proof by itself: a remote repeats what was never
//! acknowledged, and sends a stream on until somebody tells it to stop. Only what cannot have been sent without something
//! having arrived before counts, or what is so new that the sender soon has to stop without an acknowledgment:
//!
//! - TCP: the answer to the SYN. Later, a segment with exactly the sequence number that the inside host waits for, after
//!   the inside has sent something. Repeats and keep-alives (RFC 9293 §3.8.4) carry older numbers, and whose
//!   acknowledgments get lost may send nothing new once its timer has expired (RFC 6298 §5, RFC 5681 §3.1).
//! - DNS, NTP, ICMP queries: each answer after a question.
//! - Everything else: the first answer alone. Media may come unasked.

use super::key::FlowKey;
use super::state::State;
use crate::plane::counters::Reachability;
use crate::plane::packet::numbers::{protocol, tcp_flag};
use crate::plane::packet::segment::Segment;

/// Ports whose every datagram answers one (RFC 1035 §4.2.1, RFC 5905 §7.2).
const DNS: u16 = 53;
const NTP: u16 = 123;

/// What a first packet from inside shows.
pub(super) fn of_first(segment: Option<Segment>) -> Reachability {
    let begins = |segment: Segment| segment.flags & (tcp_flag::SYN | tcp_flag::ACK | tcp_flag::RST) == tcp_flag::SYN;
    if segment.is_some_and(begins) { Reachability::Tried } else { Reachability::Nothing }
}

/// What a packet from outside shows that belongs to a flow from inside in this state, before it changes it. `rcv_nxt`: the
/// sequence number that the inside host of a TCP connection waits for.
pub(super) fn of_inbound(key: &FlowKey, state: State, rcv_nxt: u32, segment: Option<Segment>) -> Reachability {
    match (key.protocol(), segment) {
        (protocol::TCP, None) => Reachability::Nothing,
        (protocol::TCP, Some(segment)) if state.is_untouched() => of_opening(segment),
        (protocol::TCP, Some(segment)) => {
            reply_if(state.waits() && state.inside_spoke() && segment.sequence == rcv_nxt)
        }
        _ if !state.is_two_way() => Reachability::Replied,
        (protocol::ICMP | protocol::ICMPV6, _) => reply_if(state.waits()),
        (protocol::UDP, _) => reply_if(state.waits() && matches!(key.remote_port(), DNS | NTP)),
        _ => Reachability::Nothing,
    }
}

/// The answer to a SYN acknowledges it (RFC 9293 §3.10.7.1, §3.10.7.2).
fn of_opening(segment: Segment) -> Reachability {
    let is_answer = segment.has(tcp_flag::ACK) && segment.flags & (tcp_flag::SYN | tcp_flag::RST) != 0;
    if is_answer { Reachability::Answered } else { Reachability::Nothing }
}

fn reply_if(is_reply: bool) -> Reachability {
    if is_reply { Reachability::Replied } else { Reachability::Nothing }
}

#[cfg(test)]
mod tests;
