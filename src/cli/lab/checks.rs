//! The claims of the lab and whether each held. Must never know: how anything was measured.

mod claim;
mod cuts;

use super::look::Look;
use super::scene::Scene;
use super::story::{Cut, Event, Story};
use crate::lab::Options;
use crate::lab::topology::{Line, public_addresses};
use crate::lab::traffic::{Kind, Protocol, Score, Tally};
use claim::{Check, check};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::IpAddr;

/// A datagram may be lost on a busy machine: one in so many that are begun.
const ONE_IN: u64 = 1000;

/// What came out.
#[derive(Debug, Serialize)]
pub struct Summary {
    ok: bool,
    seconds: u64,
    checks: Vec<Check>,
    cuts: Vec<Cut>,
    events: Vec<Event>,
    wans: Vec<crate::api::Wan>,
    seen: BTreeMap<IpAddr, u64>,
    checksum_errors: u64,
    drops: BTreeMap<String, BTreeMap<String, u64>>,
    ports: BTreeMap<String, u64>,
}

impl Summary {
    /// Judges the last look and what went before.
    pub fn judge(look: &Look, story: &Story, scene: &Scene<'_>, options: &Options) -> Self {
        let tally = scene.traffic.tally();
        let mut checks = vec![carried(look, "IPv4", 0), carried(look, "IPv6", 1)];
        checks.extend(outbound(tally));
        checks.push(inbound(tally, options));
        checks.push(shared(&story.calm, options.weights));
        checks.push(check(
            "every inside host has its own public address on each WAN, ports unchanged",
            tally.wrong() == 0,
            || tally.example().unwrap_or_default(),
        ));
        checks.push(check(
            "every flow keeps its public address, but where its line is cut",
            tally.moved() == 0,
            || tally.example().unwrap_or_else(|| format!("{} went on by another line", tally.carried_over())),
        ));
        checks.push(check(
            "no packet leaves a WAN with another WAN's source",
            look.strangers == 0 && look.frames.iter().zip(&look.status.wans).all(|(frames, _)| *frames > 0),
            || look.stranger.clone().unwrap_or_else(|| format!("{} frames seen", look.frames.iter().sum::<u64>())),
        ));
        checks.push(check("no checksum error in any receiver", look.checksum_errors == 0, || {
            format!("{} errors", look.checksum_errors)
        }));
        checks.extend(cuts::claims(story));
        Self {
            cuts: story.cuts.clone(),
            events: scene.events.clone(),
            ok: checks.iter().all(|check| check.ok),
            seconds: look.seconds,
            checks,
            wans: look.status.wans.clone(),
            seen: look.seen.iter().map(|(address, seen)| (*address, seen.flows)).collect(),
            checksum_errors: look.checksum_errors,
            drops: look.status.drops.clone(),
            ports: look.status.ports.clone(),
        }
    }

    /// Whether every claim held.
    pub fn passed(&self) -> bool {
        self.ok
    }

    /// One JSON object.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// For people; in colour on a terminal whose user has not said `NO_COLOR`.
    pub fn text(&self, terminal: bool) -> String {
        let colour = terminal && std::env::var_os("NO_COLOR").is_none();
        let mut text = String::new();
        for Check { claim, ok, detail } in &self.checks {
            let verdict = match (ok, colour) {
                (true, false) => "PASS",
                (false, false) => "FAIL",
                (true, true) => "\x1b[32mPASS\x1b[0m",
                (false, true) => "\x1b[31mFAIL\x1b[0m",
            };
            let _ = write!(text, "\n{verdict}  {claim}{}", pad(detail));
        }
        let failed = self.checks.iter().filter(|check| !check.ok).count();
        let _ = match failed {
            0 => write!(text, "\n\nAll {} claims held.", self.checks.len()),
            _ => write!(text, "\n\n{failed} of {} claims did not hold.", self.checks.len()),
        };
        text
    }
}

fn pad(detail: &str) -> String {
    if detail.is_empty() { String::new() } else { format!(": {detail}") }
}

