//! `flowpin check`: says what is wrong with a configuration file, or in one line what it describes.
//! Must never know: a running service, whether the links that are named exist.

use super::args::CheckArgs;
use crate::config::diagnostics::Diagnostics;
use crate::config::file;
use crate::config::settings::Settings;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

/// Checks the file. Faults go to standard error, with `--json` to standard output.
#[must_use]
pub fn check(args: &CheckArgs) -> ExitCode {
    let read = file::load(&args.config);
    if args.json {
        super::say(report(&args.config, &read));
    }
    match read {
        Ok(settings) => {
            if !args.json {
                super::say(summary(&args.config, &settings));
            }
            ExitCode::SUCCESS
        }
        Err(faults) => {
            if !args.json {
                complain(&faults);
            }
            ExitCode::from(super::EXIT_BAD_CONFIG)
        }
    }
}

/// Every fault to standard error, in colour where that is welcome. `run` and `replay` say the same of a bad file.
pub fn complain(faults: &Diagnostics) {
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
    let _ = writeln!(std::io::stderr(), "{}", faults.render(colour));
}

fn report(path: &Path, read: &Result<Settings, Diagnostics>) -> serde_json::Value {
    let file = path.display().to_string();
    match read {
        Ok(settings) => {
            let wans: Vec<_> = settings.wans.values().map(|wan| &wan.name).collect();
            serde_json::json!({ "ok": true, "file": file, "wans": wans, "faults": [] })
        }
        Err(faults) => serde_json::json!({ "ok": false, "file": file, "faults": faults.to_json() }),
    }
}

fn summary(path: &Path, settings: &Settings) -> String {
    let wans = &settings.wans;
    let names: Vec<_> = wans.values().map(|wan| wan.name.as_str()).collect();
    let mut parts = vec![format!("{} ({})", count(wans.count(), "WAN"), names.join(", "))];
    let mut add = |number: usize, what: &str| {
        if number > 0 {
            parts.push(count(number, what));
        }
    };
    add(wans.values().map(|wan| wan.nat44.len() + usize::from(wan.nat44_interface.is_some())).sum(), "IPv4 mapping");
    add(wans.values().filter(|wan| wan.masquerade.is_some()).count(), "shared IPv4 address");
    add(wans.values().filter(|wan| wan.nptv6.is_some()).count(), "translated IPv6 prefix");
    add(wans.values().map(|wan| wan.inbound6.len()).sum(), "inbound IPv6 host");
    add(wans.values().map(|wan| wan.gateway_macs.iter().flatten().count()).sum(), "fixed gateway MAC");
    format!("{} is good: {}", path.display(), parts.join(", "))
}

fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ if what.ends_with('x') => format!("{number} {what}es"),
        _ => format!("{number} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[downstream]\nprefixes = ['10.0.0.0/8', 'fd00::/60']\n[[wan]]\ninterface = 'a'\n\
                        nat44 = {'10.0.0.2' = '192.0.2.1'}\nnptv6 = {inside = 'fd00::/60', outside = '2001:db8::/60'}\n\
                        [[wan]]\ninterface = 'b'\nnptv6 = {inside = 'fd00::/60', outside = '2001:db8:1::/60'}\n";

    #[test]
    fn a_good_file_is_summed_up_in_one_line() {
        let settings = file::parse(GOOD, "f").unwrap();
        let expected = "f.toml is good: 2 WANs (a, b), 1 IPv4 mapping, 2 translated IPv6 prefixes";
        assert_eq!(summary(Path::new("f.toml"), &settings), expected);
    }

    #[test]
    fn gateways_whose_mac_is_configured_are_counted() {
        let fixed = GOOD.replace("interface = 'b'", "interface = 'b'\ngateway_mac6 = '02:00:5e:10:00:01'");
        let summary = summary(Path::new("f.toml"), &file::parse(&fixed, "f").unwrap());
        assert!(summary.ends_with(", 1 fixed gateway MAC"), "{summary}");
    }

    #[test]
    fn the_json_form_says_ok_or_lists_the_faults() {
        let good = report(Path::new("f"), &file::parse(GOOD, "f"));
        assert_eq!(good, serde_json::json!({"ok": true, "file": "f", "wans": ["a", "b"], "faults": []}));
        let bad = report(Path::new("f"), &file::parse(&GOOD.replace("interface = 'b'", "interface = 'a'"), "f"));
        assert_eq!((&bad["ok"], &bad["faults"][0]["line"]), (&false.into(), &8.into()));
    }

    #[test]
    fn a_file_that_is_not_there_is_one_sentence() {
        let report = report(Path::new("/nowhere/f"), &file::load(Path::new("/nowhere/f")));
        assert_eq!(report["faults"][0]["code"], "unreadable");
        assert_eq!(report["faults"][0]["line"], serde_json::Value::Null);
    }
}
