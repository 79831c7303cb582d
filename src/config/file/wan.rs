//! Reads `[[wan]]` with its tables of mappings: keys, defaults and ranges.
//! Must never know: what contradicts what (check.rs), what a text means (values.rs).

use super::health;
use super::masquerade;
use super::raw::{Health, Nptv6, Wan};
use super::reader::{Faults, Item, Spanned, Table, Wrong};
use super::values;
use crate::config::diagnostics::{Code, Fault, Span, quote};
use crate::config::settings::{DEFAULT_SILENCE, External6, Mtu, OnLink, Thresholds};
use crate::types::{NptMode, OnUp, Remedies, Remedy};
use ipnet::{IpNet, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr};
use toml::de::DeValue;

const TITLE: &str = "[[wan]]";

const ON_LINK: [(&str, OnLink); 2] = [("direct", OnLink::Direct), ("gateway", OnLink::Gateway)];

/// Every `[[wan]]`, in the order of the file.
pub(super) fn wans(root: &mut Table<'_>, faults: &mut Faults) -> Vec<Wan> {
    let Some(item) = root.take("wan") else {
        let suggestion = "add [[wan]] with its `interface` and mappings";
        faults.add(Code::Missing, root.at, "the file has no [[wan]]", suggestion);
        return Vec::new();
    };
    let items = match item.value {
        DeValue::Table(_) => {
            faults.add(
                Code::WrongType,
                item.at,
                "a WAN is one of a list",
                "write its header with two brackets: [[wan]]",
            );
            vec![item]
        }
        DeValue::Array(values) if values.is_empty() => {
            faults.add(
                Code::Missing,
                item.at,
                "the list of WANs is empty",
                "add [[wan]] with its `interface` and mappings",
            );
            Vec::new()
        }
        _ => item.list(faults).unwrap_or_default(),
    };
    items.iter().filter_map(|item| Some(wan(item.table(TITLE, faults)?, faults))).collect()
}

fn wan(mut table: Table<'_>, faults: &mut Faults) -> Wan {
    let name = table.take("name");
    let interface = table.require("interface", "\"wan0\"", faults);
    let interface = interface.and_then(|item| item.parse(values::link_name, faults));
    let vlan = table.take("vlan").and_then(|item| item.number16(1..=4094, faults));
    let name = match name {
        Some(item) => item.parse(values::wan_name, faults),
        None => default_name(interface.as_ref(), vlan.as_ref(), faults),
    };
    let weight = table.take("weight").and_then(|item| weight(&item, faults));
    let tier = table.take("tier").and_then(|item| item.number(0..=255, faults));
    let mtu =
        table.take("mtu").and_then(|item| wan_mtu(&item, faults)).unwrap_or(Spanned { value: Mtu::Auto, at: table.at });
    let mtu_targets = table.take("mtu_targets").map(|item| item.parse_list(values::address, faults).0);
    let gateway4 = table.take("gateway4").filter(|item| !item.is_word("auto"));
    let gateway6 = table.take("gateway6").filter(|item| !item.is_word("auto"));
    let gateway_macs =
        ["gateway_mac4", "gateway_mac6"].map(|key| table.take(key).and_then(|item| item.parse(values::mac, faults)));
    let on_link = table.take("onlink").and_then(|item| item.word(&ON_LINK, faults)).unwrap_or_default();
    let sources = [
        table.take("source4").and_then(|item| item.parse(|text| values::address4(text).map(IpAddr::V4), faults)),
        table.take("source6").and_then(|item| item.parse(|text| values::routable6(text).map(IpAddr::V6), faults)),
    ];
    let mut wan = Wan {
        at: table.at,
        name,
        interface,
        vlan,
        weight: weight.unwrap_or(1),
        tier: tier.and_then(|tier| u8::try_from(tier.value).ok()).unwrap_or(1),
        mtu,
        mtu_targets: mtu_targets.unwrap_or_default(),
        gateway4: gateway4.and_then(|item| item.parse(|text| or_auto(values::address4(text)), faults)),
        gateway6: gateway6.and_then(|item| item.parse(|text| or_auto(values::address6(text)), faults)),
        gateway_macs,
        on_link,
        sources,
        nat44: Vec::new(),
        nat44_interface: Vec::new(),
        masquerade: None,
        nptv6: None,
        inbound6: Vec::new(),
        thresholds: Thresholds::default(),
        on_soft_down: Remedies::all(Remedy::Drain),
        on_hard_down: Remedies::default(),
        silence: DEFAULT_SILENCE,
        on_up: OnUp::default(),
        translates: false,
        health: Health::default(),
    };
    if let Some(item) = table.take("health") {
        health::health(&item, &mut wan, faults);
    }
    translations(&mut table, &mut wan, faults);
    table.finish(&[], faults);
    wan
}

