//! Faults of a single key or value, each with its place, its words and what to write instead.

use super::{faults, parse, two_with};

/// One fault per case: what of the good file is replaced, by what, and the one fault that comes of it.
#[track_caller]
fn each(cases: &[(&str, &str, &str)]) {
    for (piece, instead, expected) in cases {
        assert_eq!(faults(&two_with(piece, instead)), [*expected], "{instead}");
    }
}

#[test]
fn grammar() {
    each(&[
        ("\"wan1\"", "wan1", "17:13 syntax wan1 | text needs quotes | write \"wan1\""),
        (
            "\"10.250.250.3\" =",
            "\"10.250.250.2\" =",
            "10:1 syntax \"10.250.250.2\" | this key is given twice | keep one of the two",
        ),
        (
            "name = \"cable\"",
            "name",
            "16:4 syntax e | this key has no value | write it as `key = value`; addresses as keys need quotes",
        ),
        (
            "[[wan]]\nname = \"cable\"",
            "[downstream]\n[[wan]]\nname = \"cable\"",
            "15:2 syntax downstream | this table is given twice | put the keys of both below one header",
        ),
        (
            "[[wan]]\nname = \"cable\"",
            "[[wan]\nname = \"cable\"",
            "15:6 syntax ] | this is not TOML: unclosed array table, expected `]` | TOML is `key = value` below [table] or [[list of tables]], with text in quotes",
        ),
    ]);
}

#[test]
fn an_address_without_quotes_hides_nothing() {
    let text = two_with("\"2001:db8:b:d00::1\" =", "2001:db8:b:d00::1 =").replace("\"wan1\"", "\"wan0\"");
    let found = faults(&text);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("17:13 duplicate"), "{}", found[0]);
    assert!(
        found[1].ends_with("| the key `2001:db8:b:d00::1` needs quotes | write \"2001:db8:b:d00::1\""),
        "{}",
        found[1]
    );
}

#[test]
fn a_bad_value_does_not_hide_the_faults_behind_it() {
    let text = two_with("\"wan0\"", "wan0").replace("name = \"cable\"", "nmae = \"cable\"");
    let expected = [
        "7:13 syntax wan0 | text needs quotes | write \"wan0\"",
        "16:1 unknown-key nmae | [[wan]] has no key `nmae` | did you mean `name`?",
    ];
    assert_eq!(faults(&text), expected);
}

#[test]
fn unknown_keys() {
    each(&[
        (
            "[downstream]",
            "[dwonstream]\n[downstream]",
            "1:2 unknown-key dwonstream | the file has no key `dwonstream` | did you mean `downstream`?",
        ),
        (
            "name = \"cable\"",
            "wieght = 2",
            "16:1 unknown-key wieght | [[wan]] has no key `wieght` | did you mean `weight`?",
        ),
        (
            "name = \"cable\"",
            "\"a b\" = 2",
            "16:1 unknown-key \"a b\" | [[wan]] has no key `a b` | remove it; the keys here are: name, interface, vlan, weight, tier, mtu, mtu_targets, gateway4, gateway6, gateway_mac4, gateway_mac6, onlink, source4, source6, health, nat44, inbound4, masquerade, nptv6, inbound6",
        ),
        (
            "outside = \"2001:db8:a:",
            "mod = \"prefix\"\noutside = \"2001:db8:a:",
            "13:1 unknown-key mod | [wan.nptv6] has no key `mod` | did you mean `mode`?",
        ),
    ]);
}

#[test]
fn what_later_versions_bring_is_refused_by_name() {
    each(&[
        (
            "name = \"cable\"",
            "masquerade = { addresses = [] }",
            "16:16 not-supported-yet addresses | `addresses` is not supported yet | remove `addresses`",
        ),
        (
            "name = \"cable\"",
            "masquerade = { address = \"192.0.2.7\" }",
            "16:26 not-supported-yet \"192.0.2.7\" | another `address` than \"auto\" is not supported yet | write \"auto\", or remove `address`",
        ),
    ]);
    let text = two_with("[downstream]", "[control]\nmetrics = \"127.0.0.1:9420\"\n[downstream]");
    assert_eq!(faults(&text), ["2:1 not-supported-yet metrics | `metrics` is not supported yet | remove `metrics`"]);
    each(&[
        (
            "[downstream]",
            "[[policy]]\n[downstream]",
            "1:3 not-supported-yet policy | `policy` is not supported yet | remove `policy`",
        ),
        (
            "[downstream]",
            "[host]\n[downstream]",
            "1:2 not-supported-yet host | `host` is not supported yet | remove `host`",
        ),
        (
            "[downstream]",
            "[hooks]\non_event = [\"on-event\"]\n[downstream]",
            "2:13 bad-value \"on-event\" | `on-event` is no absolute path | write where the program is, such as \"/etc/flowpin/on-event\"",
        ),
    ]);
}

