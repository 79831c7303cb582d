//! Reads `[wan.health]`: its probes, what becomes of the flows of a WAN that goes down, and what later versions bring.
//! Must never know: how a WAN is found to be down.

use super::probes;
use super::reader::{Faults, Item, Table};
use super::said::Health;
use crate::types::{Remedies, Remedy};
use toml::de::DeValue;

const TITLE: &str = "[wan.health]";

/// Keys that later versions bring.
const LATER: [&str; 8] = ["quorum", "fall", "rise", "max_loss", "max_latency", "hold", "on_soft_down", "on_up"];

const REMEDIES: [(&str, Remedy); 3] = [("drain", Remedy::Drain), ("reset", Remedy::Reset), ("move", Remedy::Move)];

/// `on_hard_down`, or its default; and its probes, if it is probed.
pub(super) fn health(item: &Item<'_>, faults: &mut Faults) -> (Remedies, Option<Health>) {
    let Some(mut table) = item.table(TITLE, faults) else { return (Remedies::default(), None) };
    let probes = probes::probes(&mut table, faults);
    let on_hard_down = table.take("on_hard_down").map(|item| remedies(&item, faults));
    table.refuse(&LATER, faults);
    table.finish(&LATER, faults);
    (on_hard_down.unwrap_or_default(), probes)
}

/// One word for all flows, or a table by protocol; `udp` stands for all but TCP.
fn remedies(item: &Item<'_>, faults: &mut Faults) -> Remedies {
    let default = Remedies::default();
    if !matches!(item.value, DeValue::Table(_)) {
        return item.word(&REMEDIES, faults).map_or(default, Remedies::all);
    }
    let Some(mut table) = item.table("`on_hard_down`", faults) else { return default };
    let mut read = |key, default| remedy(&mut table, key, faults).unwrap_or(default);
    let remedies = Remedies { tcp: read("tcp", default.tcp), udp: read("udp", default.udp) };
    table.finish(&[], faults);
    remedies
}

fn remedy(table: &mut Table<'_>, key: &'static str, faults: &mut Faults) -> Option<Remedy> {
    table.take(key)?.word(&REMEDIES, faults)
}
