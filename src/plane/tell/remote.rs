//! The remote of a TCP connection that has ended, but whose line can still send, is told like the inside host. The number
//! that it waits for is at hand when the host says more, and when the remote itself does; who says nothing is asked for it,
//! as after a crash (RFC 9293 §3.5.1, figure 9). Must never know: why the connection has ended.

use crate::plane::choose::address;
use crate::plane::choose::exit;
use crate::plane::counters::{Counters, Event};
use crate::plane::craft::rst;
use crate::plane::flow::key::FlowKey;
use crate::plane::flow::table::Pin;
use crate::plane::neighbor;
use crate::plane::outbox::Outbox;
use crate::plane::packet::headers::{Headers, Transport};
use crate::plane::packet::numbers::ethertype;
use crate::plane::policy::{Policy, Wan};
use crate::plane::state::{Core, Shared};
use crate::types::{Direction, End, Family, Frame, Standing, Tick, WanId};
use std::net::SocketAddr;

impl Core {
    /// Puts a RST in the place of a refused segment from inside, as the remote would have got it: from the flow's own WAN
    /// and public address. No rate limits it, nor the next: there are no more of them than of segments.
    pub fn hang_up(
        &self,
        policy: &Policy,
        now: Tick,
        headers: &Headers,
        frame: &Frame<'_>,
        outbox: &mut Outbox,
    ) -> Option<()> {
        let Transport::Tcp { source, destination, .. } = headers.transport else { return None };
        let pin = self.shared.table.peek(&FlowKey::new(headers, Direction::Outbound, headers.source), now)?;
        let wan = policy.wan(pin.wan)?;
        let public = address::public_kept(wan, headers.source, &pin)?;
        let segment = exit::segment(headers, frame.packet())?;
        let ends = [(public.address, source), (headers.destination, destination)].map(SocketAddr::from);
        say((&self.shared, &self.counters), (pin.wan, wan), headers.family(), outbox, |out| {
            rst::replace(out, ends, &segment)
        })
    }

    /// Answers a segment from the remote by a RST, as the host itself would if nothing between forgot the connection.
    pub fn hang_up_inbound(
        &self,
        at: (WanId, &Wan),
        headers: &Headers,
        frame: &Frame<'_>,
        outbox: &mut Outbox,
    ) -> Option<()> {
        let Transport::Tcp { source, destination, .. } = headers.transport else { return None };
        let segment = exit::segment(headers, frame.packet())?;
        let [from, to] = [(headers.source, source), (headers.destination, destination)].map(SocketAddr::from);
        say((&self.shared, &self.counters), at, headers.family(), outbox, |out| rst::answer(out, from, to, &segment))
    }
}

/// Has the remote of a silent connection, whose host waits for `sequence`, say where it is.
pub fn ask_remote(
    (shared, counters): (&Shared, &Counters),
    policy: &Policy,
    key: &FlowKey,
    (pin, sequence): (&Pin, u32),
    outbox: &mut Outbox,
) -> Option<()> {
    let wan = policy.wan(pin.wan)?;
    let public = address::public_kept(wan, key.inside(), pin)?;
    let ends = [(public.address, key.inside_port()), (key.remote(), key.remote_port())].map(SocketAddr::from);
    say((shared, counters), (pin.wan, wan), key.family(), outbox, |out| rst::ask(out, ends, sequence))
}

fn say(
    (shared, counters): (&Shared, &Counters),
    (id, wan): (WanId, &Wan),
    family: Family,
    outbox: &mut Outbox,
    write: impl FnOnce(&mut Vec<u8>) -> bool,
) -> Option<()> {
    let mac = shared.neighbors.mac(id, family).filter(|_| wan.standing(family) != Standing::HardDown)?;
    if outbox.push(End::Wan(id), &neighbor::link_header(wan, mac, ethertype::of(family)), write) {
        counters.event(Event::HungUp);
    }
    Some(())
}
