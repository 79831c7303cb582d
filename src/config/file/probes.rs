//! Reads `probes`, `interval` and `timeout` of `[wan.health]`: whom is asked and what, how often, and what contradicts that.
//! Must never know: what comes of the answers.

use super::inside::inside_of;
use super::owners::Owners;
use super::raw::{Health, RawConfig, Wan};
use super::reader::{Faults, Item, Spanned, Table, Wrong};
use super::values;
use crate::config::diagnostics::{Code, Fault, Span, quote};
use crate::config::settings::{self, HealthProbe, ProbeKind, ProbeTarget};
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use toml::de::DeValue;

/// Reads a probe of one kind: the value of the kind's key, then the keys that belong to the kind.
type Read = fn(&Item<'_>, &mut Table<'_>, &mut Faults) -> Option<(ProbeTarget, ProbeKind)>;

/// Kinds of probes, each with the reader of what it asks.
const KINDS: [(&str, Read); 7] =
    [("icmp", icmp), ("tcp", tcp), ("http", page), ("tls", tls), ("dns", dns), ("ntp", ntp), ("neighbor", neighbor)];

/// Types of records that a name server may be asked for (RFC 1035 §3.2.2, RFC 3596, RFC 2782).
const RECORDS: [(&str, u16); 8] =
    [("A", 1), ("AAAA", 28), ("CNAME", 5), ("MX", 15), ("NS", 2), ("SOA", 6), ("SRV", 33), ("TXT", 16)];

/// Probes of one WAN at the most: each may count for both families.
const MOST: usize = 64;

/// Milliseconds: the shortest and the longest that may be set.
const INTERVALS: (u32, u32) = (50, 3_600_000);
const TIMEOUTS: (u32, u32) = (10, 3_600_000);
/// Of HTTP (RFC 9110 §15).
const STATUSES: RangeInclusive<u16> = 100..=599;

/// `probes`, `interval` and `timeout`.
pub(super) fn probes(table: &mut Table<'_>, faults: &mut Faults) -> Health {
    let items = table.take("probes").and_then(|item| item.list(faults)).unwrap_or_default();
    let [interval, timeout] = ["interval", "timeout"].map(|key| table.take(key));
    let probes = items.iter().filter_map(|item| probe(item, faults)).collect();
    let interval = interval.and_then(|item| milliseconds(&item, INTERVALS, faults));
    let timeout = timeout.and_then(|item| milliseconds(&item, TIMEOUTS, faults));
    let default = settings::Health::default();
    let every = interval.as_ref().map_or(default.interval, |interval| interval.value);
    if let Some(timeout) = timeout.as_ref().filter(|timeout| timeout.value > every) {
        let message = format!("a `timeout` of {} ms is longer than the `interval` of {every} ms", timeout.value);
        faults.add(Code::Conflict, timeout.at, message, "write the time of one `interval` or less");
    }
    // A question that follows at once one that nobody answered comes sooner than at the interval.
    let timeout = timeout.map_or(default.timeout.min(every / 5 * 4), |timeout| timeout.value);
    Health { probes, interval: every, timeout }
}

/// A time in this range, in milliseconds.
pub(super) fn milliseconds(item: &Item<'_>, (least, most): (u32, u32), faults: &mut Faults) -> Option<Spanned<u32>> {
    let text = item.parse(values::milliseconds, faults)?;
    let value = u32::try_from(text.value).ok().filter(|value| (least..=most).contains(value));
    if value.is_none() {
        let message = format!("{} cannot be {} ms", quote(item.key), text.value);
        faults.add(
            Code::BadValue,
            item.at,
            message,
            format!("write a time from \"{least}ms\" to \"{}h\"", most / 3_600_000),
        );
    }
    value.map(|value| Spanned { value, at: text.at })
}

/// One probe: a table with one of the kinds as key, and what belongs to that kind.
fn probe(item: &Item<'_>, faults: &mut Faults) -> Option<Spanned<HealthProbe>> {
    let mut table = item.table("a probe", faults)?;
    let said: Vec<_> = KINDS.into_iter().filter_map(|(kind, read)| Some((table.take(kind)?, read))).collect();
    let (at, kinds) = (table.at, KINDS.map(|(kind, _)| format!("`{kind}`")).join(", "));
    if said.len() != 1 {
        // What belongs to a kind is no fault beside the one that there is.
        ["name", "type", "expect", "body", "host"].into_iter().for_each(|key| _ = table.take(key));
    }
    let source = table.take("source").and_then(|item| item.parse(values::address, faults)).map(|said| said.value);
    let probe = match said.as_slice() {
        [(item, read)] => read(item, &mut table, faults).map(|(target, kind)| HealthProbe { target, kind, source }),
        [] => {
            let message = "this probe does not say what it asks";
            faults.add(Code::Missing, at, message, "write one such as { icmp = \"gateway\" }");
            None
        }
        [_, (second, _), ..] => {
            let message = format!("a probe is of one kind, and this one says {} too", quote(second.key));
            faults.add(Code::Conflict, second.key_at, message, format!("make two probes of it; the kinds are {kinds}"));
            None
        }
    };
    table.finish(&[], faults);
    probe.map(|value| Spanned { value, at })
}

