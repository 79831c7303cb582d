//! Packets in the storm: each leaves by a line that the laws of flows allow, from its flow's address there, or stops for
//! their reason. Must never know: links, probes, operators.

use super::event::Talk;
use super::net::{HOSTS, SERVERS};
use super::router::{Router, chosen};
use crate::model::flows::{Lawful, Step, family};
use crate::model::form::header;
use crate::model::life::Key;
use crate::model::router::STATION;
use crate::model::wire::{self, TCP};
use flowpin::plane::verdict::Verdict;
use flowpin::ports::memory::Stored;
use flowpin::types::{Direction, End, Standing, Tick, WanId};
use std::net::IpAddr;

impl Router {
    /// A packet from a host to a server, or the other way on a line, there to the host's newest or its oldest address.
    pub fn packet(&mut self, worker: usize, from: Option<(usize, bool)>, said: Talk) -> Result<(), String> {
        let [host, server]: [IpAddr; 2] = [HOSTS[said.host], SERVERS[said.server]].map(|it| it.parse().unwrap());
        let net = &self.flows.addresses;
        if from.is_some_and(|(line, _)| self.links[line].came_up.is_none()) {
            return Ok(());
        }
        let from = from.map(|(line, old)| {
            let prefix = if old { net.lent[line].last() } else { net.lent[line].first() };
            (line, prefix.copied().filter(|_| net.is_lent(line, host)))
        });
        let public = match from {
            Some((line, Some(prefix))) => net.public_under(line, host, prefix),
            Some((line, None)) => net.public(line, host),
            None => Some(host),
        };
        let Some(ours) = public else { return Ok(()) };
        let ends = if from.is_some() { [(server, 443), (ours, said.port)] } else { [(ours, said.port), (server, 443)] };
        let bytes = built(ends, &said);
        let ip = wire::read(&bytes).expect("a right packet");
        let talk = wire::talk(&ip, &bytes, false).expect("a right packet");
        let (end, link) = match from {
            Some((line, _)) => {
                let mac = self.links[line].mac.0;
                (End::Wan(WanId(line as u8)), [&mac[..], &STATION, &crate::model::router::kind(&bytes)].concat())
            }
            None => (End::Inside, Vec::new()),
        };
        let direction = if from.is_some() { Direction::Inbound } else { Direction::Outbound };
        let key = Key::of(&ip, talk, direction, host);
        let (now, before) = (Tick::from_millis(self.now), self.flow(&key));
        let (verdict, sent) = self.workers[worker].send(now, end, Stored::new(&link, &bytes));
        let after = self.flow(&key);
        let hash = chosen(self.controller.policy(), &self.flows.addresses, &key);
        let step = Step { now: now.0, key, talk, before, after, hash, is_full: false, is_crowded: false };
        let from = from.map(|(line, _)| (line, ours));
        let says =
            |lawful: String| format!("at {now:?} {key:?} {talk:?} from {from:?} must be {lawful} and is {verdict:?}");
        let lawful = self.lawful(&step, from, verdict, &sent)?.map_err(says)?;
        self.count(lawful);
        self.own_sources(&sent)
    }

    /// Whether the laws allow what was decided about a packet, what is remembered of it, and its source: what came of it, or
    /// what must have.
    fn lawful(
        &mut self,
        step: &Step,
        from: Option<(usize, IpAddr)>,
        verdict: Verdict,
        sent: &[(End, Stored)],
    ) -> Result<Result<&'static str, String>, String> {
        if let Some((line, public)) = from {
            return Ok(match (self.flows.inbound(step, line, public)?, verdict) {
                (Ok(_), Verdict::Forward(End::Inside)) => Ok("in"),
                (Err(wanted), Verdict::Drop(reason)) if wanted == reason.name() => Ok(wanted),
                (wanted, _) => Err(format!("{wanted:?}")),
            });
        }
        let (lawful, host) = (self.flows.outbound(step), step.key.inside);
        let is_gone = step.before.is_some_and(|flow| self.flows.is_gone(&step.key, &flow));
        let Verdict::Forward(End::Wan(wan)) = verdict else {
            self.flows.remembers_outbound(step, &lawful, None)?;
            return Ok(match (lawful, verdict) {
                (Err(wanted), Verdict::Drop(reason)) if wanted == reason.name() => Ok(wanted),
                (wanted, _) => Err(format!("{wanted:?}")),
            });
        };
        let left = sent.iter().find(|(end, _)| *end == End::Wan(wan));
        let public = left.map(|(_, frame)| wire::address_of(&frame.packet, 0));
        self.flows.remembers_outbound(step, &lawful, public)?;
        let keeps_its = step.before.is_some_and(|flow| flow.wan == wan.index() && !flow.terminated && !is_gone);
        let is_newest = public == self.flows.addresses.public(wan.index(), host);
        Ok(match lawful {
            Ok(Lawful::Own(line) | Lawful::Once(line)) if line == wan.index() => Ok("out"),
            Ok(Lawful::New(lines)) if lines.contains(&wan.index()) && is_newest => Ok("out"),
            Ok(Lawful::Moved(lines)) if lines.contains(&wan.index()) && (is_newest || keeps_its) => Ok("out"),
            wanted => Err(format!("{wanted:?} with its newest source, not {public:?},")),
        })
    }

    /// No packet leaves a line with a source that is not that line's (RFC 3704 §4.3), nor a line that cannot send.
    pub fn own_sources(&self, sent: &[(End, Stored)]) -> Result<(), String> {
        for (end, frame) in sent {
            let End::Wan(wan) = end else { continue };
            let (line, source) = (wan.index(), wire::address_of(&frame.packet, 0));
            if !self.flows.addresses.owns(line, source) {
                return Err(format!("line {line} has sent a packet of {source}"));
            }
            if self.flows.wans[line].stands[family(source)] == Standing::HardDown {
                return Err(format!("line {line} cannot send, and has"));
            }
        }
        Ok(())
    }
}

/// A small packet: a UDP datagram or a TCP segment without options.
fn built([from, to]: [(IpAddr, u16); 2], said: &Talk) -> Vec<u8> {
    let mut l4 = [from.1.to_be_bytes(), to.1.to_be_bytes()].concat();
    match said.protocol {
        TCP => l4.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, said.flags, 0x20, 0, 0, 0, 0, 0]),
        _ => l4.extend([0, 8, 0, 0]),
    }
    let mut packet = header(from.0, to.0, 0, said.protocol, l4.len());
    packet.extend(l4);
    wire::seal(&mut packet);
    packet
}
