//! Every kind of fault with its exact place, words and advice; every key with its meaning; and that no text whatsoever
//! makes the reader panic.

mod good;
mod probes;
mod reading;
mod reference;
mod rules;
mod wild;

use super::parse;

/// The faults of a text as `line:column code text | message | suggestion`.
fn faults(text: &str) -> Vec<String> {
    let Err(found) = parse(text, "f.toml") else { return Vec::new() };
    let code = |code| serde_json::to_value(code).unwrap_or_default().as_str().unwrap_or_default().to_owned();
    let row = |row: crate::config::diagnostics::Row| {
        let (line, column) = (row.line.unwrap_or(0), row.column.unwrap_or(0));
        format!("{line}:{column} {} {} | {} | {}", code(row.code), row.text, row.message, row.suggestion)
    };
    found.rows().into_iter().map(row).collect()
}

/// A good file of two WANs: what the tables of faults change one line of.
const TWO: &str = r#"[downstream]
interface = "lan0"
prefixes = ["10.250.250.0/29", "fd00:bad:b01::/60"]

[[wan]]
name = "fiber"
interface = "wan0"
[wan.nat44]
"10.250.250.2" = "192.0.2.193"
"10.250.250.3" = "192.0.2.194"
[wan.nptv6]
inside = "fd00:bad:b01::/60"
outside = "2001:db8:a:c80::/60"

[[wan]]
name = "cable"
interface = "wan1"
[wan.nat44]
"10.250.250.2" = "198.51.100.2"
[wan.nptv6]
inside = "fd00:bad:b01::/60"
outside = "2001:db8:b:d00::/60"
[wan.inbound6]
"2001:db8:b:d00::1" = "fd00:bad:b01:fe::2"
"#;

/// `TWO` with one piece of its text replaced; the piece must be there.
fn two_with(piece: &str, instead: &str) -> String {
    assert!(TWO.contains(piece), "{piece}");
    TWO.replacen(piece, instead, 1)
}
