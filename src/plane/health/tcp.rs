//! A TCP client of its own (RFC 9293) that is just enough to ask one thing: it connects, sends one segment, takes what
//! comes in order up to 8 KiB, and ends with a reset. Nothing is ever sent again unless the server repeats itself.
//! Must never know: addresses, what the bytes mean.

use crate::plane::packet::numbers::tcp_flag::{ACK, FIN, RST, SYN};

/// Bytes of an answer that are taken at the most.
pub(super) const ROOM: usize = 8192;
const PSH: u8 = 8;

/// What the other side sent, checked by nobody yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Received<'a> {
    pub flags: u8,
    pub seq: u32,
    pub ack: u32,
    pub payload: &'a [u8],
}

/// What is to be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Segment {
    pub flags: u8,
    pub seq: u32,
    pub ack: u32,
    /// With the request.
    pub asks: bool,
}

/// What a segment did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TcpEvent {
    /// It is none of this connection.
    Foreign,
    /// The connection is there; or the server has not heard that it is.
    Connected,
    /// More of the answer is there, and it may be over.
    More,
    /// Nothing new.
    Nothing,
    /// The server refuses, or has given up.
    Refused,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Client {
    isn: u32,
    /// Bytes of the request.
    request: u32,
    /// What the server said it has got.
    acked: u32,
    /// The number of the server's next byte, once there is a connection.
    next: Option<u32>,
    answer: Vec<u8>,
    over: bool,
}

impl Client {
    /// A connection that begins with the number `isn` and will send `request` bytes.
    pub(super) fn new(isn: u32, request: usize) -> Self {
        let request = u32::try_from(request).unwrap_or(u32::MAX);
        Self { isn, request, acked: isn, next: None, answer: Vec::new(), over: false }
    }

    /// The first segment.
    pub(super) fn syn(&self) -> Segment {
        Segment { flags: SYN, seq: self.isn, ack: 0, asks: false }
    }

    /// What opens the conversation once it is connected: the request, in the segment that completes the handshake.
    pub(super) fn request(&self) -> Segment {
        Segment { flags: ACK | PSH, asks: true, ..self.acknowledge() }
    }

    /// Says how far the answer has come.
    pub(super) fn acknowledge(&self) -> Segment {
        Segment { flags: ACK, seq: self.sent(), ack: self.next.unwrap_or(0), asks: false }
    }

    /// The last segment: it has the number that the server expects (RFC 9293 §3.10.7.4).
    pub(super) fn reset(&self) -> Segment {
        let seq = if self.acked == self.isn { self.isn.wrapping_add(1) } else { self.acked };
        Segment { flags: RST | ACK, seq, ack: self.next.unwrap_or(0), asks: false }
    }

    fn sent(&self) -> u32 {
        if self.acked.wrapping_sub(self.isn) > 1 { self.acked } else { self.isn.wrapping_add(1) }
    }

    /// Whether the server has answered at all.
    pub(super) fn is_connected(&self) -> bool {
        self.next.is_some()
    }

    /// What was received of the answer, and whether no more will come.
    pub(super) fn answer(&self) -> (&[u8], bool) {
        (&self.answer, self.over || self.answer.len() >= ROOM)
    }

    /// Bytes that the server may send beyond what is acknowledged.
    pub(super) fn window(&self) -> u16 {
        u16::try_from(ROOM.saturating_sub(self.answer.len())).unwrap_or(0)
    }

    /// Whether a segment of ours had this number: a router that quotes one says something about us.
    pub(super) fn has_sent(&self, seq: u32) -> bool {
        seq.wrapping_sub(self.isn) <= self.request.saturating_add(1)
    }

    /// Takes what came. Whoever has not seen our numbers, and the server's, cannot make it believe anything.
    pub(super) fn handle(&mut self, segment: &Received<'_>) -> TcpEvent {
        let confirmed = segment.ack.wrapping_sub(self.isn);
        let is_ours = segment.flags & ACK != 0 && (1..=self.request.saturating_add(1)).contains(&confirmed);
        let Some(next) = self.next else { return self.handle_first(segment, is_ours && confirmed == 1) };
        if segment.flags & RST != 0 {
            return if segment.seq == next { TcpEvent::Refused } else { TcpEvent::Foreign };
        }
        let behind = next.wrapping_sub(segment.seq);
        if !is_ours || behind > WINDOW_MOST && behind.wrapping_neg() > WINDOW_MOST {
            return TcpEvent::Foreign;
        }
        if segment.flags & SYN != 0 {
            return if behind == 1 && self.answer.is_empty() { TcpEvent::Connected } else { TcpEvent::Nothing };
        }
        if confirmed > self.acked.wrapping_sub(self.isn) {
            self.acked = segment.ack;
        }
        self.take(segment, behind as usize, next)
    }

    fn handle_first(&mut self, segment: &Received<'_>, is_ours: bool) -> TcpEvent {
        match segment.flags & (SYN | RST) {
            _ if !is_ours => TcpEvent::Foreign,
            SYN => {
                self.next = Some(segment.seq.wrapping_add(1));
                self.acked = segment.ack;
                TcpEvent::Connected
            }
            RST => TcpEvent::Refused,
            _ => TcpEvent::Foreign,
        }
    }

    /// `behind`: bytes of the segment that are known already.
    fn take(&mut self, segment: &Received<'_>, behind: usize, next: u32) -> TcpEvent {
        let Some(fresh) = segment.payload.get(behind..) else { return TcpEvent::Nothing };
        let taken = fresh.get(..ROOM - self.answer.len().min(ROOM)).unwrap_or(fresh);
        let ends = segment.flags & FIN != 0 && taken.len() == fresh.len() && !self.over;
        if taken.is_empty() && !ends {
            return TcpEvent::Nothing;
        }
        self.answer.extend_from_slice(taken);
        self.over |= ends;
        self.next = Some(next.wrapping_add(taken.len() as u32).wrapping_add(u32::from(ends)));
        TcpEvent::More
    }
}

/// Bytes by which a number may be off from the one that is expected and still be of this connection.
const WINDOW_MOST: u32 = 65_535;

/// Appends the bytes of a segment, its checksum 0. `mss` is said in the first segment only.
pub(super) fn write(ports: [u16; 2], segment: Segment, window: u16, mss: u16, request: &[u8]) -> Vec<u8> {
    let options = if segment.flags & SYN == 0 { Vec::new() } else { [&[2, 4], &mss.to_be_bytes()[..]].concat() };
    let offset = ((20 + options.len()) as u8 / 4) << 4;
    let payload = if segment.asks { request } else { &[] };
    let mut bytes = Vec::with_capacity(24 + payload.len());
    bytes.extend(ports.into_iter().flat_map(u16::to_be_bytes));
    bytes.extend(segment.seq.to_be_bytes());
    bytes.extend(segment.ack.to_be_bytes());
    bytes.extend([offset, segment.flags]);
    bytes.extend(window.to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend(options);
    bytes.extend(payload);
    bytes
}

#[cfg(test)]
mod tests;
