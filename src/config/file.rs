//! Reads a configuration file: text to settings, or every fault in it at once with its place and what to write instead.
//! `syntax` makes a TOML document of the text, `sections` and `wan` read that into a `raw` configuration, `check` finds what
//! contradicts what, and only then are the settings built. Must never know: links, whether anything named exists.

mod check;
mod health;
mod inside;
mod masquerade;
mod owners;
mod probes;
mod raw;
mod reader;
mod sections;
mod sources;
mod syntax;
mod thresholds;
mod values;
mod wan;

use super::diagnostics::{Code, Diagnostics, Fault, Span};
use super::settings::{DEFAULT_MTU, DEFAULT_TUN, Downstream, Health, Local, Nptv6, Settings, Wan};
use reader::{Faults, Spanned};
use std::path::Path;
pub use values::seconds;

/// Larger files are no configuration.
const LARGEST_FILE: usize = 1 << 20;

/// Reads the file at `path`.
///
/// # Errors
/// The file cannot be read, or everything that is wrong in it.
pub fn load(path: &Path) -> Result<Settings, Diagnostics> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| unreadable(&name, &error))?;
    match String::from_utf8(bytes) {
        Ok(text) => parse(&text, &name),
        Err(error) => {
            let start = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes());
            let at = Span { start, end: start + char::REPLACEMENT_CHARACTER.len_utf8() };
            let fault = Fault::new(Code::Unreadable, at, "this is not UTF-8 text", "save the file as UTF-8");
            Err(Diagnostics::new(&name, &text, vec![fault]))
        }
    }
}

fn unreadable(name: &str, error: &std::io::Error) -> Diagnostics {
    let (message, suggestion) = match error.kind() {
        std::io::ErrorKind::NotFound => (format!("there is no file {name}"), "name the configuration with --config"),
        std::io::ErrorKind::PermissionDenied => {
            (format!("{name} may not be read"), "run this as a user who may read it")
        }
        std::io::ErrorKind::IsADirectory => (format!("{name} is a directory"), "name a file in it with --config"),
        _ => (format!("cannot read {name}: {error}"), "name the configuration with --config"),
    };
    Diagnostics::new(name, "", vec![Fault::new(Code::Unreadable, Span { start: 0, end: 0 }, message, suggestion)])
}

/// Reads the text of a file that is called `name` in messages.
///
/// # Errors
/// Everything that is wrong in it.
pub fn parse(text: &str, name: &str) -> Result<Settings, Diagnostics> {
    if text.len() > LARGEST_FILE {
        let message = format!("this file has {} bytes, and a configuration has at most {LARGEST_FILE}", text.len());
        let fault =
            Fault::new(Code::Unreadable, Span { start: 0, end: 0 }, message, "name the right file with --config");
        return Err(Diagnostics::new(name, "", vec![fault]));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut faults = Faults::default();
    let read = syntax::document(text, &mut faults);
    let said = read.as_ref().map(|document| sections::document(document.get_ref(), &mut faults));
    if let Some(said) = &said {
        check::check(said, &mut faults);
    }
    match said {
        Some(said) if faults.found.is_empty() => Ok(settings(said)),
        _ => Err(Diagnostics::new(name, text, syntax::without_echoes(text, faults.found))),
    }
}

/// What was said means this. Only called without faults, so nothing that is required is missing.
fn settings(raw: raw::RawConfig) -> Settings {
    Settings {
        downstream: downstream(raw.downstream),
        wans: raw.wans.into_iter().map(wan_settings).collect(),
        balance: raw.balance,
        last_resort: raw.last_resort,
        traffic_evidence: raw.traffic_evidence.unwrap_or(true),
        limits: raw.limits,
        timeouts: raw.timeouts,
        workers: raw.workers,
        control: raw.control,
        log: raw.log,
        hooks: raw.hooks,
    }
}

fn downstream(said: raw::Downstream) -> Downstream {
    Downstream {
        interface: value(said.interface),
        tun: value(said.tun).unwrap_or_else(|| DEFAULT_TUN.to_owned()),
        mtu: value(said.mtu).unwrap_or(DEFAULT_MTU),
        addresses: said.addresses.into_iter().map(|said| said.value).collect(),
        prefixes: said.prefixes.into_iter().map(|said| said.value).collect(),
        local: if said.connected {
            Local::Connected
        } else {
            Local::Prefixes(said.local.into_iter().map(|said| said.value).collect())
        },
        on_stop: said.on_stop,
        next_hop4: value(said.next_hop4),
        next_hop6: value(said.next_hop6),
    }
}

fn wan_settings(said: raw::Wan) -> Wan {
    let raw::Health { probes, interval, timeout } = said.health;
    let health = Health { probes: probes.into_iter().map(|probe| probe.value).collect(), interval, timeout };
    let npt = said.nptv6.and_then(|npt| Some((npt.inside?.value, value(npt.outside), npt.mode)));
    Wan {
        name: value(said.name).unwrap_or_default(),
        interface: value(said.interface).unwrap_or_default(),
        vlan: value(said.vlan),
        weight: said.weight,
        tier: said.tier,
        mtu: said.mtu.value,
        mtu_targets: said.mtu_targets.into_iter().map(|target| target.value).collect(),
        gateway4: value(said.gateway4),
        gateway6: value(said.gateway6),
        gateway_macs: said.gateway_macs.map(value),
        on_link: said.on_link,
        sources: said.sources.map(value),
        nat44: said.nat44.into_iter().map(|(inside, public)| (inside.value, public.value)).collect(),
        nat44_interface: said.nat44_interface.into_iter().next().map(|inside| inside.value),
        masquerade: value(said.masquerade),
        nptv6: npt.map(|(inside, outside, mode)| Nptv6 { inside, outside, mode }),
        inbound6: said.inbound6.into_iter().map(|(external, inside)| (external.value, inside.value)).collect(),
        thresholds: said.thresholds,
        on_soft_down: said.on_soft_down,
        on_hard_down: said.on_hard_down,
        silence: said.silence,
        on_up: said.on_up,
        health,
    }
}

fn value<T>(said: Option<Spanned<T>>) -> Option<T> {
    said.map(|said| said.value)
}

#[cfg(test)]
mod tests;
