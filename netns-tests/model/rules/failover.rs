//! Flows whose line is dead, by the rules: connections are reset, with the number that the inside host waits for (RFC 9293
//! §3.10.7.1); the rest goes by another line, unless it came from outside. Must never know: tables.

use super::Rules;
use super::told::{RESET, Refusal, silent, stranded};
use crate::model::form::header;
use crate::model::life::{Key, Life};
use crate::model::net::Net;
use crate::model::wire::{self, ACK, FIN, Ip, RST, SYN, TCP, Talk};
use flowpin::types::Direction;
use std::net::IpAddr;

/// What is to be done with a packet of a flow that lives.
pub enum Turn {
    /// It goes by the flow's line.
    Stays,
    /// It goes by another.
    Moves,
    /// It begins another flow.
    Anew,
    /// It goes by the flow's line, and nobody remembers it.
    Passes,
}

impl Rules {
    /// What becomes of a living flow whose line translates its source.
    pub(super) fn turn(&mut self, key: &Key, talk: Talk) -> Result<Turn, Refusal> {
        let now = self.now;
        let Some(life) = self.flows.get_mut(key) else { return Ok(Turn::Anew) };
        let is_dead = self.net.wans[life.wan].is_dead(key.inside);
        let flags = match talk {
            Talk::Tcp { flags, .. } => flags,
            _ if life.cut => return Ok(Turn::Anew),
            _ if !is_dead => return Ok(Turn::Stays),
            _ if life.from_outside => return Err(stranded(key.inside)),
            _ => return Ok(Turn::Moves),
        };
        let begins = flags & (SYN | ACK | RST) == SYN;
        match (life.cut, is_dead) {
            (false, false) => Ok(Turn::Stays),
            (true, false) if flags & RST != 0 => Ok(Turn::Passes),
            (_, true) if flags & RST != 0 => Err(stranded(key.inside)),
            (true, _) if begins => Ok(Turn::Anew),
            (true, _) => silent(RESET),
            (false, true) if begins && !life.from_outside => Ok(Turn::Moves),
            (false, true) => {
                life.cut(now);
                self.notes.push("reset");
                silent(RESET)
            }
        }
    }

    /// The RST for the remote of a connection that has ended, if its line can send, in the place of this segment.
    pub(super) fn farewell(&self, ip: &Ip, talk: Talk) -> Option<(usize, Vec<u8>)> {
        let Talk::Tcp { ports, flags, numbers } = talk else { return None };
        let life = self.flows.get(&Key::of(ip, talk, Direction::Outbound, ip.source))?;
        let wan = &self.net.wans[life.wan];
        let public = wan.public(ip.source).ok().filter(|_| !wan.is_dead(ip.source))?;
        let acknowledged = if flags & ACK != 0 { numbers.acknowledgment } else { 0 };
        let numbers = [numbers.sequence, acknowledged];
        Some((life.wan, rst((public, ports.0), (ip.destination, ports.1), numbers, RST | flags & ACK)))
    }

    /// A flow in the place of one that was cut.
    pub(super) fn replace(&mut self, key: Key, wan: usize, direction: Direction, talk: Talk) {
        self.made += 1;
        self.flows.insert(key, Life::new(key.protocol, wan, direction, talk, self.now));
    }

    /// Lines die or come back. The RSTs for the hosts of all connections that are lost, if any line died just now.
    pub fn sweep(&mut self, before: &Net) -> Vec<Vec<u8>> {
        let died = |(was, is): (&crate::model::net::Uplink, &crate::model::net::Uplink)| {
            (0..2).any(|family| is.dead[family] && !was.dead[family])
        };
        if !before.wans.iter().zip(&self.net.wans).any(died) {
            return Vec::new();
        }
        let (now, wans) = (self.now, &self.net.wans);
        let doomed = self
            .flows
            .iter_mut()
            .filter(|(key, life)| key.protocol == TCP && life.lives(now) && wans[life.wan].is_dead(key.inside));
        let told = doomed.filter_map(|(key, life)| {
            let awaits = life.awaits()?;
            life.cut(now);
            Some(rst((key.remote, key.remote_port), (key.inside, key.port), [awaits, 0], RST))
        });
        told.collect()
    }

    /// The lines that a new flow may take, whatever their tier.
    pub(super) fn is_able(net: &Net, wan: usize, inside: IpAddr) -> bool {
        net.wans[wan].public(inside).is_ok() && !net.wans[wan].is_dead(inside)
    }
}

/// The RST that answers a segment.
pub fn answer(ip: &Ip, talk: Talk) -> Vec<u8> {
    let Talk::Tcp { ports, flags, numbers } = talk else { return Vec::new() };
    let (from, to) = ((ip.destination, ports.1), (ip.source, ports.0));
    if flags & ACK != 0 {
        return rst(from, to, [numbers.acknowledgment, 0], RST);
    }
    let marks = u32::from(flags & SYN != 0) + u32::from(flags & FIN != 0);
    rst(from, to, [0, numbers.sequence.wrapping_add(numbers.payload).wrapping_add(marks)], RST | ACK)
}

fn rst(from: (IpAddr, u16), to: (IpAddr, u16), [sequence, acknowledgment]: [u32; 2], flags: u8) -> Vec<u8> {
    let mut packet = header(from.0, to.0, 0, TCP, 20);
    for port in [from.1, to.1] {
        packet.extend(port.to_be_bytes());
    }
    for number in [sequence, acknowledgment] {
        packet.extend(number.to_be_bytes());
    }
    packet.extend([0x50, flags, 0, 0, 0, 0, 0, 0]);
    wire::seal(&mut packet);
    packet
}
