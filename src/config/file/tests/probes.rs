//! `[wan.health]`: what it means, and each fault in it.

use super::{faults, parse, two_with};
use crate::config::settings::{Health, HealthProbe, ProbeKind, ProbeTarget};
use std::net::IpAddr;

/// `TWO` with this health of its second WAN; the first line of it is line 19.
fn with(lines: &str) -> String {
    two_with("interface = \"wan1\"\n", &format!("interface = \"wan1\"\n[wan.health]\n{lines}\n"))
}

fn health(lines: &str) -> Health {
    parse(&with(lines), "f").unwrap().wans[1].health.clone()
}

#[test]
fn every_probe_means_what_it_says() {
    let host = |text: &str| ProbeTarget::Host(text.parse::<IpAddr>().unwrap());
    let http = |port, host: &str, path: &str, expect: &[u16], body: Option<&str>| ProbeKind::Http {
        port,
        host: host.into(),
        path: path.into(),
        expect: expect.to_vec(),
        body: body.map(Into::into),
    };
    let dns = ProbeKind::Dns { name: "example.com".into(), record: None };
    let cases = [
        ("icmp = \"gateway\"", ProbeTarget::Gateway, ProbeKind::Icmp),
        ("icmp = \"2001:db8:ffff::10\"", host("2001:db8:ffff::10"), ProbeKind::Icmp),
        ("neighbor = \"gateway\"", ProbeTarget::Gateway, ProbeKind::Neighbor),
        ("tcp = \"203.0.113.10:443\"", host("203.0.113.10"), ProbeKind::Tcp { port: 443 }),
        ("tcp = \"[2001:db8:ffff::10]:53\"", host("2001:db8:ffff::10"), ProbeKind::Tcp { port: 53 }),
        ("tcp = \"gateway:80\"", ProbeTarget::Gateway, ProbeKind::Tcp { port: 80 }),
        ("http = \"http://203.0.113.10\"", host("203.0.113.10"), http(80, "203.0.113.10", "/", &[200], None)),
        (
            "http = \"http://203.0.113.10:8080/a?b\", expect = 204, body = \"ok\", host = \"a.example\"",
            host("203.0.113.10"),
            http(8080, "a.example", "/a?b", &[204], Some("ok")),
        ),
        (
            "http = \"http://[2001:db8:ffff::10]/x\"",
            host("2001:db8:ffff::10"),
            http(80, "[2001:db8:ffff::10]", "/x", &[200], None),
        ),
        ("dns = \"203.0.113.53\", name = \"example.com.\"", host("203.0.113.53"), dns.clone()),
        ("dns = \"gateway\", name = \"example.com\"", ProbeTarget::Gateway, dns),
        (
            "dns = \"gateway\", name = \"example.com\", type = \"AAAA\"",
            ProbeTarget::Gateway,
            ProbeKind::Dns { name: "example.com".into(), record: Some(28) },
        ),
        (
            "http = \"http://203.0.113.10\", expect = [200, 204]",
            host("203.0.113.10"),
            http(80, "203.0.113.10", "/", &[200, 204], None),
        ),
        (
            "tls = \"203.0.113.10:443\", name = \"example.com\"",
            host("203.0.113.10"),
            ProbeKind::Tls { port: 443, name: Some("example.com".into()) },
        ),
        ("tls = \"203.0.113.10:8443\"", host("203.0.113.10"), ProbeKind::Tls { port: 8443, name: None }),
        ("ntp = \"203.0.113.10\"", host("203.0.113.10"), ProbeKind::Ntp),
    ];
    for (text, target, kind) in cases {
        assert_eq!(
            health(&format!("probes = [{{ {text} }}]")).probes,
            [HealthProbe { target, kind, source: None }],
            "{text}"
        );
    }
}

#[test]
fn times_have_defaults_and_a_timeout_is_never_longer_than_its_interval() {
    let times = |lines: &str| {
        let health = health(lines);
        (health.interval, health.timeout)
    };
    assert_eq!(times("probes = []"), (1000, 800));
    assert_eq!(times("interval = \"50ms\""), (50, 40));
    assert_eq!(times("interval = \"999ms\""), (999, 796));
    assert_eq!(times("interval = \"1m\"\ntimeout = \"1s\""), (60_000, 1000));
    assert_eq!(parse(super::TWO, "f").unwrap().wans[1].health, Health::default());
}

