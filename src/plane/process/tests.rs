//! The whole life of a packet, on two small WANs, by subject.

mod companions;
mod errors;
mod masquerade;
mod on_link;
mod pins;
mod point_to_point;
mod properties;
mod queue;
mod refused;
mod strangers;
mod unpinned;
mod ways;

use crate::plane::counters::Event;
use crate::plane::packet::headers::Transport;
use crate::plane::packet::numbers::protocol;
use crate::plane::packet::parse::parse;
use crate::plane::packet::sample::{fix_ip, fix_transport, icmp, ip, is_right, packet, tcp, udp};
use crate::plane::policy::Policy;
use crate::plane::sample::{A, B, GATEWAY, OWN, Rig, SERVER, SERVER6, hosts, policy, port_for};
use crate::plane::translate::nat44::Nat44Map;
use crate::plane::verdict::{DropReason, Verdict};
use crate::plane::{Plane, Shared};
use crate::types::{Direction, End, Family, Offload, Standing, Tick, WanId};
use proptest::prelude::*;
use std::sync::Arc;
