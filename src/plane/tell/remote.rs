//! The remote of a TCP connection that has ended, but whose line can still send, is told like the inside host. The number
//! that it waits for is at hand when the host says more, and when the remote itself does; who says nothing is challenged to
//! say it, as after a crash (RFC 9293 §3.5.1, figure 9; RFC 5961 §3.2). Must never know: why the connection has ended.

use crate::plane::choose::address;
use crate::plane::context::{Ctx, Line};
use crate::plane::counters::Event;
use crate::plane::craft::rst;
use crate::plane::flow::key::FlowKey;
use crate::plane::flow::pin::Pin;
use crate::plane::lease::Via;
use crate::plane::neighbor::{self, Resolution};
use crate::plane::packet::headers::{Headers, Transport};
use crate::plane::packet::numbers::ethertype;
use crate::plane::packet::segment::Segment;
use crate::plane::state::Core;
use crate::types::{End, Family, Frame};
use std::net::{IpAddr, SocketAddr};

/// Puts a RST in the place of a refused segment from inside, as the remote would have got it: from the flow's own WAN
/// and public address. No rate limits it, nor the next: there are no more of them than of segments.
pub fn reset(core: &Core, ctx: &mut Ctx<'_>, pin: &Pin, headers: &Headers, frame: &Frame<'_>) {
    let Some((line, ([host, remote], segment))) = ctx.line(pin.binding.wan).zip(read(headers, frame)) else { return };
    let Some(public) = address::public_kept(line.wan, headers.source, pin) else { return };
    let ends = [SocketAddr::new(public.address, public.port.unwrap_or(host.port())), remote];
    send(core, ctx, line, (pin.binding.via, headers.destination), |out| rst::replace(out, ends, &segment));
}

/// Answers a segment from the remote by a RST, as the host itself would if nothing between forgot the connection.
pub fn answer(core: &Core, ctx: &mut Ctx<'_>, line: Line<'_>, headers: &Headers, frame: &Frame<'_>) {
    let Some(([from, to], segment)) = read(headers, frame) else { return };
    send(core, ctx, line, (line.wan.via(headers.source), headers.source), |out| rst::answer(out, from, to, &segment));
}

/// Has the remote of a silent connection, whose host waits for `rcv_nxt`, say where it is.
pub fn challenge(core: &Core, ctx: &mut Ctx<'_>, key: &FlowKey, pin: &Pin, rcv_nxt: u32) {
    let Some(line) = ctx.line(pin.binding.wan) else { return };
    let Some(public) = address::public_kept(line.wan, key.inside(), pin) else { return };
    let port = public.port.unwrap_or(key.inside_port());
    let ends = [(public.address, port), (key.remote(), key.remote_port())].map(SocketAddr::from);
    send(core, ctx, line, (pin.binding.via, key.remote()), |out| rst::challenge(out, ends, rcv_nxt));
}

/// The ends of a TCP segment, sender first, and what it says.
pub fn read(headers: &Headers, frame: &Frame<'_>) -> Option<([SocketAddr; 2], Segment)> {
    let Transport::Tcp { source, destination, .. } = headers.transport else { return None };
    let ends = [(headers.source, source), (headers.destination, destination)].map(SocketAddr::from);
    Segment::read(headers, frame.packet()).map(|segment| (ends, segment))
}

/// Nobody is asked where the remote, a host of the link, is: it was there just now, or has nothing to be told.
fn send(
    core: &Core,
    ctx: &mut Ctx<'_>,
    line: Line<'_>,
    (via, remote): (Via, IpAddr),
    write: impl FnOnce(&mut Vec<u8>) -> bool,
) {
    let (neighbors, family) = (&core.shared.neighbors, Family::of(remote));
    let mac = match via {
        Via::Gateway => neighbors.mac(line.id, family),
        Via::Direct => match neighbors.find(ctx.now, line.id, remote) {
            Some(Resolution::Known(mac)) => Some(mac),
            _ => None,
        },
    };
    let Some(mac) = mac.filter(|_| line.wan.can_send_to(remote)) else { return };
    if ctx.outbox.push(End::Wan(line.id), &neighbor::link_header(line.wan, mac, ethertype::of(family)), write) {
        core.counters.event(Event::RemoteReset);
    }
}
