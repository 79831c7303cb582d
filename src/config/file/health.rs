//! Reads `[wan.health]`: its probes, what it is judged by, what becomes of the flows of a WAN that goes down, and what
//! later versions bring. Must never know: how a WAN is found to be down.

use super::reader::{Faults, Item, Table};
use super::said::Wan;
use super::{judgement, probes};
use crate::types::{Remedies, Remedy};
use toml::de::DeValue;

const TITLE: &str = "[wan.health]";

/// Keys that later versions bring.
const LATER: [&str; 1] = ["on_up"];

const REMEDIES: [(&str, Remedy); 3] = [("drain", Remedy::Drain), ("reset", Remedy::Reset), ("move", Remedy::Move)];

/// All that the table says of a WAN.
pub(super) fn health(item: &Item<'_>, wan: &mut Wan, faults: &mut Faults) {
    let Some(mut table) = item.table(TITLE, faults) else { return };
    wan.health = probes::probes(&mut table, faults);
    wan.judgement = judgement::judgement(&mut table, faults);
    wan.on_soft_down = remedies(&mut table, "on_soft_down", wan.on_soft_down, faults);
    wan.on_hard_down = remedies(&mut table, "on_hard_down", wan.on_hard_down, faults);
    table.refuse(&LATER, faults);
    table.finish(&LATER, faults);
}

/// One word for all flows, or a table by protocol; `udp` stands for all but TCP.
fn remedies(table: &mut Table<'_>, key: &'static str, default: Remedies, faults: &mut Faults) -> Remedies {
    let Some(item) = table.take(key) else { return default };
    if !matches!(item.value, DeValue::Table(_)) {
        return item.word(&REMEDIES, faults).map_or(default, Remedies::all);
    }
    let Some(mut table) = item.table(&format!("`{key}`"), faults) else { return default };
    let mut read = |key, default| remedy(&mut table, key, faults).unwrap_or(default);
    let remedies = Remedies { tcp: read("tcp", default.tcp), udp: read("udp", default.udp) };
    table.finish(&[], faults);
    remedies
}

fn remedy(table: &mut Table<'_>, key: &'static str, faults: &mut Faults) -> Option<Remedy> {
    table.take(key)?.word(&REMEDIES, faults)
}
