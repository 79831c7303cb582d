//! `flowpin status`: WANs, gateways, counters of the running service.
//! Must never know: how the service gathers them.

mod leases;
mod mtus;
mod sources;

use super::args::StatusArgs;
use super::columns::{Columns, bytes, count, duration};
use super::{client, fail, say};
use crate::api::{Gateway, KernelSide, Probe, Rate, Status, Traffic, Wan};
use crate::clock::pause;
use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

/// Asks and prints, once or again and again.
#[must_use]
pub fn status(args: &StatusArgs) -> ExitCode {
    loop {
        let text = match ask(args) {
            Ok(text) => text,
            Err(sentence) => return fail(sentence),
        };
        let Some(seconds) = args.watch else {
            say(text);
            return ExitCode::SUCCESS;
        };
        if show(&text).is_err() {
            // The reader went away.
            return ExitCode::SUCCESS;
        }
        pause(Duration::from_secs(seconds));
    }
}

/// The answer, as it is to be printed.
fn ask(args: &StatusArgs) -> Result<String, String> {
    let answer = client::get(&args.socket, "/v1/status")?;
    if args.json {
        return Ok(String::from_utf8_lossy(&answer).into_owned());
    }
    let status = serde_json::from_slice::<Status>(&answer);
    let status =
        status.map_err(|error| format!("the running flowpin speaks another version of this command: {error}"))?;
    Ok(render(&status).trim_end().to_owned())
}

/// Prints one answer of many: on a terminal in the place of the last.
fn show(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if out.is_terminal() {
        // ECMA-48: cursor home, erase to the end of the screen.
        write!(out, "\x1b[H\x1b[J")?;
    }
    writeln!(out, "{text}")?;
    out.flush()
}

/// The whole status as text.
#[must_use]
pub fn render(status: &Status) -> String {
    let mut text = heading(status);
    text += &kernel_side(&status.kernel_side);
    text += &format!("\n{}", wans(&status.wans));
    text += &notes(&status.wans);
    text += &format!("\n{}", traffic(&status.wans));
    text += &format!("\n{}", health(&status.wans));
    let mtus = mtus::mtus(&status.wans);
    if !mtus.is_empty() {
        text += &format!("\n{mtus}");
    }
    let sources = sources::sources(&status.wans);
    if !sources.is_empty() {
        text += &format!("\n{sources}");
    }
    let leases = leases::leases(&status.wans);
    if !leases.is_empty() {
        text += &format!("\n{leases}");
    }
    let probes = probes(&status.wans);
    if !probes.is_empty() {
        text += &format!("\n{probes}");
    }
    let paths = paths(&status.wans);
    if !paths.is_empty() {
        text += &format!("\n{paths}");
    }
    text += &format!("\n{}\n", table(status));
    if !status.drops.is_empty() {
        text += &format!("\n{}", drops(status));
    }
    if !status.events.is_empty() {
        text += &format!("\n{}", named("EVENT", ">COUNT", &status.events));
    }
    if !status.ports.is_empty() {
        text += &format!("\n{}", named("PORTS", ">FRAMES", &status.ports));
    }
    text
}

fn heading(status: &Status) -> String {
    let workers = if status.workers == 1 { "1 worker".to_owned() } else { format!("{} workers", status.workers) };
    let inside = &status.downstream;
    let behind = inside.interface.as_ref().map(|link| format!(" to {link}")).unwrap_or_default();
    let offloads = if inside.offloads.is_empty() { "none".to_owned() } else { inside.offloads.join(" ") };
    format!(
        "flowpin {}, pid {}, up {}, {workers}, policy {} of {}\ninside: {}{behind}, mtu {}, offloads {offloads}\n",
        status.version,
        status.pid,
        duration(status.uptime_seconds),
        status.epoch,
        status.config,
        inside.tun,
        inside.mtu,
    )
}

fn kernel_side(side: &KernelSide) -> String {
    let mended = match side.mended {
        0 => String::new(),
        1 => format!("; mended once: {}", side.last_mended),
        times => format!("; mended {times} times, last: {}", side.last_mended),
    };
    let state = if side.amiss.is_empty() { "whole".to_owned() } else { side.amiss.join("; ") };
    format!("kernel side: {state}{mended}\n")
}

fn notes(wans: &[Wan]) -> String {
    wans.iter().flat_map(|wan| wan.notes.iter().map(move |note| format!("{}: {note}\n", wan.name))).collect()
}