#[test]
fn wrong_types() {
    each(&[
        (
            "\"10.250.250.0/29\"",
            "5",
            "3:13 wrong-type 5 | `prefixes` is a list of text, this is a number | write \"5\"",
        ),
        ("name = \"cable\"", "name = 7", "16:8 wrong-type 7 | `name` takes text, this is a number | write \"7\""),
        (
            "name = \"cable\"",
            "name = true",
            "16:8 wrong-type true | `name` takes text, this is true or false | put it in quotes",
        ),
        (
            "name = \"cable\"",
            "weight = \"2\"",
            "16:10 wrong-type \"2\" | `weight` takes a number, this is text | write it without quotes",
        ),
        (
            "name = \"cable\"",
            "weight = 1.5",
            "16:10 wrong-type 1.5 | `weight` takes a number, this is a fraction | write a number from 1 to 4294967295",
        ),
        (
            "prefixes = [\"10.250.250.0/29\", \"fd00:bad:b01::/60\"]",
            "prefixes = \"10.250.250.0/29\"",
            "3:12 wrong-type \"10.250.250.0/29\" | `prefixes` takes a list, this is text | put it in brackets: [...]",
        ),
        (
            "[downstream]",
            "log = 1979-05-27\n[downstream]",
            "1:7 wrong-type 1979-05-27 | `log` takes a table, this is a date | write it as [log] with its keys below",
        ),
        ("\"198.51.100.2\"", "5", "19:18 wrong-type 5 | a mapping takes text, this is a number | write \"5\""),
        (
            "\"10.250.250.2\" = \"198",
            "10.250.250.2 = \"198",
            "19:1 wrong-type 10.250.250.2 | [wan.nat44] maps addresses, and `10.250.250.2` is not in quotes | write \"10.250.250.2\" = \"...\"",
        ),
    ]);
    let one = "[downstream]\nprefixes = [\"10.0.0.0/8\"]\n[wan]\ninterface = \"a\"\nnat44 = { \"10.0.0.2\" = \"192.0.2.2\" }\n";
    assert_eq!(
        faults(one),
        ["3:1 wrong-type [wan] | a WAN is one of a list | write its header with two brackets: [[wan]]"]
    );
}

#[test]
fn numbers_out_of_range() {
    each(&[
        (
            "name = \"cable\"",
            "weight = 0",
            "16:10 bad-value 0 | with `weight` 0 this WAN would never get a flow | write 1 or more; to keep a WAN as a reserve give it a higher `tier`",
        ),
        (
            "name = \"cable\"",
            "weight = -1",
            "16:10 bad-value -1 | `weight` cannot be `-1` | write a number from 1 to 4294967295",
        ),
        (
            "name = \"cable\"",
            "vlan = 4095",
            "16:8 bad-value 4095 | `vlan` cannot be `4095` | write a number from 1 to 4094",
        ),
        (
            "name = \"cable\"",
            "vlan = 0x0",
            "16:8 bad-value 0x0 | `vlan` cannot be `0x0` | write a number from 1 to 4094",
        ),
        (
            "name = \"cable\"",
            "tier = 256",
            "16:8 bad-value 256 | `tier` cannot be `256` | write a number from 0 to 255",
        ),
        (
            "name = \"cable\"",
            "mtu = 575",
            "16:7 bad-value 575 | `mtu` cannot be `575` | write a number from 576 to 65535",
        ),
        (
            "name = \"cable\"",
            "mtu = \"big\"",
            "16:7 bad-value \"big\" | `mtu` cannot be `big` | write \"auto\", \"probe\" or a number of bytes without quotes",
        ),
        (
            "[downstream]",
            "limits.flows = 16_777_217\n[downstream]",
            "1:16 bad-value 16_777_217 | `flows` cannot be `16777217` | write a number from 1 to 16777216",
        ),
        (
            "[downstream]",
            "limits.icmp_errors = 1_000_001\n[downstream]",
            "1:22 bad-value 1_000_001 | `icmp_errors` cannot be `1000001` | write a number from 0 to 1000000",
        ),
        (
            "[downstream]",
            "workers.threads = 0\n[downstream]",
            "1:19 bad-value 0 | `threads` cannot be `0` | write \"auto\" or a number from 1 to 64",
        ),
        (
            "[downstream]",
            "workers.threads = \"all\"\n[downstream]",
            "1:19 wrong-type \"all\" | `threads` takes a number, this is text | write \"auto\" or a number from 1 to 64",
        ),
        (
            "[downstream]",
            "workers.seed = 18446744073709551616\n[downstream]",
            "1:16 bad-value 18446744073709551616 | `seed` cannot be `18446744073709551616` | write a number from 0 to 18446744073709551615",
        ),
        (
            "[downstream]",
            "timeouts.udp = 0\n[downstream]",
            "1:16 bad-value 0 | `udp` cannot be `0` | write a time such as \"2h4m\", or a number of seconds from 1 to 31536000",
        ),
    ]);
}

