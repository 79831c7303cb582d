//! What good files mean, and that the files in config/ are good.

use super::{TWO, parse};
use crate::config::settings::{
    Control, Downstream, External6, Health, Limits, Local, Log, Mtu, Nptv6, OnLink, OnStop, Settings, Thresholds, Wan,
    Workers,
};
use crate::types::{Balance, Family, Mac, NptMode, OnUp, Remedies, Remedy, Timeouts};
use std::net::IpAddr;
use std::path::Path;

#[test]
fn the_least_file_has_every_default() {
    let text = "[downstream]\nprefixes = [\"10.0.0.0/24\"]\n[[wan]]\ninterface = \"wan0\"\nvlan = 7\nnat44 = { \"10.0.0.2\" = \"192.0.2.2\" }\n";
    let wan = Wan {
        name: "wan0.7".into(),
        interface: "wan0".into(),
        vlan: Some(7),
        weight: 1,
        tier: 1,
        mtu: Mtu::Auto,
        mtu_targets: vec![],
        gateway4: None,
        gateway6: None,
        gateway_macs: [None; 2],
        on_link: OnLink::Direct,
        sources: [None; 2],
        nat44: vec![([10, 0, 0, 2].into(), [192, 0, 2, 2].into())],
        nat44_interface: None,
        masquerade: None,
        nptv6: None,
        inbound6: vec![],
        thresholds: Thresholds::default(),
        on_soft_down: Remedies::all(Remedy::Drain),
        on_hard_down: Remedies::default(),
        silence: Some(3000),
        on_up: OnUp::default(),
        health: Health::default(),
    };
    let downstream = Downstream {
        interface: None,
        tun: "flowpin0".into(),
        mtu: 1500,
        addresses: vec![],
        prefixes: vec!["10.0.0.0/24".parse().unwrap()],
        local: Local::default(),
        on_stop: OnStop::Shut,
        next_hop4: None,
        next_hop6: None,
    };
    let expected = Settings {
        downstream,
        wans: [wan].into_iter().collect(),
        balance: Balance::Endpoint,
        last_resort: false,
        traffic_evidence: true,
        limits: Limits { martians: None, flows: 1_000_000, flows_per_source: 50_000, icmp_errors: 1000 },
        timeouts: Timeouts {
            tcp_established: 7440,
            tcp_opening: 240,
            tcp_closing: 240,
            udp: 300,
            icmp: 60,
            other: 300,
            unanswered: 30,
        },
        workers: Workers { threads: None, seed: 0 },
        control: Control { socket: "/run/flowpin/control.sock".into(), group: None },
        log: Log { json: false, level: "info".into() },
        hooks: Vec::new(),
    };
    assert_eq!(parse(text, "f"), Ok(expected));
}

#[test]
fn every_key_means_what_it_says() {
    let text = r#"
        downstream = { interface = "lan0", tun = "tun9", mtu = 9000, addresses = ["10.9.9.1/30"], prefixes = ["10.0.0.0/8", "fd00::/48"],
                       next_hop4 = "10.0.0.2", next_hop6 = "fe80::2" }
        default = { balance = "site" }
        limits = { martians = ["192.0.0.0/24"], flows = 5, flows_per_source = 3, icmp_errors = 0 }
        timeouts = { tcp_established = "3h", tcp_opening = 5, tcp_closing = "1m", udp = 1, icmp = "2s", other = "1h1s", unanswered = 9 }
        workers = { threads = 2, seed = 18446744073709551615 }
        control = { socket = "/tmp/x", group = "staff" }
        log = { format = "json", level = "debug" }
        [[wan]]
        name = "a"
        interface = "eth0"
        weight = 3
        tier = 0
        mtu = 1492
        gateway4 = "192.0.2.1"
        gateway6 = "fe80::1"
        gateway_mac6 = "02:00:5e:10:00:0A"
        onlink = "gateway"
        source4 = "192.0.2.77"
        source6 = "2001:db8:a::5"
        nptv6 = { inside = "fd00:0:0:10::/60", outside = "2001:db8::/60", mode = "rfc6296" }
        inbound6 = { "2001:db8:0:1::1" = "fd99::2" }
        [[wan]]
        interface = "eth1"
        mtu = "probe"
        mtu_targets = ["203.0.113.10", "2001:db8:ffff::10"]
        gateway4 = "auto"
        nat44 = { "10.0.0.2" = "198.51.100.2" }
    "#;
    let settings = parse(text, "f").unwrap();
    let downstream = &settings.downstream;
    assert_eq!(
        (downstream.interface.as_deref(), downstream.tun.as_str(), downstream.mtu),
        (Some("lan0"), "tun9", 9000)
    );
    assert_eq!(downstream.addresses, ["10.9.9.1/30".parse().unwrap()]);
    assert_eq!(downstream.next_hop4, Some([10, 0, 0, 2].into()));
    assert_eq!(downstream.next_hop6, "fe80::2".parse().ok());
    assert_eq!(settings.balance, Balance::Site);
    let martians = Some(vec!["192.0.0.0/24".parse().unwrap()]);
    assert_eq!(settings.limits, Limits { martians, flows: 5, flows_per_source: 3, icmp_errors: 0 });
    let timeouts = Timeouts {
        tcp_established: 10_800,
        tcp_opening: 5,
        tcp_closing: 60,
        udp: 1,
        icmp: 2,
        other: 3601,
        unanswered: 9,
    };
    assert_eq!(settings.timeouts, timeouts);
    assert_eq!(settings.workers, Workers { threads: Some(2), seed: u64::MAX });
    assert_eq!(settings.control, Control { socket: "/tmp/x".into(), group: Some("staff".into()) });
    assert_eq!(settings.log, Log { json: true, level: "debug".into() });
    let (a, b) = (&settings.wans[0], &settings.wans[1]);
    assert_eq!((a.weight, a.tier, a.mtu, a.gateway6), (3, 0, Mtu::Bytes(1492), "fe80::1".parse().ok()));
    assert_eq!(a.sources, ["192.0.2.77", "2001:db8:a::5"].map(|source| source.parse().ok()));
    assert_eq!((a.on_link, b.on_link), (OnLink::Gateway, OnLink::Direct));
    assert_eq!(a.gateway_macs, [None, Some(Mac([2, 0, 0x5e, 0x10, 0, 0xa]))]);
    let npt = Nptv6 {
        inside: "fd00:0:0:10::/60".parse().unwrap(),
        outside: "2001:db8::/60".parse().ok(),
        mode: NptMode::Rfc6296,
    };
    assert_eq!(a.nptv6, Some(npt));
    assert_eq!(a.inbound6, [(External6::Fixed("2001:db8:0:1::1".parse().unwrap()), "fd99::2".parse().unwrap())]);
    assert_eq!((b.name.as_str(), b.mtu, b.gateway4, b.tier), ("eth1", Mtu::Probe, None, 1));
    assert_eq!(b.mtu_targets, ["203.0.113.10".parse::<IpAddr>().unwrap(), "2001:db8:ffff::10".parse().unwrap()]);
}