fn wans(wans: &[Wan]) -> String {
    let mut columns =
        Columns::new(&["WAN", "STATE", "LINK", ">TIER", ">WEIGHT", ">MTU", "ADDRESS", "GATEWAY", "ITS MAC", "WHY"]);
    for wan in wans {
        let known = [&wan.interface, ""].contains(&wan.link.as_str());
        let link = if known { wan.interface.clone() } else { format!("{} ({})", wan.interface, wan.link) };
        let link = wan.vlan.map_or_else(|| link.clone(), |tag| format!("{link} vlan {tag}"));
        let [tier, weight, mtu] = [wan.tier.to_string(), wan.weight.to_string(), wan.mtu.to_string()];
        let mut head = [wan.name.clone(), wan.state.clone(), link, tier, weight, mtu];
        for line in 0..wan.addresses.len().max(wan.gateways.len()).max(1) {
            let address = wan.addresses.get(line).cloned().unwrap_or_default();
            let gateway = match wan.gateways.get(line) {
                None if line == 0 => ["none".to_owned(), String::new(), String::new()],
                None => Default::default(),
                Some(next) => gateway(next),
            };
            columns.row(std::mem::take(&mut head).into_iter().chain([address]).chain(gateway));
        }
    }
    columns.render()
}

/// What passed each WAN, and how much does now.
fn traffic(wans: &[Wan]) -> String {
    let mut columns =
        Columns::new(&["TRAFFIC", ">FLOWS", ">OUT", ">BYTES", ">PKT/S", ">BIT/S", ">IN", ">BYTES", ">PKT/S", ">BIT/S"]);
    for wan in wans {
        let way = |traffic: &Traffic, rate: &Rate| {
            let Rate { packets_per_second, bits_per_second } = *rate;
            [count(traffic.packets), bytes(traffic.bytes), count(packets_per_second), count(bits_per_second)]
        };
        let (out, back) = (way(&wan.outbound, &wan.outbound_rate), way(&wan.inbound, &wan.inbound_rate));
        columns.row([wan.name.clone(), wan.flows.to_string()].into_iter().chain(out).chain(back));
    }
    columns.render()
}

/// How each WAN is in each family, since when and why.
fn health(wans: &[Wan]) -> String {
    let mut columns = Columns::new(&["HEALTH", "FAMILY", "STATE", ">SINCE", "REASON"]);
    for wan in wans {
        for it in &wan.health {
            let since = duration(it.since_seconds);
            columns.row([wan.name.clone(), it.family.clone(), it.state.clone(), since, it.reason.clone()]);
        }
    }
    columns.render()
}

/// The probes of all WANs; empty when there are none.
fn probes(wans: &[Wan]) -> String {
    let mut columns = Columns::new(&["PROBE", "FAMILY", "ASKS", "LAST", ">TRIP", ">MEAN", ">JITTER", ">LOST"]);
    let mut is_any = false;
    for wan in wans {
        for (family, probe) in wan.health.iter().flat_map(|it| it.probes.iter().map(|probe| (&it.family, probe))) {
            let Probe { name, last, round_trip_us, outcomes, lost, mean_us, jitter_us } = probe;
            let has_passed = outcomes > lost;
            columns.row([
                wan.name.clone(),
                family.clone(),
                name.clone(),
                last.clone().unwrap_or_else(|| "none yet".to_owned()),
                round_trip_us.map_or_else(String::new, millis),
                if has_passed { millis(*mean_us) } else { String::new() },
                if has_passed { millis(*jitter_us) } else { String::new() },
                format!("{lost} of {outcomes}"),
            ]);
            is_any = true;
        }
    }
    if is_any { columns.render() } else { String::new() }
}

/// Microseconds as `12.3 ms`.
fn millis(micros: u64) -> String {
    format!("{}.{} ms", micros / 1000, micros % 1000 / 100)
}

/// What is known of the paths behind the links; empty when nothing is asked and nothing was said.
fn paths(wans: &[Wan]) -> String {
    let mut columns = Columns::new(&["PATH", "FAMILY", ">MTU", "STATE", "TARGETS"]);
    let mut lines = String::new();
    let mut is_probed = false;
    for wan in wans {
        for path in &wan.paths {
            let targets: Vec<_> = path.targets.iter().map(ToString::to_string).collect();
            let mtu = path.mtu.map_or_else(|| format!("{} (link)", wan.mtu), |mtu| mtu.to_string());
            columns.row([wan.name.clone(), path.family.clone(), mtu, path.state.clone(), targets.join(" ")]);
            is_probed = true;
        }
        let remotes = match wan.remembered.len() {
            0 => continue,
            1 => "1 remote is".to_owned(),
            remotes => format!("{remotes} remotes are"),
        };
        lines += &format!("{remotes} known to have a smaller path MTU by way of {}\n", wan.name);
    }
    if is_probed { columns.render() + &lines } else { lines }
}

