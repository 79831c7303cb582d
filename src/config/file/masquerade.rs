//! Reads `[wan.masquerade]`, and what contradicts it. Must never know: TOML (reader.rs), what a WAN is.

use super::raw::Wan;
use super::reader::{Faults, Spanned, Table, Wrong, not_supported};
use crate::config::diagnostics::{Code, Fault, quote};
use crate::config::settings::{DEFAULT_PORTS, Masquerade};
use crate::types::{Filtering, PortRange};

/// How messages call it.
pub(super) const TITLE: &str = "[wan.masquerade]";

/// Keys that later versions bring.
const LATER: [&str; 1] = ["addresses"];

/// Ports below are those of well-known services, and others do not believe them of a client (RFC 6335 §6).
const LEAST: u16 = 1024;

/// One host leaves this part of the ports to others, if nothing else is said.
const LEFT_TO_OTHERS: usize = 8;

const FILTERING: [(&str, Filtering); 3] = [
    ("endpoint", Filtering::Endpoint),
    ("address", Filtering::Address),
    ("address-and-port", Filtering::AddressAndPort),
];

/// The table, which stands where its header does.
pub(super) fn read(mut table: Table<'_>, faults: &mut Faults) -> Spanned<Masquerade> {
    let ports = table.take("ports").and_then(|item| item.parse(ports, faults));
    let per_host = table.take("per_host").and_then(|item| item.number16(1..=u16::MAX, faults));
    let filtering = table.take("filtering").and_then(|item| item.word(&FILTERING, faults));
    if let Some(item) = table.take("address").filter(|item| !item.is_word("auto")) {
        let message = not_supported("another `address` than \"auto\"");
        faults.add(Code::NotSupportedYet, item.at, message, "write \"auto\", or remove `address`");
    }
    table.refuse(&LATER, faults);
    let at = table.at;
    table.finish(&LATER, faults);
    let ports = ports.map_or(DEFAULT_PORTS, |ports| ports.value);
    let per_host = per_host.map_or(ports.count() - ports.count() / LEFT_TO_OTHERS, |said| usize::from(said.value));
    Spanned { value: Masquerade { ports, per_host, filtering: filtering.unwrap_or_default() }, at }
}

fn ports(text: &str) -> Result<PortRange, Wrong> {
    let wrong = || Wrong::new(format!("{} is no range of ports", quote(text)), format!("write \"{DEFAULT_PORTS}\""));
    let (first, last) = text.split_once('-').ok_or_else(wrong)?;
    let [first, last] = [first, last].map(|port| port.trim().parse::<u16>());
    match (first, last) {
        (Ok(first), Ok(last)) if first >= LEAST && first <= last => Ok(PortRange { first, last }),
        (Ok(first), Ok(last)) if first <= last => {
            let message = format!("ports below {LEAST} are those of services");
            let meant = if last > LEAST { PortRange { first: LEAST, last } } else { DEFAULT_PORTS };
            Err(Wrong::new(message, format!("write \"{meant}\"")))
        }
        _ => Err(wrong()),
    }
}

/// Inside hosts share an address that the kernel has, and that is nobody's alone.
pub(super) fn check(wan: &Wan, faults: &mut Faults) {
    let Some(shared) = &wan.masquerade else { return };
    if let Some(vlan) = &wan.vlan {
        let message = "inside hosts would share the address of the untagged link, and this WAN is tagged";
        let suggestion = "make a kernel VLAN link and leave out `vlan`, or remove [wan.masquerade]";
        faults.found.push(Fault::new(Code::Conflict, shared.at, message, suggestion).against(vlan.at, "tagged here"));
    }
    if let Some(host) = wan.nat44_interface.first() {
        let message = format!("`{}` cannot have the link's own address, which others share", host.value);
        let fault = Fault::new(Code::Conflict, host.at, message, "remove it: it shares that address too");
        faults.found.push(fault.against(shared.at, "shared here"));
    }
}