/// The advice for a value that may also be left to flowpin.
fn or_auto<T>(read: Result<T, Wrong>) -> Result<T, Wrong> {
    read.map_err(|wrong| Wrong { suggestion: format!("{}, or \"auto\"", wrong.suggestion), ..wrong })
}

fn translations(table: &mut Table<'_>, wan: &mut Wan, faults: &mut Faults) {
    if let Some(item) = table.take("nat44") {
        let public = |item: &Item<'_>, faults: &mut Faults| item.parse(values::external4, faults);
        let pairs = mappings(&item, "[wan.nat44]", values::address4, public, faults);
        wan.translates |= pairs.as_ref().is_none_or(|pairs| !pairs.is_empty());
        maps4(pairs.unwrap_or_default().into_iter(), wan);
    }
    if let Some(item) = table.take("inbound4") {
        let inside = |item: &Item<'_>, faults: &mut Faults| item.parse(values::address4, faults);
        let pairs = mappings(&item, "[wan.inbound4]", values::external4, inside, faults);
        wan.translates |= pairs.as_ref().is_none_or(|pairs| !pairs.is_empty());
        maps4(pairs.unwrap_or_default().into_iter().map(|(public, inside)| (inside, public)), wan);
    }
    if let Some(item) = table.take("masquerade") {
        wan.translates = true;
        wan.masquerade = item.table(masquerade::TITLE, faults).map(|table| masquerade::read(table, faults));
    }
    if let Some(item) = table.take("nptv6") {
        wan.translates = true;
        wan.nptv6 = item.table("[wan.nptv6]", faults).map(|table| nptv6(table, faults));
    }
    if let Some(item) = table.take("inbound6") {
        let inside = |item: &Item<'_>, faults: &mut Faults| item.parse(values::routable6, faults);
        let pairs = mappings(&item, "[wan.inbound6]", values::external6, inside, faults);
        wan.translates |= pairs.as_ref().is_none_or(|pairs| !pairs.is_empty());
        let pairs = pairs.unwrap_or_default().into_iter();
        wan.inbound6 =
            pairs.filter_map(|(external, inside)| Some((behind(external, &wan.nptv6, faults)?, inside))).collect();
    }
}

/// Pairs of inside and public addresses, whichever of them was said first.
fn maps4(pairs: impl Iterator<Item = (Spanned<Ipv4Addr>, Spanned<Option<Ipv4Addr>>)>, wan: &mut Wan) {
    for (inside, Spanned { value, at }) in pairs {
        match value {
            Some(value) => wan.nat44.push((inside, Spanned { value, at })),
            None => wan.nat44_interface.push(inside),
        }
    }
}

/// What is said relative to a prefix that the configuration names is an address of it.
fn behind(external: Spanned<External6>, npt: &Option<Nptv6>, faults: &mut Faults) -> Option<Spanned<External6>> {
    let External6::Behind(bits) = external.value else { return Some(external) };
    let Some(npt) = npt else {
        let message = format!("`{bits}` is relative to the prefix of the line, and this WAN has no [wan.nptv6]");
        faults.add(Code::Missing, external.at, message, "write the whole address, or add [wan.nptv6]");
        return None;
    };
    let prefix = npt.outside.as_ref().or(npt.inside.as_ref())?;
    let Some(address) = External6::behind(prefix.value, bits) else {
        let message = format!("`{bits}` does not fit behind `{}`", prefix.value);
        let fault = Fault::new(Code::BadValue, external.at, message, "leave the bits of the prefix out");
        faults.found.push(fault.against(prefix.at, "said here"));
        return None;
    };
    let value = if npt.outside.is_some() { External6::Fixed(address) } else { external.value };
    Some(Spanned { value, at: external.at })
}

/// A WAN without a name is called as its link.
fn default_name(
    interface: Option<&Spanned<String>>,
    vlan: Option<&Spanned<u16>>,
    faults: &mut Faults,
) -> Option<Spanned<String>> {
    let interface = interface?;
    let name = vlan.map_or_else(|| interface.value.clone(), |vlan| format!("{}.{}", interface.value, vlan.value));
    if values::wan_name(&name).is_err() {
        let message = format!("{} cannot serve as the WAN's name", quote(&name));
        faults.add(Code::Missing, interface.at, message, "add a name such as `name = \"fiber\"`");
        return None;
    }
    Some(Spanned { value: name, at: interface.at })
}

