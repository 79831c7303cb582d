//! Reads the sections that are not a WAN: what keys each has, their defaults and their ranges.
//! Must never know: what contradicts what (check.rs), what a text means (values.rs).

use super::raw::{Downstream, RawConfig};
use super::reader::{Faults, Item, Spanned, Table};
use super::values;
use super::wan;
use crate::config::diagnostics::{Code, Span, quote};
use crate::config::settings::{Control, Limits, Log, OnStop, Workers};
use crate::types::{Balance, Timeouts};
use ipnet::IpNet;
use std::path::PathBuf;
use toml::de::DeTable;

/// The head of the file: where what is missing altogether is reported.
const HEAD: Span = Span { start: 0, end: 0 };

/// Reads the whole document.
pub(super) fn document(root: &DeTable<'_>, faults: &mut Faults) -> RawConfig {
    const LATER: [&str; 2] = ["policy", "host"];
    let mut root = Table::new("the file", HEAD, root);
    let downstream = downstream(&mut root, faults);
    let wans = wan::wans(&mut root, faults);
    let (balance, last_resort, traffic_evidence) =
        section(&mut root, "default", "[default]", faults, default).unwrap_or_default();
    let (limits, martians) = section(&mut root, "limits", "[limits]", faults, limits).unwrap_or_else(default_limits);
    let timeouts = section(&mut root, "timeouts", "[timeouts]", faults, timeouts).unwrap_or_default();
    let workers = section(&mut root, "workers", "[workers]", faults, workers).unwrap_or_default();
    let control = section(&mut root, "control", "[control]", faults, control).unwrap_or_default();
    let log = section(&mut root, "log", "[log]", faults, log).unwrap_or_default();
    let hooks = section(&mut root, "hooks", "[hooks]", faults, hooks).unwrap_or_default();
    root.refuse(&LATER, faults);
    root.finish(&LATER, faults);
    RawConfig {
        downstream,
        wans,
        balance,
        last_resort,
        traffic_evidence,
        limits,
        martians,
        timeouts,
        workers,
        control,
        log,
        hooks,
    }
}

fn section<'d, T>(
    root: &mut Table<'d>,
    key: &'static str,
    title: &str,
    faults: &mut Faults,
    read: impl Fn(Table<'d>, &mut Faults) -> T,
) -> Option<T> {
    let table = root.take(key)?.table(title, faults)?;
    Some(read(table, faults))
}

const ON_STOP: [(&str, OnStop); 2] = [("shut", OnStop::Shut), ("open", OnStop::Open)];

fn downstream(root: &mut Table<'_>, faults: &mut Faults) -> Downstream {
    let Some(item) = root.take("downstream") else {
        let suggestion = "add [downstream] with `prefixes`, the addresses of the firewall's side";
        faults.add(Code::Missing, HEAD, "the file has no [downstream]", suggestion);
        return Downstream::default();
    };
    let Some(mut table) = item.table("[downstream]", faults) else { return Downstream::default() };
    let interface = table.take("interface");
    let tun = table.take("tun").and_then(|item| item.parse(values::new_link_name, faults));
    let mtu = table.take("mtu").and_then(|item| item.number16(values::MTUS, faults));
    let addresses = table.take("addresses").map(|item| item.parse_list(values::link_address, faults).0);
    let prefixes = table.require("prefixes", "[\"10.250.250.0/29\"]", faults);
    let (prefixes, prefixes_known) = prefixes.map(|item| inside_prefixes(&item, faults)).unwrap_or_default();
    let next_hop4 = table.take("next_hop4").and_then(|item| item.parse(values::address4, faults));
    let next_hop6 = table.take("next_hop6").and_then(|item| item.parse(values::address6, faults));
    let local = table.take("local");
    let connected = local.as_ref().is_some_and(|item| item.is_word("connected"));
    let on_stop = table.take("on_stop").and_then(|item| item.word(&ON_STOP, faults));
    table.finish(&[], faults);
    Downstream {
        has_interface: interface.is_some(),
        interface: interface.and_then(|item| item.parse(values::link_name, faults)),
        tun,
        mtu,
        addresses: addresses.unwrap_or_default(),
        prefixes,
        prefixes_known,
        local_at: local.as_ref().map(|item| item.at),
        local: local.filter(|_| !connected).map(|item| prefix_list(&item, faults)).unwrap_or_default(),
        connected,
        on_stop: on_stop.unwrap_or_default(),
        next_hop4,
        next_hop6,
    }
}

fn inside_prefixes(item: &Item<'_>, faults: &mut Faults) -> (Vec<Spanned<IpNet>>, bool) {
    let (prefixes, complete) = item.parse_list(values::prefix, faults);
    let prefixes: Vec<_> = prefixes.into_iter().map(|prefix| values::network(prefix, faults)).collect();
    if complete && prefixes.is_empty() {
        let suggestion = "name the inside sources, such as \"10.250.250.0/29\"; any other source is refused";
        faults.add(Code::BadValue, item.at, "`prefixes` is empty, so nothing could pass", suggestion);
        return (prefixes, false);
    }
    (prefixes, complete)
}

/// `balance`, `last_resort` and `traffic_evidence`.
fn default(mut table: Table<'_>, faults: &mut Faults) -> (Balance, bool, Option<bool>) {
    const WORDS: [(&str, Balance); 4] = [
        ("endpoint", Balance::Endpoint),
        ("site", Balance::Site),
        ("source", Balance::Source),
        ("flow", Balance::Flow),
    ];
    let balance = table.take("balance").and_then(|item| item.word(&WORDS, faults));
    let last_resort = table.take("last_resort").and_then(|item| item.truth(faults));
    let traffic_evidence = table.take("traffic_evidence").and_then(|item| item.truth(faults));
    table.finish(&[], faults);
    (balance.unwrap_or_default(), last_resort.unwrap_or_default(), traffic_evidence)
}