#[test]
fn what_a_line_gives_may_be_left_to_the_line() {
    let text = super::two_with("\"2001:db8:b:d00::/60\"", "\"auto\"").replace("\"198.51.100.2\"", "\"interface\"");
    let wans = parse(&text, "f").unwrap().wans;
    assert_eq!((wans[1].nat44.len(), wans[1].nat44_interface), (0, Some([10, 250, 250, 2].into())));
    assert_eq!(wans[1].nptv6.unwrap().outside, None);
    assert_eq!((wans[0].nat44_interface, wans[1].fixed()), (None, vec!["2001:db8:b:d00::1/128".parse().unwrap()]));
    assert!([Family::V4, Family::V6].iter().all(|family| wans[1].carries(*family)));
}

#[test]
fn mappings_keep_the_order_of_the_file() {
    let text = super::two_with("\"10.250.250.2\" = \"192.0.2.193\"", "\"10.250.250.4\" = \"192.0.2.200\"");
    let wans = parse(&text, "f").unwrap().wans;
    assert_eq!(wans[0].nat44[0], ([10, 250, 250, 4].into(), [192, 0, 2, 200].into()));
    assert_eq!(wans[0].nat44[1], ([10, 250, 250, 3].into(), [192, 0, 2, 194].into()));
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_nobody_s_business() {
    let plain = parse(TWO, "f");
    assert!(plain.is_ok());
    assert_eq!(parse(&format!("\u{feff}{}", TWO.replace('\n', "\r\n")), "f"), plain);
}

#[test]
fn every_file_in_config_passes_the_check() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let mut checked = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let read = super::super::load(&path);
            assert!(read.is_ok(), "{}", read.unwrap_err());
            checked += 1;
        }
    }
    assert!(checked > 0);
}

#[test]
fn the_example_of_the_readme_passes_the_check() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let (_, example) = readme.split_once("```toml\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let read = super::super::parse(example, "README.md");
    assert!(read.is_ok(), "{}", read.unwrap_err());
}

#[test]
fn what_a_wan_is_judged_by_has_defaults_and_can_be_said() {
    let said = |line: &str| {
        let settings = parse(&TWO.replace("name = \"cable\"", line), "flowpin.toml").unwrap();
        (settings.wans[1].thresholds, settings.wans[1].on_soft_down)
    };
    let default = Thresholds { quorum: 1, fall: 3, rise: 5, max_loss: 200, max_latency: 250, hold: 10_000 };
    assert_eq!(said("health = {}"), (default, Remedies::all(Remedy::Drain)));
    let all = "health = { quorum = 2, fall = 4, rise = 6, max_loss = \"2.5%\", max_latency = \"1s\", hold = \"0s\", \
               on_soft_down = \"move\" }";
    let thresholds = Thresholds { quorum: 2, fall: 4, rise: 6, max_loss: 25, max_latency: 1000, hold: 0 };
    assert_eq!(said(all), (thresholds, Remedies::all(Remedy::Move)));
}