#[test]
fn a_fault_of_a_probe_is_named_in_its_place() {
    let cases = [
        ("{}", "19:11 missing {} | this probe does not say what it asks | write one such as { icmp = \"gateway\" }"),
        (
            "{ icmp = \"gateway\", tcp = \"203.0.113.10:1\" }",
            "19:31 conflict tcp | a probe is of one kind, and this one says `tcp` too | make two probes of it; the kinds are `icmp`, `tcp`, `http`, `tls`, `dns`, `ntp`, `neighbor`",
        ),
        (
            "{ icpm = \"gateway\" }",
            "19:11 missing { icpm = \"gateway\" } | this probe does not say what it asks | write one such as { icmp = \"gateway\" }\n19:13 unknown-key icpm | a probe has no key `icpm` | did you mean `icmp`?",
        ),
        (
            "{ icmp = \"example.com\" }",
            "19:20 bad-value \"example.com\" | `example.com` is no IP address | write one such as \"192.0.2.1\" or \"2001:db8::1\", or \"gateway\"",
        ),
        (
            "{ neighbor = \"192.0.2.1\" }",
            "19:24 bad-value \"192.0.2.1\" | `neighbor` cannot be `192.0.2.1`: it asks the next hop on the link | write \"gateway\"",
        ),
        (
            "{ tcp = \"203.0.113.10\" }",
            "19:19 bad-value \"203.0.113.10\" | `203.0.113.10` is no address and port | write them such as \"203.0.113.10:443\" or \"[2001:db8::1]:443\"",
        ),
        (
            "{ http = \"https://203.0.113.10/\" }",
            "19:20 bad-value \"https://203.0.113.10/\" | `https://203.0.113.10/` is no address of a page by HTTP | write one such as \"http://203.0.113.10/generate_204\"",
        ),
        (
            "{ http = \"http://example.com/\" }",
            "19:20 bad-value \"http://example.com/\" | `http://example.com/` names its host by something else than an address | write its address, and its name as `host`",
        ),
        (
            "{ http = \"http://203.0.113.10/\", expect = 99 }",
            "19:53 bad-value 99 | `expect` cannot be `99` | write a number from 100 to 599",
        ),
        (
            "{ http = \"http://203.0.113.10/\", expect = [] }",
            "19:53 bad-value [] | with no status in `expect` no page would do | write one such as 204",
        ),
        (
            "{ dns = \"gateway\", name = \"example.com\", type = \"a\" }",
            "19:59 bad-value \"a\" | `type` cannot be `a` | did you mean \"A\"?",
        ),
        (
            "{ dns = \"203.0.113.53\" }",
            "19:11 missing { dns = \"203.0.113.53\" } | a probe has no `name` | add `name = \"example.com\"`",
        ),
        (
            "{ dns = \"nobody\", name = \"a..b\" }",
            "19:19 bad-value \"nobody\" | `nobody` is no IP address | write one such as \"192.0.2.1\" or \"2001:db8::1\", or \"gateway\"\n19:36 bad-value \"a..b\" | `a..b` is no name that DNS knows | write one such as \"example.com\"",
        ),
        (
            "{ dns = \"203.0.113.53\", name = \"a..b\" }",
            "19:42 bad-value \"a..b\" | `a..b` is no name that DNS knows | write one such as \"example.com\"",
        ),
        (
            "{ icmp = \"203.0.113.10\" }, { icmp = \"203.0.113.10\" }",
            "19:38 duplicate { icmp = \"203.0.113.10\" } | this probe is given twice | keep one of the two",
        ),
        (
            "{ icmp = \"192.0.2.193\" }",
            "19:11 conflict { icmp = \"192.0.2.193\" } | `192.0.2.193` cannot be asked: flowpin itself owns it for WAN `fiber` | name a host outside",
        ),
        (
            "{ icmp = \"203.0.113.10\", source = \"2001:db8::9\" }",
            "19:11 conflict { icmp = \"203.0.113.10\", source = \"2001:db8::9\" } | `203.0.113.10` cannot be asked from `2001:db8::9`, which is of the other family | write a `source` of the family of what is asked",
        ),
        (
            "{ icmp = \"203.0.113.10\", source = \"10.250.250.3\" }",
            "19:11 conflict { icmp = \"203.0.113.10\", source = \"10.250.250.3\" } | `10.250.250.3` cannot be `source`: it is inside | write an address that this WAN translates to, or that its link has",
        ),
        (
            "{ icmp = \"10.250.250.3\" }",
            "19:11 conflict { icmp = \"10.250.250.3\" } | `10.250.250.3` cannot be asked: it is inside | name a host outside",
        ),
    ];
    for (probes, expected) in cases {
        assert_eq!(faults(&with(&format!("probes = [{probes}]"))).join("\n"), expected, "{probes}");
    }
}