fn weight(item: &Item<'_>, faults: &mut Faults) -> Option<u32> {
    if matches!(item.value, DeValue::Integer(number) if number.as_str() == "0") {
        let suggestion = "write 1 or more; to keep a WAN as a reserve give it a higher `tier`";
        faults.add(Code::BadValue, item.at, "with `weight` 0 this WAN would never get a flow", suggestion);
        return None;
    }
    u32::try_from(item.number(1..=u64::from(u32::MAX), faults)?.value).ok()
}

fn wan_mtu(item: &Item<'_>, faults: &mut Faults) -> Option<Spanned<Mtu>> {
    match item.value {
        DeValue::String(text) if text == "auto" => None,
        DeValue::String(text) if text == "probe" => Some(Spanned { value: Mtu::Probe, at: item.at }),
        DeValue::String(text) => {
            let message = format!("`mtu` cannot be {}", quote(text));
            let suggestion = "write \"auto\", \"probe\" or a number of bytes without quotes";
            faults.add(Code::BadValue, item.at, message, suggestion);
            None
        }
        _ => item.number16(values::MTUS, faults).map(|mtu| Spanned { value: Mtu::Bytes(mtu.value), at: mtu.at }),
    }
}

fn nptv6(mut table: Table<'_>, faults: &mut Faults) -> Nptv6 {
    const MODES: [(&str, NptMode); 2] = [("prefix", NptMode::Prefix), ("rfc6296", NptMode::Rfc6296)];
    let inside = table.require("inside", "\"fd00:bad:b01::/60\"", faults);
    let outside = table.require("outside", "\"2001:db8:a:c80::/60\"", faults);
    let mode = table.take("mode").and_then(|item| item.word(&MODES, faults));
    table.finish(&[], faults);
    let outside = outside.filter(|item| !item.is_word("auto"));
    Nptv6 {
        inside: inside.and_then(|item| prefix6(&item, values::prefix6, faults)),
        outside: outside.and_then(|item| prefix6(&item, |text| or_auto(values::prefix6(text)), faults)),
        mode: mode.unwrap_or(NptMode::Prefix),
    }
}

fn prefix6(
    item: &Item<'_>,
    meaning: impl Fn(&str) -> Result<Ipv6Net, Wrong>,
    faults: &mut Faults,
) -> Option<Spanned<Ipv6Net>> {
    let said = item.parse(meaning, faults)?;
    let network = values::network(Spanned { value: said.value.into(), at: said.at }, faults);
    match network.value {
        IpNet::V6(value) => Some(Spanned { value, at: said.at }),
        IpNet::V4(_) => None,
    }
}

/// The pairs of a table whose keys are addresses. `None` if any of them was wrong and nothing is left.
fn mappings<K, V>(
    item: &Item<'_>,
    title: &str,
    key_meaning: impl Fn(&str) -> Result<K, Wrong>,
    value_meaning: impl Fn(&Item<'_>, &mut Faults) -> Option<Spanned<V>>,
    faults: &mut Faults,
) -> Option<Vec<(Spanned<K>, Spanned<V>)>> {
    let entries = item.table(title, faults)?.entries();
    let mut pairs = Vec::with_capacity(entries.len());
    for (key, value) in &entries {
        if let DeValue::Table(_) = value.value {
            let (dotted, at) = dotted_key(key, value);
            let message = format!("{title} maps addresses, and {} is not in quotes", quote(&dotted));
            faults.add(Code::WrongType, at, message, format!("write \"{dotted}\" = \"...\""));
            continue;
        }
        let read_key =
            key_meaning(key.value).map_err(|wrong| faults.add(Code::BadValue, key.at, wrong.message, wrong.suggestion));
        let read_value = value_meaning(value, faults);
        pairs.extend(
            read_key.ok().zip(read_value).map(|(key_value, value)| (Spanned { value: key_value, at: key.at }, value)),
        );
    }
    (!pairs.is_empty() || entries.is_empty()).then_some(pairs)
}

/// TOML reads an address without quotes as tables inside tables; this is what it was, and its place.
fn dotted_key(key: &Spanned<&str>, value: &Item<'_>) -> (String, Span) {
    let (mut dotted, mut at, mut value) = (key.value.to_owned(), key.at, value.value);
    while let DeValue::Table(table) = value
        && let Some((key, behind)) = table.iter().next()
    {
        dotted.push('.');
        dotted.push_str(key.get_ref());
        at.end = at.end.max(key.span().end);
        value = behind.get_ref();
    }
    (dotted, at)
}