#[test]
fn words_addresses_and_times() {
    each(&[
        (
            "[downstream]",
            "default.balance = \"endpiont\"\n[downstream]",
            "1:19 bad-value \"endpiont\" | `balance` cannot be `endpiont` | did you mean \"endpoint\"?",
        ),
        (
            "[downstream]",
            "default.balance = \"random\"\n[downstream]",
            "1:19 bad-value \"random\" | `balance` cannot be `random` | write \"endpoint\", \"site\", \"source\" or \"flow\"",
        ),
        (
            "[downstream]",
            "log.level = \"warning\"\n[downstream]",
            "1:13 bad-value \"warning\" | `level` cannot be `warning` | write \"error\", \"warn\", \"info\", \"debug\" or \"trace\"",
        ),
        (
            "[downstream]",
            "timeouts.udp = \"5min\"\n[downstream]",
            "1:16 bad-value \"5min\" | `5min` is no time | write it such as \"2h4m\", \"5m\" or \"90s\", or as a number of seconds",
        ),
        (
            "[downstream]",
            "limits.martians = \"none\"\n[downstream]",
            "1:19 bad-value \"none\" | `martians` cannot be `none` | write \"default\" or a list of prefixes",
        ),
        (
            "[downstream]",
            "control.socket = \"c.sock\"\n[downstream]",
            "1:18 bad-value \"c.sock\" | `c.sock` is no absolute path of a file | write a path such as \"/run/flowpin/control.sock\"",
        ),
        (
            "name = \"cable\"",
            "name = \"a/b\"",
            "16:8 bad-value \"a/b\" | `a/b` cannot be the name of a WAN | begin with a letter or digit and use only those, `-`, `_` and `.`; at most 32",
        ),
        (
            "name = \"cable\"",
            "name = \"inside\"",
            "16:8 bad-value \"inside\" | `inside` is the word for the firewall's side | give the WAN another name",
        ),
        (
            "[downstream]",
            "[downstream]\ntun = \"a-name-too-long-for-a-link\"",
            "2:7 bad-value \"a-name-too-long-for-a-link\" | `a-name-too-long-for-a-link` has 26 bytes, and Linux allows 15 | write a link's name as `ip link` shows it",
        ),
        (
            "\"wan1\"",
            "\"eth/1\"",
            "17:13 bad-value \"eth/1\" | `eth/1` contains `/`, which no link's name may | write a link's name as `ip link` shows it",
        ),
        (
            "name = \"cable\"",
            "gateway4 = \"fe80::1\"",
            "16:12 bad-value \"fe80::1\" | `fe80::1` is IPv6, and IPv4 belongs here | write an IPv4 address such as \"192.0.2.1\", or \"auto\"",
        ),
        (
            "name = \"cable\"",
            "gateway6 = \"192.0.2.1\"",
            "16:12 bad-value \"192.0.2.1\" | `192.0.2.1` is IPv4, and IPv6 belongs here | write an IPv6 address such as \"2001:db8::1\", or \"auto\"",
        ),
        (
            "name = \"cable\"",
            "gateway_mac6 = \"01:00:5e:10:00:01\"",
            "16:16 bad-value \"01:00:5e:10:00:01\" | `01:00:5e:10:00:01` means a group of stations | write the MAC of the gateway alone",
        ),
        (
            "name = \"cable\"",
            "gateway_mac6 = \"00:00:00:00:00:00\"",
            "16:16 bad-value \"00:00:00:00:00:00\" | `00:00:00:00:00:00` is no MAC of any station | write the MAC of the gateway",
        ),
        (
            "name = \"cable\"",
            "gateway_mac6 = \"02:00:5e:10:00\"",
            "16:16 bad-value \"02:00:5e:10:00\" | `02:00:5e:10:00` is no MAC | write one such as \"02:00:5e:10:00:01\"",
        ),
        (
            "name = \"cable\"",
            "gateway_mac6 = \"02:00:5e:10:00:+1\"",
            "16:16 bad-value \"02:00:5e:10:00:+1\" | `02:00:5e:10:00:+1` is no MAC | write one such as \"02:00:5e:10:00:01\"",
        ),
        (
            "\"198.51.100.2\"",
            "\"198.51.100.256\"",
            "19:18 bad-value \"198.51.100.256\" | `198.51.100.256` is no IP address | write one such as \"192.0.2.1\" or \"2001:db8::1\", or \"interface\"",
        ),
        (
            "\"10.250.250.2\" = \"198",
            "\"10.250.250.2/32\" = \"198",
            "19:1 bad-value \"10.250.250.2/32\" | `10.250.250.2/32` is a prefix, and one address belongs here | write \"10.250.250.2\"",
        ),
        (
            "\"10.250.250.0/29\"",
            "\"10.250.250.1/29\"",
            "3:13 bad-value \"10.250.250.1/29\" | `10.250.250.1/29` has bits set behind its prefix length | write \"10.250.250.0/29\"",
        ),
        (
            "\"2001:db8:b:d00::/60\"",
            "\"2001:db8:b:d00::1/60\"",
            "22:11 bad-value \"2001:db8:b:d00::1/60\" | `2001:db8:b:d00::1/60` has bits set behind its prefix length | write \"2001:db8:b:d00::/60\"",
        ),
    ]);
}

