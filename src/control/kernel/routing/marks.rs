//! The numbers by which flowpin's rules and routes are recognised, and stand in their order.
//! Must never know: which rules and routes there are.

use crate::control::netlink::Family;

/// `rtm_protocol` and `FRA_PROTOCOL` of everything flowpin makes. Not in iproute2's list of known programs.
pub const PROTOCOL: u8 = 0x66;
/// The table that sends what arrives on the firewall's link into the TUN.
pub const TABLE: u32 = 5250;
/// Priority of `iif <downstream> to <local network> lookup main`: for each network of the machine that inside hosts reach.
pub const PRIORITY_LOCAL: u32 = 59;
/// Priority of `iif <tun> lookup main`: no rule of the machine leads astray what flowpin delivers inside.
pub const PRIORITY_INSIDE: u32 = 60;
/// Priority of `iif <downstream> lookup TABLE`. Before both stands `lookup local`: the router's own addresses stay with
/// the kernel.
pub const PRIORITY_OUTSIDE: u32 = 61;

/// Behind the route into the TUN: without a TUN, after a crash, packets are refused instead of leaving untranslated.
pub(super) const METRIC_LAST: u32 = u32::MAX;

/// What the kernel gives a route that names no metric (`IP6_RT_PRIO_USER`, net/ipv6.h).
pub(super) fn default_metric(family: Family) -> u32 {
    if family == Family::V4 { 0 } else { 1024 }
}