#[test]
fn a_page_needs_an_address_that_the_kernel_does_not_have() {
    let text = with("probes = [{ http = \"http://203.0.113.10/\" }, { http = \"http://[2001:db8:ffff::10]/\" }]")
        .replacen("[wan.nat44]\n\"10.250.250.2\" = \"198.51.100.2\"\n", "", 1);
    assert_eq!(
        faults(&text),
        [
            "19:11 conflict { http = \"http://203.0.113.10/\" } | WAN `cable` has no public IPv4 address to fetch a page with | probe it by `tcp` instead, or add [wan.nat44]"
        ]
    );
}

#[test]
fn a_fault_of_the_times_is_named_in_its_place() {
    let cases = [
        (
            "interval = \"49ms\"",
            "19:12 bad-value \"49ms\" | `interval` cannot be 49 ms | write a time from \"50ms\" to \"1h\"",
        ),
        ("interval = \"soon\"", "19:12 bad-value \"soon\" | `soon` is no time | write it such as \"800ms\" or \"1s\""),
        (
            "timeout = \"2s\"",
            "19:11 conflict \"2s\" | a `timeout` of 2000 ms is longer than the `interval` of 1000 ms | write the time of one `interval` or less",
        ),
    ];
    for (line, expected) in cases {
        assert_eq!(faults(&with(line)), [expected]);
    }
}

#[test]
fn there_is_room_for_sixty_four_probes() {
    let list = |count: u8| {
        let probes: Vec<_> = (1..=count).map(|port| format!("{{ tcp = \"203.0.113.10:{port}\" }}")).collect();
        with(&format!("probes = [{}]", probes.join(", ")))
    };
    assert!(parse(&list(64), "f").is_ok());
    assert_eq!(
        faults(&list(65)),
        [
            "19:1858 bad-value { tcp = \"203.0.113.10:65\" } | this is probe 65, and a WAN has room for 64 | keep 64 of the 65"
        ]
    );
}

#[test]
fn what_the_probes_are_judged_by_has_its_bounds() {
    let rows = [
        ("quorum = 0", "19:10 bad-value 0 | `quorum` cannot be `0` | write a number from 1 to 1000"),
        ("fall = 1001", "19:8 bad-value 1001 | `fall` cannot be `1001` | write a number from 1 to 1000"),
        ("max_loss = \"20\"", "19:12 bad-value \"20\" | `20` is no share | write one such as \"20%\" or \"2.5%\""),
        (
            "max_latency = \"0s\"",
            "19:15 bad-value \"0s\" | `max_latency` cannot be 0 ms | write a time from \"1ms\" to \"1h\"",
        ),
        ("hold = \"2h\"", "19:8 bad-value \"2h\" | `hold` cannot be 7200000 ms | write a time from \"0ms\" to \"1h\""),
        (
            "silence = \"100ms\"",
            "19:11 bad-value \"100ms\" | `silence` cannot be 100 ms | write a time from \"500ms\" to \"1h\", or \"off\"",
        ),
        (
            "silence = \"none\"",
            "19:11 bad-value \"none\" | `none` is no time | write a time from \"500ms\" to \"1h\", or \"off\"",
        ),
        (
            "on_up = \"drain\"",
            "19:9 bad-value \"drain\" | `on_up` cannot be `drain` | write \"keep\", \"reset\" or \"move\"",
        ),
        (
            "on_up = { drain = \"500ms\" }",
            "19:19 bad-value \"500ms\" | `drain` cannot be 500 ms | write a time from \"1000ms\" to \"24h\"",
        ),
        (
            "on_up = { after = \"5m\" }",
            "19:11 unknown-key after | `on_up` has no key `after` | remove it; the keys here are: tcp, udp, drain",
        ),
    ];
    for (line, expected) in rows {
        assert_eq!(faults(&with(line)), [expected]);
    }
}
