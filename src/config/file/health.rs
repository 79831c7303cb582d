//! Reads the table `[wan.health]`, all its keys: `probes`, `interval` and `timeout` by `probes`; `quorum`, `fall`, `rise`,
//! `max_loss`, `max_latency` and `hold` by `thresholds`; `on_soft_down`, `silence`, `on_hard_down` and `on_up` here.
//! Must never know: how a WAN is found to be down (health/judge.rs).

use super::raw::Wan;
use super::reader::{Faults, Item, Table, Wrong};
use super::{probes, thresholds, values};
use crate::types::{OnUp, Remedies, Remedy};
use std::ops::RangeInclusive;
use toml::de::DeValue;

const TITLE: &str = "[wan.health]";

const REMEDIES: [(&str, Remedy); 3] = [("drain", Remedy::Drain), ("reset", Remedy::Reset), ("move", Remedy::Move)];

/// All that the table says of a WAN.
pub(super) fn health(item: &Item<'_>, wan: &mut Wan, faults: &mut Faults) {
    let Some(mut table) = item.table(TITLE, faults) else { return };
    wan.health = probes::probes(&mut table, faults);
    wan.thresholds = thresholds::thresholds(&mut table, faults);
    wan.on_soft_down = remedies(&mut table, "on_soft_down", wan.on_soft_down, faults);
    wan.on_hard_down = remedies(&mut table, "on_hard_down", wan.on_hard_down, faults);
    wan.silence = silence(&mut table, wan.silence, faults);
    wan.on_up = on_up(&mut table, faults);
    table.finish(&[], faults);
}

/// Milliseconds that a flow may be given to get an answer; less than a long round trip would be no evidence.
const SILENCES: RangeInclusive<u32> = 500..=3_600_000;

/// A time, or "off".
fn silence(table: &mut Table<'_>, default: Option<u32>, faults: &mut Faults) -> Option<u32> {
    let Some(item) = table.take("silence") else { return default };
    if item.is_word("off") {
        return None;
    }
    let advice = || "write a time from \"500ms\" to \"1h\", or \"off\"".to_owned();
    let read = |text: &str| {
        let millis = values::milliseconds(text).map_err(|wrong| Wrong { suggestion: advice(), ..wrong })?;
        let fits = u32::try_from(millis).ok().filter(|millis| SILENCES.contains(millis));
        fits.ok_or_else(|| Wrong::new(format!("`silence` cannot be {millis} ms"), advice()))
    };
    item.parse(read, faults).map(|said| said.value)
}

/// Milliseconds that flows may be given to end by themselves.
const DRAINS: (u32, u32) = (1000, 86_400_000);
const RECALLS: [(&str, Remedy); 3] = [("keep", Remedy::Drain), ("reset", Remedy::Reset), ("move", Remedy::Move)];

/// One word for all flows, or a table by protocol, and by when. After the time to drain they are reset or move, as if
/// their WAN were gone, if nothing else is said; without one they stay.
fn on_up(table: &mut Table<'_>, faults: &mut Faults) -> OnUp {
    let mut meant = OnUp::default();
    let Some(item) = table.take("on_up") else { return meant };
    if !matches!(item.value, DeValue::Table(_)) {
        let remedies = item.word(&RECALLS, faults).map_or(meant.remedies, Remedies::all);
        return OnUp { remedies, ..meant };
    }
    let Some(mut table) = item.table("`on_up`", faults) else { return meant };
    let mut read = |key| table.take(key).and_then(|item| item.word(&RECALLS, faults));
    let [tcp, udp] = ["tcp", "udp"].map(&mut read);
    if let Some(drain) = table.take("drain").and_then(|item| probes::milliseconds(&item, DRAINS, faults)) {
        meant = OnUp { remedies: Remedies::default(), after: drain.value };
    }
    table.finish(&[], faults);
    let Remedies { tcp: default_tcp, udp: default_udp } = meant.remedies;
    OnUp { remedies: Remedies { tcp: tcp.unwrap_or(default_tcp), udp: udp.unwrap_or(default_udp) }, ..meant }
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
