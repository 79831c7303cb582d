//! What one event set off: the frames that left and what was counted. The laws take away what they explain; what is left
//! over at the end, nobody can explain. Must never know: what is right.

use crate::model::flows::Step;
use crate::model::net::Net;
use crate::model::router::{STATION, Tally, kind, own_mac};
use crate::model::wire::{self, hex};
use flowpin::control::compile::replay_gateway_mac;
use flowpin::ports::memory::Stored;
use flowpin::types::{End, WanId};
use std::collections::VecDeque;

/// Whom a frame is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Station {
    /// The next hop of packets on their way; the TUN's other side.
    Gateway,
    /// The station that sent what the frame answers.
    Sender,
}

pub struct Trace {
    /// The packet's flow before and after.
    pub step: Option<Step>,
    /// Packets that were forwarded, and by which end.
    pub passed: Vec<(End, Vec<u8>)>,
    frames: Vec<(End, VecDeque<Stored>)>,
    counts: Tally,
    tags: Vec<Option<u16>>,
}

impl Trace {
    /// Nothing leaves by a WAN whose link is dead or with a source that is not that WAN's own (RFC 3704 §4.3).
    pub fn new(net: &Net, sent: Vec<(End, Stored)>, counts: Tally) -> Result<Self, String> {
        let ends = std::iter::once(End::Inside).chain((0..net.wans.len() as u8).map(|wan| End::Wan(WanId(wan))));
        let mut frames: Vec<_> = ends.map(|end| (end, VecDeque::new())).collect();
        for (end, frame) in sent {
            let source = wire::address_of(&frame.packet, 0);
            if !net.may_send(end, source) {
                return Err(format!("{end:?} has sent {}, whose source is none of its own", hex(&frame.packet)));
            }
            if matches!(end, End::Wan(wan) if net.wans[wan.index()].is_dead(source)) {
                return Err(format!("{end:?} is dead and has sent {}", hex(&frame.packet)));
            }
            frames[place(end)].1.push_back(frame);
        }
        let tags = net.wans.iter().map(|wan| wan.vlan).collect();
        Ok(Self { step: None, passed: Vec::new(), frames, counts, tags })
    }

    /// The WAN that the first frame left by.
    pub fn wan(&self) -> Option<usize> {
        (1..self.frames.len()).find(|at| !self.frames[*at].1.is_empty()).map(|at| at - 1)
    }

    pub fn is_empty(&self, end: End) -> bool {
        self.frames[place(end)].1.is_empty()
    }

    /// The next packet that left by an end, if its link header is right.
    pub fn packet(&mut self, end: End, station: Station) -> Result<Vec<u8>, String> {
        let frame = self.frames[place(end)].1.pop_front().ok_or_else(|| format!("nothing left by {end:?}"))?;
        let right = match end {
            End::Inside => Vec::new(),
            End::Wan(wan) => {
                let to = if station == Station::Gateway { replay_gateway_mac(wan).0 } else { STATION };
                let tag = self.tags[wan.index()].map_or(vec![], |tag| [[0x81, 0], tag.to_be_bytes()].concat());
                [&to[..], &own_mac(wan), &tag, &kind(&frame.packet)].concat()
            }
        };
        if frame.link == right {
            Ok(frame.packet)
        } else {
            Err(format!("the link header is {} and must be {}", hex(&frame.link), hex(&right)))
        }
    }

    /// The next packet that left by an end is this one.
    pub fn is(&mut self, end: End, station: Station, wanted: &[u8]) -> Result<(), String> {
        let found = self.packet(end, station).map_err(|fault| format!("{fault}, and {} must", hex(wanted)))?;
        if found == wanted {
            return Ok(());
        }
        Err(format!("{} left by {end:?}, and {} must", hex(&found), hex(wanted)))
    }

    pub fn has_counted(&self, name: &str) -> bool {
        self.counts.contains_key(name)
    }

    /// That much of what was counted under a name is explained.
    pub fn counted(&mut self, name: &str, times: u64) -> Result<(), String> {
        let found = self.counts.remove(name).unwrap_or(0);
        match found.checked_sub(times) {
            None => return Err(format!("{name:?} must count {times} more, and counts {found}")),
            Some(0) => {}
            Some(rest) => _ = self.counts.insert(name.to_owned(), rest),
        }
        Ok(())
    }

    /// Whether everything is explained.
    pub fn is_explained(&self) -> Result<(), String> {
        let left: Vec<_> =
            self.frames.iter().flat_map(|(end, frames)| frames.iter().map(move |it| (end, it))).collect();
        match left.first() {
            Some((end, frame)) => Err(format!("{end:?} has sent {} too", hex(&frame.packet))),
            None if self.counts.is_empty() => Ok(()),
            None => Err(format!("nothing explains the counts {:?}", self.counts)),
        }
    }
}

fn place(end: End) -> usize {
    match end {
        End::Inside => 0,
        End::Wan(wan) => wan.index() + 1,
    }
}
