//! Which packets may pass by their addresses, hops and size, whatever flow they belong to. Must never know: flows.

use super::told::{Halt, Stop, stops, together};
use super::way::Way;
use crate::model::net::{NOT_OURS, Net};
use crate::model::wire::Ip;
use flowpin::types::End;
use std::net::IpAddr;

/// Whether a packet from inside may pass by its addresses, and the WAN that owns the address it goes to.
pub fn may_leave(net: &Net, ip: &Ip) -> Result<Option<usize>, Stop> {
    stops(&[("foreign-source", !net.is_inside(ip.source))])?;
    let is_inside = net.is_inside(ip.destination);
    stops(&[("martian-destination", is_martian(ip.destination)), ("inside-to-inside", is_inside)])?;
    Ok(net.wans.iter().position(|wan| wan.owns(ip.destination)))
}

pub fn may_enter(net: &Net, ip: &Ip) -> Result<(), Stop> {
    let is_ours = net.is_inside(ip.source) || net.is_owned(ip.source);
    stops(&[("martian-source", is_martian(ip.source)), ("spoofed-source", is_ours)])
}

/// Whether a packet has the hops and the size for the way inside, where one hop more awaits it.
pub fn may_go_inside(net: &Net, ip: &Ip) -> Result<(), Stop> {
    together([stops(&[("ttl-expired", ip.hops < 3)]), fits(ip, net.inside_mtu)])
}

/// Whether a packet fits a link, or may be made to.
pub fn fits(ip: &Ip, mtu: u16) -> Result<(), Stop> {
    let fits = ip.len <= usize::from(mtu) || ip.may_fragment;
    if fits { Ok(()) } else { Err(Stop { mtu, ..Stop::from("too-big") }) }
}

/// Hairpin: to an own address and back inside, from the sender's address on that WAN (RFC 4787 REQ-9a).
pub fn way_round(net: &Net, wan: usize, ip: &Ip) -> Result<Way, Halt> {
    let link = &net.wans[wan];
    let (public, host) = (link.public(ip.source), link.inside(ip.destination).map_err(|_| "unmappable"));
    let [has_public, has_host] = [public, host].map(|address| address.map(drop).map_err(Stop::from));
    together([has_public, has_host, may_go_inside(net, ip)])?;
    Ok(Way { end: End::Inside, ends: [public?, host?], quoted: None, mtu: net.inside_mtu })
}

/// The inside host that a packet from a WAN is for.
pub fn receiver(net: &Net, wan: usize, ip: &Ip, to_group: bool) -> Result<IpAddr, Stop> {
    let link = &net.wans[wan];
    match link.inside(ip.destination) {
        Err(NOT_OURS) => Err("kernel".into()),
        _ if to_group => Err("wrong-mac".into()),
        Err(reason) => may_enter(net, ip).and(Err(Stop { silent: link.is_dead(ip.source), ..reason.into() })),
        Ok(_) if link.is_dead(ip.source) => Err("wan-down".into()),
        Ok(host) => Ok(host),
    }
}

fn is_martian(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => matches!(v4.octets(), [0 | 127 | 224.., ..] | [169, 254, ..]),
        IpAddr::V6(v6) => matches!(v6.segments(), [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0xfe80..=0xfebf | 0xff00.., ..]),
    }
}

/// Multicast that never leaves its link (RFC 5771 §4, RFC 4291 §2.7).
pub fn stays_on_its_link(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => matches!(v4.octets(), [224, 0, 0, _]),
        IpAddr::V6(v6) => matches!(v6.octets(), [0xff, scope, ..] if scope & 15 <= 2),
    }
}
