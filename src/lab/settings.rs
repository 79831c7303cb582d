//! The configuration of flowpin for a lab. Must never know: how flowpin reads it.

use super::options::{Npt, Options};
use std::fmt::Write;
use std::path::Path;

/// The file for a lab of this shape, with the control socket at `socket`.
pub fn toml(options: &Options, socket: &Path) -> String {
    let mut text = String::from(
        r#"[downstream]
interface = "lan0"
prefixes = ["10.250.250.0/29", "fd00:bad:b01::/60", "fd00:bad:b01:fe::/64"]
next_hop6 = "fe80::2"
"#,
    );
    if options.tun_mtu != 1500 {
        let _ = writeln!(text, "mtu = {}", options.tun_mtu);
    }
    let vlan = options.vlan.map_or(String::new(), |tag| format!("vlan = {tag}\n"));
    let [fiber, dsl] = options.weights;
    let [npt_fiber, npt_dsl] = options.npt.map(mode);
    let _ = write!(
        text,
        r#"
[[wan]]
name = "fiber"
interface = "wan0"
{vlan}weight = {fiber}
gateway4 = "192.0.2.198"
gateway6 = "fe80::a1"
[wan.nat44]
{nat44}[wan.nptv6]
inside = "fd00:bad:b01::/60"
outside = "2001:db8:a:c80::/60"
mode = "{npt_fiber}"
[wan.inbound6]
"2001:db8:a:c80::1" = "fd00:bad:b01:fe::2"
"#,
        nat44 = nat44("192.0.2", 193),
    );
    let _ = write!(
        text,
        r#"
[[wan]]
name = "dsl"
interface = "wan1"
weight = {dsl}
[wan.nat44]
{nat44}[wan.nptv6]
inside = "fd00:bad:b01::/60"
outside = "2001:db8:b:be00::/60"
mode = "{npt_dsl}"
"#,
        nat44 = nat44("198.51.100", 241),
    );
    if options.lte {
        let _ = write!(
            text,
            r#"
[[wan]]
name = "lte"
interface = "wwan0"
gateway4 = "203.0.113.246"
gateway6 = "fe80::e1"
[wan.nat44]
{nat44}[wan.nptv6]
inside = "fd00:bad:b01::/60"
outside = "2001:db8:c:5d00::/60"
mode = "prefix"
"#,
            nat44 = nat44("203.0.113", 241),
        );
    }
    let threads = options.threads.map_or(String::new(), |threads| format!("threads = {threads}\n"));
    let _ = write!(text, "\n[workers]\n{threads}seed = {}\n\n[control]\nsocket = {socket:?}\n", options.seed);
    text + &options.extra
}

/// The identities 10.250.250.2 to .6 on five public addresses in a row.
fn nat44(network: &str, first: u8) -> String {
    (0..5).map(|i| format!("\"10.250.250.{}\" = \"{network}.{}\"\n", 2 + i, first + i)).collect()
}

fn mode(npt: Npt) -> &'static str {
    match npt {
        Npt::Prefix => "prefix",
        Npt::Rfc6296 => "rfc6296",
    }
}