/// Every WAN carried new flows of one family.
fn carried(look: &Look, family: &str, index: usize) -> Check {
    let flows: Vec<(String, u64)> =
        look.status.wans.iter().map(|wan| (wan.name.clone(), look.flows_from(&wan.name)[index])).collect();
    let ok = flows.len() > 1 && flows.iter().all(|(_, flows)| *flows > 0);
    check(&format!("every WAN carries {family}"), ok, || {
        flows.iter().map(|(name, flows)| format!("{name} {flows} flows")).collect::<Vec<_>>().join(", ")
    })
}

/// Everything that the firewall began came back.
fn outbound(tally: &Tally) -> Vec<Check> {
    let scores = tally.outbound();
    let judge = |protocol| {
        let name = match protocol {
            Protocol::Tcp => {
                "every TCP connection from inside returns its bytes, or is reset with the line that it was on"
            }
            Protocol::Udp => "UDP from inside is answered, but on a cut line until that is noticed",
            Protocol::Ping => "ping from inside is answered, but on a cut line until that is noticed",
        };
        let scores = [false, true].map(|v6| scores.get(&Kind { protocol, v6 }).cloned().unwrap_or_default());
        let [v4, v6] = &scores;
        check(name, scores.iter().all(|score| good(protocol, score)), || {
            format!("IPv4 {}, IPv6 {}", said(v4), said(v6))
        })
    };
    [Protocol::Tcp, Protocol::Udp, Protocol::Ping].map(judge).into()
}

/// Every public address answered the outside in every protocol.
fn inbound(tally: &Tally, options: &Options) -> Check {
    let scores = tally.inbound();
    let silent: Vec<String> = public_addresses(options)
        .iter()
        .filter(|public| public.wan != Line::Lte.name())
        .flat_map(|public| [Protocol::Tcp, Protocol::Udp, Protocol::Ping].map(|protocol| (public.address, protocol)))
        .filter_map(|(address, protocol)| {
            let score = scores.get(&(address, protocol)).cloned().unwrap_or_default();
            (!good(protocol, &score)).then(|| format!("{address} {protocol:?} {}", said(&score)))
        })
        .collect();
    let sum = |of: fn(&Score) -> u64| scores.values().map(of).sum::<u64>();
    let (done, caught) = (sum(|score| score.done), sum(|score| score.caught));
    check(
        "every public address of a line that is not cut answers TCP, UDP and ping from outside",
        silent.is_empty(),
        || {
            if silent.is_empty() {
                format!("{done} visits, {caught} to a line that was cut")
            } else {
                silent.join(", ")
            }
        },
    )
}

/// The fiber's share of the new flows is its weight's, within four standard deviations of so many coins.
fn shared(look: &Look, weights: [u32; 2]) -> Check {
    let [fiber, dsl] = ["fiber", "dsl"].map(|wan| look.flows_from(wan).iter().sum::<u64>());
    let [weight, other] = weights.map(f64::from);
    let (flows, share) = ((fiber + dsl) as f64, weight / (weight + other));
    let sigma = (flows * share * (1.0 - share)).sqrt();
    let off = (fiber as f64 - flows * share).abs();
    check("new flows are shared by weight", flows > 0.0 && off <= 4.0 * sigma, || {
        format!("{fiber} to {dsl}, {:.1} % where {:.1} % are due", 100.0 * fiber as f64 / flows.max(1.0), 100.0 * share)
    })
}

fn good(protocol: Protocol, score: &Score) -> bool {
    let lost = score.tried - score.done - score.caught;
    score.done > 0 && if protocol == Protocol::Tcp { lost == 0 } else { lost <= score.tried.div_ceil(ONE_IN) }
}

fn said(score: &Score) -> String {
    let why = score.last_failure.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
    let caught = if score.caught == 0 { String::new() } else { format!(", {} on a cut line", score.caught) };
    format!("{} of {}{caught}{why}", score.done, score.tried)
}