fn icmp(item: &Item<'_>, _: &mut Table<'_>, faults: &mut Faults) -> Option<(ProbeTarget, ProbeKind)> {
    Some((item.parse(target, faults)?.value, ProbeKind::Icmp))
}

fn neighbor(item: &Item<'_>, _: &mut Table<'_>, faults: &mut Faults) -> Option<(ProbeTarget, ProbeKind)> {
    Some((item.parse(gateway, faults)?.value, ProbeKind::Neighbor))
}

fn tcp(item: &Item<'_>, _: &mut Table<'_>, faults: &mut Faults) -> Option<(ProbeTarget, ProbeKind)> {
    let (target, port) = item.parse(target_and_port, faults)?.value;
    Some((target, ProbeKind::Tcp { port }))
}

fn dns(item: &Item<'_>, table: &mut Table<'_>, faults: &mut Faults) -> Option<(ProbeTarget, ProbeKind)> {
    let name = table.require("name", "\"example.com\"", faults);
    let record = table.take("type").and_then(|item| item.word(&RECORDS, faults));
    let target = item.parse(target, faults);
    let name = name.and_then(|item| item.parse(values::dns_name, faults));
    Some((target?.value, ProbeKind::Dns { name: name?.value, record }))
}

fn ntp(item: &Item<'_>, _: &mut Table<'_>, faults: &mut Faults) -> Option<(ProbeTarget, ProbeKind)> {
    Some((item.parse(target, faults)?.value, ProbeKind::Ntp))
}

fn tls(item: &Item<'_>, table: &mut Table<'_>, faults: &mut Faults) -> Option<(ProbeTarget, ProbeKind)> {
    let name = table.take("name").and_then(|item| item.parse(values::dns_name, faults));
    let (target, port) = item.parse(target_and_port, faults)?.value;
    Some((target, ProbeKind::Tls { port, name: name.map(|name| name.value) }))
}

/// One status or several.
fn statuses(item: &Item<'_>, faults: &mut Faults) -> Vec<u16> {
    let items = match item.value {
        DeValue::Array(_) => item.list(faults).unwrap_or_default(),
        _ => return item.number16(STATUSES, faults).map(|it| it.value).into_iter().collect(),
    };
    if items.is_empty() {
        faults.add(Code::BadValue, item.at, "with no status in `expect` no page would do", "write one such as 204");
    }
    items.iter().filter_map(|item| item.number16(STATUSES, faults)).map(|it| it.value).collect()
}

/// What is wrong is reported, and reads here as left out.
fn page(kind: &Item<'_>, table: &mut Table<'_>, faults: &mut Faults) -> Option<(ProbeTarget, ProbeKind)> {
    let expect = table.take("expect").map(|item| statuses(&item, faults)).filter(|statuses| !statuses.is_empty());
    let body = table.take("body").and_then(|item| item.parse(body, faults));
    let host = table.take("host").and_then(|item| item.parse(values::host_name, faults));
    let url = kind.parse(url, faults)?.value;
    let kind = ProbeKind::Http {
        port: url.address.port(),
        host: host.map_or(url.host, |host| host.value),
        path: url.path,
        expect: expect.unwrap_or_else(|| vec![200]),
        body: body.map(|body| body.value),
    };
    Some((ProbeTarget::Host(url.address.ip()), kind))
}

/// An address, or the word `gateway`.
fn target(text: &str) -> Result<ProbeTarget, Wrong> {
    if text == "gateway" {
        return Ok(ProbeTarget::Gateway);
    }
    let address = values::address(text);
    address
        .map(ProbeTarget::Host)
        .map_err(|wrong| Wrong { suggestion: format!("{}, or \"gateway\"", wrong.suggestion), ..wrong })
}

fn gateway(text: &str) -> Result<ProbeTarget, Wrong> {
    if text == "gateway" {
        return Ok(ProbeTarget::Gateway);
    }
    let message = format!("`neighbor` cannot be {}: it asks the next hop on the link", quote(text));
    Err(Wrong::new(message, "write \"gateway\""))
}

fn target_and_port(text: &str) -> Result<(ProbeTarget, u16), Wrong> {
    let wrong = || {
        let message = format!("{} is no address and port", quote(text));
        Wrong::new(message, "write them such as \"203.0.113.10:443\" or \"[2001:db8::1]:443\"")
    };
    if let Some(port) = text.strip_prefix("gateway:") {
        return port.parse().ok().filter(|port| *port != 0).map(|port| (ProbeTarget::Gateway, port)).ok_or_else(wrong);
    }
    let at: SocketAddr = text.parse().map_err(|_| wrong())?;
    if at.port() == 0 {
        return Err(wrong());
    }
    Ok((ProbeTarget::Host(values::address(&at.ip().to_string())?), at.port()))
}