fn default_limits() -> (Limits, Vec<Spanned<IpNet>>) {
    (Limits { martians: None, flows: 1_000_000, flows_per_source: 50_000, icmp_errors: 1000 }, Vec::new())
}

fn limits(mut table: Table<'_>, faults: &mut Faults) -> (Limits, Vec<Spanned<IpNet>>) {
    const MOST_FLOWS: u64 = 16 << 20;
    const MOST_ERRORS: u64 = 1_000_000;
    let (mut limits, mut martians) = default_limits();
    if let Some(item) = table.take("martians").filter(|item| !item.is_word("default")) {
        martians = prefix_list(&item, faults);
        limits.martians = Some(martians.iter().map(|prefix| prefix.value).collect());
    }
    if let Some(flows) = table.take("flows").and_then(|item| item.number(1..=MOST_FLOWS, faults)) {
        limits.flows = usize::try_from(flows.value).unwrap_or(limits.flows);
    }
    if let Some(flows) = table.take("flows_per_source").and_then(|item| item.number(1..=MOST_FLOWS, faults)) {
        limits.flows_per_source = usize::try_from(flows.value).unwrap_or(limits.flows_per_source);
    }
    if let Some(errors) = table.take("icmp_errors").and_then(|item| item.number(0..=MOST_ERRORS, faults)) {
        limits.icmp_errors = u32::try_from(errors.value).unwrap_or(limits.icmp_errors);
    }
    table.finish(&[], faults);
    (limits, martians)
}

fn prefix_list(item: &Item<'_>, faults: &mut Faults) -> Vec<Spanned<IpNet>> {
    if let toml::de::DeValue::String(text) = item.value {
        let message = format!("`martians` cannot be {}", quote(text));
        faults.add(Code::BadValue, item.at, message, "write \"default\" or a list of prefixes");
        return Vec::new();
    }
    let (prefixes, _) = item.parse_list(values::any_prefix, faults);
    prefixes.into_iter().map(|prefix| values::network(prefix, faults)).collect()
}

fn timeouts(mut table: Table<'_>, faults: &mut Faults) -> Timeouts {
    let default = Timeouts::default();
    let mut read = |key, default| table.take(key).and_then(|item| seconds(&item, faults)).unwrap_or(default);
    let timeouts = Timeouts {
        tcp_established: read("tcp_established", default.tcp_established),
        tcp_opening: read("tcp_opening", default.tcp_opening),
        tcp_closing: read("tcp_closing", default.tcp_closing),
        udp: read("udp", default.udp),
        icmp: read("icmp", default.icmp),
        other: read("other", default.other),
        unanswered: read("unanswered", default.unanswered),
    };
    table.finish(&[], faults);
    timeouts
}

fn seconds(item: &Item<'_>, faults: &mut Faults) -> Option<u32> {
    match item.value {
        toml::de::DeValue::String(_) => Some(item.parse(values::duration, faults)?.value),
        _ => {
            let what = "a time such as \"2h4m\", or a number of seconds";
            u32::try_from(item.number_or(what, 1..=values::LONGEST_TIME, faults)?.value).ok()
        }
    }
}

fn workers(mut table: Table<'_>, faults: &mut Faults) -> Workers {
    const MOST_THREADS: u64 = 64;
    let threads = table.take("threads").filter(|item| !item.is_word("auto"));
    let threads = threads.and_then(|item| item.number_or("\"auto\" or a number", 1..=MOST_THREADS, faults));
    let seed = table.take("seed").and_then(|item| item.number(0..=u64::MAX, faults));
    table.finish(&[], faults);
    Workers {
        threads: threads.and_then(|threads| usize::try_from(threads.value).ok()),
        seed: seed.map_or(0, |seed| seed.value),
    }
}

fn control(mut table: Table<'_>, faults: &mut Faults) -> Control {
    const LATER: [&str; 1] = ["metrics"];
    let socket: Option<Spanned<PathBuf>> =
        table.take("socket").and_then(|item| item.parse(values::socket_path, faults));
    let group = table.take("group").and_then(|item| item.parse(values::group, faults));
    table.refuse(&LATER, faults);
    table.finish(&LATER, faults);
    let default = Control::default();
    Control { socket: socket.map_or(default.socket, |socket| socket.value), group: group.map(|group| group.value) }
}

fn log(mut table: Table<'_>, faults: &mut Faults) -> Log {
    const FORMATS: [(&str, bool); 2] = [("text", false), ("json", true)];
    const LEVELS: [(&str, &str); 5] =
        [("error", "error"), ("warn", "warn"), ("info", "info"), ("debug", "debug"), ("trace", "trace")];
    let json = table.take("format").and_then(|item| item.word(&FORMATS, faults));
    let level = table.take("level").and_then(|item| item.word(&LEVELS, faults));
    table.finish(&[], faults);
    let default = Log::default();
    Log { json: json.unwrap_or(default.json), level: level.map_or(default.level, str::to_owned) }
}

/// `on_event`: a program and its arguments.
fn hooks(mut table: Table<'_>, faults: &mut Faults) -> Vec<String> {
    let command = table.take("on_event").map(|item| item.parse_list(|text| Ok(text.to_owned()), faults).0);
    table.finish(&[], faults);
    let command = command.unwrap_or_default();
    if let Some(program) = command.first().filter(|program| !program.value.starts_with('/')) {
        let message = format!("{} is no absolute path", quote(&program.value));
        faults.add(
            Code::BadValue,
            program.at,
            message,
            "write where the program is, such as \"/etc/flowpin/on-event\"",
        );
    }
    command.into_iter().map(|word| word.value).collect()
}