#[test]
fn what_becomes_of_the_flows_of_a_dead_wan_is_said_for_all_or_by_protocol() {
    let said = |line: &str| {
        let settings = parse(&TWO.replace("name = \"cable\"", line), "flowpin.toml").unwrap();
        settings.wans[1].on_hard_down
    };
    assert_eq!(said("health = {}"), Remedies { tcp: Remedy::Reset, udp: Remedy::Move });
    assert_eq!(said("health = { on_hard_down = \"drain\" }"), Remedies::all(Remedy::Drain));
    assert_eq!(said("health = { on_hard_down = { tcp = \"move\" } }"), Remedies::all(Remedy::Move));
    let both = "health = { on_hard_down = { tcp = \"drain\", udp = \"reset\" } }";
    assert_eq!(said(both), Remedies { tcp: Remedy::Drain, udp: Remedy::Reset });
}

#[test]
fn a_last_resort_is_asked_for() {
    let said = |text: &str| parse(&format!("{text}{TWO}"), "flowpin.toml").unwrap().last_resort;
    assert_eq!([said(""), said("default = { last_resort = true }\n")], [false, true]);
}

#[test]
fn what_becomes_of_flows_on_a_worse_tier_is_kept_unless_said() {
    let said = |health: &str| {
        let text =
            super::two_with("interface = \"wan1\"\n", &format!("interface = \"wan1\"\nhealth = {{ {health} }}\n"));
        let OnUp { remedies: Remedies { tcp, udp }, after } = parse(&text, "f").unwrap().wans[1].on_up;
        (tcp, udp, after)
    };
    assert_eq!(said(""), (Remedy::Drain, Remedy::Drain, 0));
    assert_eq!(said("on_up = \"keep\""), (Remedy::Drain, Remedy::Drain, 0));
    assert_eq!(said("on_up = \"reset\""), (Remedy::Reset, Remedy::Reset, 0));
    assert_eq!(said("on_up = \"move\""), (Remedy::Move, Remedy::Move, 0));
    assert_eq!(said("on_up = { drain = \"10m\" }"), (Remedy::Reset, Remedy::Move, 600_000));
    assert_eq!(said("on_up = { udp = \"move\" }"), (Remedy::Drain, Remedy::Move, 0));
    assert_eq!(said("on_up = { drain = \"1s\", tcp = \"keep\" }"), (Remedy::Drain, Remedy::Move, 1000));
}

#[test]
fn real_traffic_has_a_say_unless_that_is_switched_off() {
    let said = |text: &str| parse(&format!("{text}{TWO}"), "flowpin.toml").unwrap().traffic_evidence;
    assert_eq!(["", "default = {}\n", "default = { traffic_evidence = false }\n"].map(said), [true, true, false]);
}

#[test]
fn how_long_a_flow_may_wait_for_an_answer_is_said_or_switched_off() {
    let said = |line: &str| parse(&TWO.replace("name = \"cable\"", line), "flowpin.toml").unwrap().wans[1].silence;
    let rows = [
        ("", Some(3000)),
        ("silence = \"1500ms\"", Some(1500)),
        ("silence = \"1h\"", Some(3_600_000)),
        ("silence = \"off\"", None),
    ];
    for (line, expected) in rows {
        assert_eq!(said(&format!("health = {{ {line} }}")), expected, "{line}");
    }
}

#[test]
fn external_hosts_are_addresses_or_follow_what_the_line_has() {
    let text = |outside: &str| {
        format!(
            r#"
        [downstream]
        prefixes = ["10.0.0.0/24", "fd00::/60"]
        [[wan]]
        interface = "wan0"
        nptv6 = {{ inside = "fd00::/60", outside = "{outside}" }}
        inbound4 = {{ "192.0.2.2" = "10.0.0.2", "interface" = "10.0.0.3" }}
        inbound6 = {{ "::1" = "fd99::2", "::5:0:0:0:1" = "fd99::3", "2001:db8:9::1" = "fd99::4" }}
    "#
        )
    };
    let fixed = |address: &str| External6::Fixed(address.parse().unwrap());
    let behind = |bits: &str| External6::Behind(bits.parse().unwrap());
    let externals = |outside| {
        let settings = parse(&text(outside), "f").unwrap();
        assert_eq!(settings.wans[0].nat44, [([10, 0, 0, 2].into(), [192, 0, 2, 2].into())]);
        assert_eq!(settings.wans[0].nat44_interface, Some([10, 0, 0, 3].into()));
        settings.wans[0].inbound6.iter().map(|(external, _)| *external).collect::<Vec<_>>()
    };
    assert_eq!(externals("auto"), [behind("::1"), behind("::5:0:0:0:1"), fixed("2001:db8:9::1")]);
    let named = ["2001:db8:a:c80::1", "2001:db8:a:c85::1", "2001:db8:9::1"].map(fixed);
    assert_eq!(externals("2001:db8:a:c80::/60"), named);
}