struct Url {
    address: SocketAddr,
    host: String,
    path: String,
}

/// `http://ADDRESS[:PORT]/PATH`: names are nothing that a probe may depend on.
fn url(text: &str) -> Result<Url, Wrong> {
    const LONGEST: usize = 300;
    let wrong = |why: &str| {
        Wrong::new(format!("{} {why}", quote(text)), "write one such as \"http://203.0.113.10/generate_204\"")
    };
    let rest = text.strip_prefix("http://").ok_or_else(|| wrong("is no address of a page by HTTP"))?;
    if text.len() > LONGEST || text.chars().any(|c| !c.is_ascii_graphic()) {
        return Err(wrong("is too long, or has characters that no address of a page has"));
    }
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let address = host.parse::<SocketAddr>().ok().or_else(|| {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        Some(SocketAddr::new(
            bare.unwrap_or(host).parse().ok().filter(|it: &IpAddr| it.is_ipv4() == bare.is_none())?,
            80,
        ))
    });
    let Some(address) = address.filter(|address| address.port() != 0) else {
        let message = format!("{} names its host by something else than an address", quote(text));
        return Err(Wrong::new(message, "write its address, and its name as `host`"));
    };
    values::address(&address.ip().to_string())?;
    let path = if path.is_empty() { "/".to_owned() } else { path.to_owned() };
    Ok(Url { address, host: host.to_owned(), path })
}

fn body(text: &str) -> Result<String, Wrong> {
    const LONGEST: usize = 1000;
    if (1..=LONGEST).contains(&text.len()) {
        return Ok(text.to_owned());
    }
    Err(Wrong::new(
        format!("`body` has {} bytes", text.len()),
        format!("write 1 to {LONGEST} bytes of what the page holds"),
    ))
}

/// Whom the probes of a WAN ask answers from outside, and can be asked from here.
pub(super) fn check(wan: &Wan, raw: &RawConfig, owners: &Owners<'_>, faults: &mut Faults) {
    let health = &wan.health;
    if let Some(first) = health.probes.get(MOST) {
        let message = format!("this is probe {}, and a WAN has room for {MOST}", MOST + 1);
        faults.add(Code::BadValue, first.at, message, format!("keep {MOST} of the {}", health.probes.len()));
    }
    for (index, probe) in health.probes.iter().enumerate() {
        if let Some(earlier) = health.probes.iter().take(index).find(|earlier| earlier.value == probe.value) {
            let fault = Fault::new(Code::Duplicate, probe.at, "this probe is given twice", "keep one of the two");
            faults.found.push(fault.against(earlier.at, "said here"));
        } else if let ProbeTarget::Host(host) = probe.value.target {
            is_outside(host, probe.at, raw, owners, faults);
            has_source(host, &probe.value.kind, probe.at, wan, faults);
        }
    }
}

/// A host that is asked is neither owned nor inside. Whether it is.
pub(super) fn is_outside(host: IpAddr, at: Span, raw: &RawConfig, owners: &Owners<'_>, faults: &mut Faults) {
    let fault = if let Some((owner, owned_at)) = owners.owner_of(host) {
        let message = format!("`{host}` cannot be asked: flowpin itself owns it for WAN {}", owner.label());
        Fault::new(Code::Conflict, at, message, "name a host outside").against(owned_at, "owned here")
    } else if let Some(inside) = inside_of(&raw.downstream, &host.into()) {
        let message = format!("`{host}` cannot be asked: it is inside");
        Fault::new(Code::Conflict, at, message, "name a host outside").against(inside.at, "an inside prefix")
    } else {
        return;
    };
    faults.found.push(fault);
}

/// A page is fetched with an address that the kernel does not have: it would reset the connection.
fn has_source(host: IpAddr, kind: &ProbeKind, at: Span, wan: &Wan, faults: &mut Faults) {
    let (owns, family, mapping) = match host {
        IpAddr::V4(_) => (!wan.nat44.is_empty() || !wan.nat44_interface.is_empty(), "IPv4", "[wan.nat44]"),
        IpAddr::V6(_) => (wan.nptv6.is_some() || !wan.inbound6.is_empty(), "IPv6", "[wan.nptv6]"),
    };
    let what = match kind {
        ProbeKind::Http { .. } => "fetch a page with",
        ProbeKind::Tls { .. } => "greet a server with",
        _ => return,
    };
    if !owns {
        let message = format!("WAN {} has no public {family} address to {what}", wan.label());
        faults.add(Code::Conflict, at, message, format!("probe it by `tcp` instead, or add {mapping}"));
    }
}