/// A gateway's address and its MAC, without one why; whether it is used, and why the WAN has it.
fn gateway(gateway: &Gateway) -> [String; 3] {
    let mac = match &gateway.mac {
        Some(mac) if gateway.state == "reachable" => mac.clone(),
        Some(mac) => format!("{mac} ({})", gateway.state),
        None => gateway.state.clone(),
    };
    let address = match gateway.state.as_str() {
        "direct" => "none needed".to_owned(),
        _ if gateway.address.is_unspecified() => "other end".to_owned(),
        _ => gateway.address.to_string(),
    };
    let used = if gateway.used { "used" } else { "spare" };
    [address, mac, format!("{used}: {}", gateway.why)]
}

fn table(status: &Status) -> String {
    let table = &status.table;
    format!(
        "flows: {} of {} ({} made, {} expired, {} refused because the table was full)",
        table.flows, table.limit, table.created, table.expired, table.refused
    )
}

fn drops(status: &Status) -> String {
    let mut columns = Columns::new(&["DROPPED", "REASON", ">PACKETS"]);
    for (direction, reasons) in &status.drops {
        for (reason, packets) in reasons {
            columns.row([direction.clone(), reason.clone(), packets.to_string()]);
        }
    }
    columns.render()
}

fn named(title: &str, unit: &str, counts: &BTreeMap<String, u64>) -> String {
    let mut columns = Columns::new(&[title, unit]);
    for (name, count) in counts {
        columns.row([name.clone(), count.to_string()]);
    }
    columns.render()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Downstream, Health, Path, Remembered, Table};
    use crate::types::Family;
    use std::net::IpAddr;

    fn wan(name: &str, gateways: Vec<Gateway>) -> Wan {
        Wan {
            name: name.into(),
            interface: format!("{name}0"),
            link: if name == "lte" { "wwan0".into() } else { String::new() },
            vlan: (name == "fiber").then_some(3242),
            state: "up".into(),
            health: vec![Health {
                family: "ipv4".into(),
                state: "up".into(),
                since_seconds: 3700,
                reason: "the probes are answered".into(),
                vetoed: false,
                probes: Vec::new(),
            }],
            tier: 1,
            weight: 2,
            mtu: 1500,
            mtu_source: "link".into(),
            paths: Vec::new(),
            remembered: Vec::new(),
            notes: if name == "lte" { vec!["a note".into()] } else { Vec::new() },
            mac: "02:00:00:00:00:01".into(),
            addresses: if gateways.is_empty() { vec!["198.51.100.198/29".into()] } else { Vec::new() },
            gateways,
            direct: Vec::new(),
            owned: vec!["192.0.2.193/32".into()],
            leases: Vec::new(),
            sources: Vec::new(),
            mtus: Vec::new(),
            flows: 12,
            outbound: Traffic { packets: 12_345, bytes: 3 << 20 },
            inbound: Traffic { packets: 9, bytes: 900 },
            outbound_rate: Rate { packets_per_second: 1234, bits_per_second: 9_876_543 },
            inbound_rate: Rate::default(),
        }
    }

    fn gate(address: &str, mac: Option<&str>, state: &str) -> Gateway {
        let (address, mac, why): (IpAddr, _, _) =
            (address.parse().unwrap(), mac.map(str::to_owned), "default route".into());
        Gateway { family: Family::of(address).to_string(), address, used: mac.is_some(), mac, state: state.into(), why }
    }

    fn sample() -> Status {
        let reasons = BTreeMap::from([("foreign-source".to_owned(), 5), ("ttl-expired".to_owned(), 1)]);
        Status {
            version: "0.1.0".into(),
            pid: 42,
            uptime_seconds: 3700,
            config: "/etc/flowpin/flowpin.toml".into(),
            epoch: 3,
            workers: 1,
            downstream: Downstream {
                interface: Some("lan0".into()),
                tun: "flowpin0".into(),
                mtu: 1500,
                offloads: vec!["csum".into(), "tso4".into()],
            },
            kernel_side: KernelSide::default(),
            wans: vec![
                wan(
                    "fiber",
                    vec![
                        gate("192.0.2.1", Some("02:00:00:00:00:0a"), "reachable"),
                        gate("fe80::1", None, "unresolved"),
                    ],
                ),
                wan("lte", Vec::new()),
            ],
            table: Table { flows: 24, limit: 1_000_000, created: 30, expired: 6, refused: 0 },
            drops: BTreeMap::from([("outbound".to_owned(), reasons)]),
            events: BTreeMap::from([("answered".to_owned(), 12), ("clamped".to_owned(), 345)]),
            ports: BTreeMap::from([("tun-full".to_owned(), 7)]),
        }
    }

    #[test]
    fn status_is_one_screen() {
        let expected = "\
flowpin 0.1.0, pid 42, up 1h01m, 1 worker, policy 3 of /etc/flowpin/flowpin.toml
inside: flowpin0 to lan0, mtu 1500, offloads csum tso4
kernel side: whole

WAN    STATE  LINK              TIER  WEIGHT   MTU  ADDRESS            GATEWAY    ITS MAC            WHY
fiber  up     fiber0 vlan 3242     1       2  1500                     192.0.2.1  02:00:00:00:00:0a  used: default route
                                                                       fe80::1    unresolved         spare: default route
lte    up     lte0 (wwan0)         1       2  1500  198.51.100.198/29  none
lte: a note

TRAFFIC  FLOWS    OUT    BYTES  PKT/S  BIT/S  IN  BYTES  PKT/S  BIT/S
fiber       12  12.3k  3.0 MiB   1234   9.8M   9  900 B      0      0
lte         12  12.3k  3.0 MiB   1234   9.8M   9  900 B      0      0

HEALTH  FAMILY  STATE  SINCE  REASON
fiber   ipv4    up     1h01m  the probes are answered
lte     ipv4    up     1h01m  the probes are answered

flows: 24 of 1000000 (30 made, 6 expired, 0 refused because the table was full)

DROPPED   REASON          PACKETS
outbound  foreign-source        5
outbound  ttl-expired           1

EVENT     COUNT
answered     12
clamped     345

PORTS     FRAMES
tun-full       7
";
        assert_eq!(render(&sample()), expected);
    }

    #[test]
    fn what_is_known_of_paths_is_shown() {
        let path = |family: &str, state: &str, mtu, target: &str| Path {
            family: family.into(),
            state: state.into(),
            mtu,
            targets: vec![target.parse().unwrap()],
        };
        let known = Remembered { remote: "203.0.113.10".parse().unwrap(), mtu: 1300, expires_seconds: 9 };
        let mut status = sample();
        status.wans[0].paths =
            vec![path("ipv4", "found", Some(1400), "203.0.113.10"), path("ipv6", "no answer", None, "fe80::1")];
        status.wans[1].remembered = vec![known];
        let expected = "
PATH   FAMILY          MTU  STATE      TARGETS
fiber  ipv4           1400  found      203.0.113.10
fiber  ipv6    1500 (link)  no answer  fe80::1
1 remote is known to have a smaller path MTU by way of lte

flows: ";
        assert!(render(&status).contains(expected), "{}", render(&status));
    }

    #[test]
    fn probes_are_shown_with_what_their_window_comes_to() {
        let mut status = sample();
        let good = Probe {
            name: "icmp 203.0.113.10".into(),
            last: Some("passed".into()),
            round_trip_us: Some(12_340),
            outcomes: 30,
            lost: 1,
            mean_us: 13_000,
            jitter_us: 90,
        };
        let dead = Probe {
            name: "tcp gateway:443".into(),
            last: Some("no answer".into()),
            outcomes: 2,
            lost: 2,
            ..Probe::default()
        };
        status.wans[0].health[0].probes = vec![good, dead];
        let expected = "
PROBE  FAMILY  ASKS               LAST          TRIP     MEAN  JITTER     LOST
fiber  ipv4    icmp 203.0.113.10  passed     12.3 ms  13.0 ms  0.0 ms  1 of 30
fiber  ipv4    tcp gateway:443    no answer                             2 of 2

flows: ";
        assert!(render(&status).contains(expected), "{}", render(&status));
    }

    #[test]
    fn a_status_without_losses_says_nothing_of_them() {
        let quiet = Status { drops: BTreeMap::new(), events: BTreeMap::new(), ports: BTreeMap::new(), ..sample() };
        assert!(render(&quiet).ends_with("(30 made, 6 expired, 0 refused because the table was full)\n"));
    }
}