#[test]
fn what_is_missing() {
    let empty = [
        "1:1 missing  | the file has no [downstream] | add [downstream] with `prefixes`, the addresses of the firewall's side",
        "1:1 missing  | the file has no [[wan]] | add [[wan]] with its `interface` and mappings",
    ];
    assert_eq!(faults(""), empty);
    each(&[
        (
            "prefixes = [\"10.250.250.0/29\", \"fd00:bad:b01::/60\"]",
            "",
            "1:1 missing [downstream] | [downstream] has no `prefixes` | add `prefixes = [\"10.250.250.0/29\"]`",
        ),
        ("interface = \"wan1\"", "", "15:1 missing [[wan]] | [[wan]] has no `interface` | add `interface = \"wan0\"`"),
        (
            "outside = \"2001:db8:b:d00::/60\"",
            "",
            "20:1 missing [wan.nptv6] | [wan.nptv6] has no `outside` | add `outside = \"2001:db8:a:c80::/60\"`",
        ),
    ]);
    let no_prefix = faults("wan = []\n[downstream]\nprefixes = []\n");
    let expected = [
        "1:7 missing [] | the list of WANs is empty | add [[wan]] with its `interface` and mappings",
        "3:12 bad-value [] | `prefixes` is empty, so nothing could pass | name the inside sources, such as \"10.250.250.0/29\"; any other source is refused",
    ];
    assert_eq!(no_prefix, expected);
}

#[test]
fn a_file_that_is_no_text_is_told_where() {
    let path = std::env::temp_dir().join(format!("flowpin-check-{}.toml", std::process::id()));
    std::fs::write(&path, b"[downstream]\nx = \"\xff\"\n").unwrap();
    let found = super::super::load(&path).unwrap_err();
    std::fs::remove_file(&path).unwrap();
    let row = &found.rows()[0];
    assert_eq!((row.line, row.column, row.message.as_str()), (Some(2), Some(6), "this is not UTF-8 text"));
    let missing = super::super::load(&path).unwrap_err();
    assert_eq!(
        missing.to_string(),
        format!("flowpin: there is no file {}; name the configuration with --config", path.display())
    );
    assert!(parse("", "f").is_err());
}
