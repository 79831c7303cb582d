//! The configuration that the tests of this room share. Must never know: what they test.

use crate::config::settings::{
    Control, Downstream, Health, Limits, Local, Log, Mtu, Nptv6, OnLink, OnStop, Settings, Thresholds, Wan, Workers,
};
use crate::types::{Balance, NptMode, Timeouts};
use std::net::Ipv4Addr;

/// Two WANs, fiber and cable, on links of the same names with a 0.
pub fn settings() -> Settings {
    Settings {
        downstream: Downstream {
            interface: Some("lan0".into()),
            tun: "flowpin0".into(),
            mtu: 1500,
            addresses: Vec::new(),
            prefixes: vec!["10.250.250.0/29".parse().unwrap(), "fd00:bad:b01::/60".parse().unwrap()],
            local: Local::default(),
            on_stop: OnStop::Shut,
            next_hop4: None,
            next_hop6: None,
        },
        wans: [wan("fiber", Mtu::Probe, None), wan("cable", Mtu::Bytes(1400), Some(Ipv4Addr::new(198, 51, 100, 1)))]
            .into_iter()
            .collect(),
        balance: Balance::Site,
        last_resort: false,
        traffic_evidence: true,
        limits: Limits { martians: None, flows: 1000, flows_per_source: 1000, icmp_errors: 1000 },
        timeouts: Timeouts {
            tcp_established: 7440,
            tcp_opening: 240,
            tcp_closing: 241,
            udp: 300,
            icmp: 60,
            other: 301,
            unanswered: 30,
        },
        workers: Workers { threads: None, seed: 7 },
        control: Control { socket: "/run/flowpin/control.sock".into(), group: None },
        log: Log { json: false, level: "info".into() },
        hooks: Vec::new(),
    }
}

fn wan(name: &str, mtu: Mtu, gateway4: Option<Ipv4Addr>) -> Wan {
    Wan {
        name: name.into(),
        interface: format!("{name}0"),
        vlan: None,
        weight: 2,
        tier: 1,
        mtu,
        mtu_targets: Vec::new(),
        gateway4,
        gateway6: None,
        gateway_macs: [None; 2],
        on_link: OnLink::Direct,
        sources: [None; 2],
        nat44: vec![(Ipv4Addr::new(10, 250, 250, 2), Ipv4Addr::new(192, 0, 2, 193))],
        nat44_interface: None,
        masquerade: None,
        nptv6: Some(Nptv6 {
            inside: "fd00:bad:b01::/60".parse().unwrap(),
            outside: "2001:db8:a:c80::/60".parse().ok(),
            mode: NptMode::Rfc6296,
        }),
        inbound6: Vec::new(),
        thresholds: Thresholds::default(),
        on_soft_down: crate::types::Remedies::all(crate::types::Remedy::Drain),
        on_hard_down: crate::types::Remedies::default(),
        silence: crate::config::settings::DEFAULT_SILENCE,
        on_up: crate::types::OnUp::default(),
        health: Health::default(),
    }
}
