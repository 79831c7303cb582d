//! Faults that lie between two settings, each with its place and words.

use super::{TWO, faults, parse, two_with};

#[track_caller]
fn each(cases: &[(&str, &str, &str)]) {
    for (piece, instead, expected) in cases {
        assert_eq!(faults(&two_with(piece, instead)), [*expected], "{instead}");
    }
}

#[test]
fn the_file_that_the_faults_start_from_is_good() {
    assert_eq!(faults(TWO), [] as [&str; 0]);
}

#[test]
fn external_hosts_that_follow_a_prefix_need_one_and_fit_behind_it_once() {
    let follows = |host: &str| two_with("\"2001:db8:b:d00::/60\"", "\"auto\"").replace("\"2001:db8:b:d00::1\" =", host);
    assert_eq!(faults(&follows("\"::1\" =")), [] as [&str; 0]);
    let reaches = "24:1 bad-value \"0:0:0:10::1\" | `::10:0:0:0:1` does not fit behind `fd00:bad:b01::/60` | leave the bits of the prefix out";
    assert_eq!(faults(&follows("\"0:0:0:10::1\" =")), [reaches]);
    let twice = "25:1 duplicate \"0::1\" | `::1` is given to two inside hosts | give each inside host one of its own";
    assert_eq!(faults(&follows("\"::1\" = \"fd00:bad:b01:fe::3\"\n\"0::1\" =")), [twice]);
    let text = "[downstream]\nprefixes = [\"fd00::/60\"]\n[[wan]]\ninterface = \"wan0\"\ninbound6 = { \"::1\" = \"fd00::2\" }\n";
    let alone = "5:14 missing \"::1\" | `::1` is relative to the prefix of the line, and this WAN has no [wan.nptv6] | write the whole address, or add [wan.nptv6]";
    assert_eq!(faults(text), [alone]);
}

#[test]
fn mappings_that_collide() {
    each(&[
        (
            "\"192.0.2.194\"",
            "\"192.0.2.193\"",
            "10:18 duplicate \"192.0.2.193\" | the public address `192.0.2.193` is given to two inside addresses | give each inside address a public address of its own",
        ),
        (
            "\"198.51.100.2\"",
            "\"192.0.2.194\"",
            "19:18 duplicate \"192.0.2.194\" | `192.0.2.194` belongs to WAN `fiber` already | remove it from the WAN that does not have it",
        ),
        (
            "\"2001:db8:b:d00::1\" =",
            "\"2001:db8:a:c80::1\" =",
            "24:1 overlap \"2001:db8:a:c80::1\" | `2001:db8:a:c80::1` lies in the outside prefix of WAN `fiber` | remove it from the WAN that does not have it",
        ),
        (
            "\"2001:db8:b:d00::/60\"",
            "\"2001:db8:a:c80::/60\"",
            "22:11 overlap \"2001:db8:a:c80::/60\" | the outside prefix `2001:db8:a:c80::/60` overlaps `2001:db8:a:c80::/60` of WAN `fiber` | write the prefix that each line delegates itself",
        ),
        (
            "\"2001:db8:b:d00::1\" =",
            "\"2001:db8:b:d00:0::1\" = \"fd00:bad:b01:fe::3\"\n\"2001:db8:b:d00::1\" =",
            "25:1 duplicate \"2001:db8:b:d00::1\" | the public address `2001:db8:b:d00::1` is given to two inside addresses | give each inside address a public address of its own",
        ),
        (
            "\"2001:db8:b:d00::1\" =",
            "\"2001:db8:b:d00::9\" = \"fd00:bad:b01:fe:0::2\"\n\"2001:db8:b:d00::1\" =",
            "25:23 duplicate \"fd00:bad:b01:fe::2\" | `fd00:bad:b01:fe::2` has two public addresses on WAN `cable` | keep one of the two mappings",
        ),
        (
            "\"2001:db8:b:d00::1\" =",
            "\"0:0:0:10::1\" =",
            "24:1 bad-value \"0:0:0:10::1\" | `::10:0:0:0:1` does not fit behind `2001:db8:b:d00::/60` | leave the bits of the prefix out",
        ),
        (
            "\"2001:db8:b:d00::1\" =",
            "\"::1\" = \"fd00:bad:b01:fe::3\"\n\"2001:db8:b:d00::1\" =",
            "25:1 duplicate \"2001:db8:b:d00::1\" | the public address `2001:db8:b:d00::1` is given to two inside addresses | give each inside address a public address of its own",
        ),
        (
            "\"198.51.100.2\"",
            "\"10.250.250.6\"",
            "19:18 overlap \"10.250.250.6\" | the public address `10.250.250.6` is inside | write an address that the ISP gave you",
        ),
        (
            "\"2001:db8:b:d00::/60\"",
            "\"fd00:bad:b01::/60\"",
            "22:11 overlap \"fd00:bad:b01::/60\" | the outside prefix `fd00:bad:b01::/60` overlaps the inside prefix `fd00:bad:b01::/60` | write the prefix that this line delegates",
        ),
        (
            "\"fd00:bad:b01:fe::2\"",
            "\"2001:db8:a:c80::5\"",
            "24:23 conflict \"2001:db8:a:c80::5\" | the inside host `2001:db8:a:c80::5` is a public address of WAN `fiber` | write the host's inside address",
        ),
    ]);
}

#[test]
fn an_inbound_host_may_lie_in_the_own_outside_prefix_and_outside_the_inside_ones() {
    assert!(parse(TWO, "f").is_ok());
    assert!(TWO.contains("fd00:bad:b01:fe::2") && TWO.contains("2001:db8:b:d00::1"));
}

#[test]
fn mappings_of_addresses_that_are_not_inside() {
    each(&[
        (
            "\"10.250.250.3\" =",
            "\"10.250.250.9\" =",
            "10:1 not-inside \"10.250.250.9\" | `10.250.250.9` is in none of the inside prefixes, so its packets would be refused | correct it, or add its prefix to [downstream] prefixes",
        ),
        (
            "inside = \"fd00:bad:b01::/60\"\noutside = \"2001:db8:b",
            "inside = \"fd00:bad:b02::/60\"\noutside = \"2001:db8:b",
            "21:10 not-inside \"fd00:bad:b02::/60\" | `fd00:bad:b02::/60` is in none of the inside prefixes, so its packets would be refused | correct it, or add its prefix to [downstream] prefixes",
        ),
    ]);
}

#[test]
fn prefix_lengths() {
    // RFC 6296 §3.1: unequal ones are translators, too.
    assert_eq!(faults(&two_with("\"2001:db8:b:d00::/60\"", "\"2001:db8:b:d00::/56\"")), [] as [&str; 0]);
    each(&[(
        "\"2001:db8:b:d00::/60\"",
        "\"2001:db8:b:d00::/65\"",
        "22:11 bad-value \"2001:db8:b:d00::/65\" | `2001:db8:b:d00::/65` is longer than /64 | write a prefix of /64 or shorter",
    )]);
    let bits_and_length = two_with("\"2001:db8:b:d00::/60\"", "\"2001:db8:b:d00::1/65\"");
    assert_eq!(faults(&bits_and_length).len(), 2, "host bits do not hide the length");
}

#[test]
fn inside_prefixes_are_disjoint() {
    each(&[(
        "\"10.250.250.0/29\", \"fd00",
        "\"10.250.250.0/29\", \"10.250.250.0/29\", \"fd00",
        "3:32 duplicate \"10.250.250.0/29\" | the inside prefix `10.250.250.0/29` is given twice | keep one of the two",
    )]);
    each(&[(
        "\"fd00:bad:b01::/60\"]",
        "\"fd00:bad:b01::/60\", \"10.250.0.0/16\"]",
        "3:53 overlap \"10.250.0.0/16\" | the inside prefix `10.250.0.0/16` overlaps `10.250.250.0/29` | keep the larger of the two",
    )]);
}

#[test]
fn names_and_links() {
    each(&[
        (
            "name = \"cable\"",
            "name = \"fiber\"",
            "16:8 duplicate \"fiber\" | two WANs have the name `fiber` | give each WAN a `name` of its own",
        ),
        (
            "\"wan1\"",
            "\"wan0\"",
            "17:13 duplicate \"wan0\" | two WANs use `wan0` untagged | give each WAN a link or `vlan` of its own",
        ),
        (
            "\"wan1\"",
            "\"lan0\"",
            "17:13 conflict \"lan0\" | `lan0` is the firewall's link and cannot be a WAN too | name the link of the uplink",
        ),
        (
            "\"wan1\"",
            "\"flowpin0\"",
            "17:13 conflict \"flowpin0\" | `flowpin0` is the TUN that flowpin creates and cannot be a WAN | name the link of the uplink",
        ),
        (
            "\"lan0\"",
            "\"flowpin0\"",
            "2:13 conflict \"flowpin0\" | `flowpin0` is the TUN that flowpin creates and cannot be the firewall's link too | name the link that the firewall sits on, or another `tun`",
        ),
        (
            "interface = \"lan0\"\n",
            "next_hop6 = \"fe80::2\"\n",
            "2:13 conflict \"fe80::2\" | `next_hop6` needs the link that it is reached through | add `interface` to [downstream], or remove `next_hop6`",
        ),
        (
            "interface = \"lan0\"\n",
            "local = \"connected\"\n",
            "2:9 conflict \"connected\" | `local` needs the link that inside hosts come from | add `interface` to [downstream], or remove `local`",
        ),
        (
            "interface = \"lan0\"\n",
            "interface = \"lan0\"\nlocal = [\"10.250.0.0/16\"]\n",
            "3:10 overlap \"10.250.0.0/16\" | `10.250.0.0/16` in `local` shares addresses with the inside prefix `10.250.250.0/29` | inside hosts are behind the firewall: remove one",
        ),
        (
            "interface = \"lan0\"\n",
            "interface = \"lan0\"\nlocal = [\"10.98.0.0/24\", \"10.98.0.0/25\"]\n",
            "3:26 overlap \"10.98.0.0/25\" | `10.98.0.0/25` in `local` overlaps `10.98.0.0/24` | keep the larger of the two",
        ),
    ]);
    let tagged = two_with("\"wan1\"", "\"wan0\"\nvlan = 3242");
    assert!(parse(&tagged, "f").is_ok(), "one link may carry an untagged and a tagged WAN");
    let twice = tagged.replacen("\"wan0\"", "\"wan0\"\nvlan = 3242", 1);
    assert_eq!(
        faults(&twice),
        ["18:13 duplicate \"wan0\" | two WANs use `wan0` with VLAN 3242 | give each WAN a link or `vlan` of its own"]
    );
}

#[test]
fn a_wan_without_a_mapping() {
    let text = "[downstream]\nprefixes = [\"10.0.0.0/8\"]\n[[wan]]\ninterface = \"a\"\n[[wan]]\ninterface = \"b\"\n[wan.nat44]\n";
    let expected = [
        "3:1 missing [[wan]] | WAN `a` has no mapping, so nothing could pass it | add [wan.nat44], [wan.masquerade], [wan.nptv6] or [wan.inbound6]",
        "5:1 missing [[wan]] | WAN `b` has no mapping, so nothing could pass it | add [wan.nat44], [wan.masquerade], [wan.nptv6] or [wan.inbound6]",
    ];
    assert_eq!(faults(text), expected);
}

#[test]
fn a_target_of_probes_is_a_host_outside() {
    let targets = |list: &str| format!("mtu_targets = {list}");
    let cases = [
        (
            "[\"203.0.113.10\", \"203.0.113.10\"]",
            "16:32 duplicate \"203.0.113.10\" | the target `203.0.113.10` is given twice | keep one of the two",
        ),
        (
            "[\"192.0.2.193\"]",
            "16:16 conflict \"192.0.2.193\" | `192.0.2.193` cannot be asked: flowpin itself owns it for WAN `fiber` | name a host outside",
        ),
        (
            "[\"10.250.250.3\"]",
            "16:16 conflict \"10.250.250.3\" | `10.250.250.3` cannot be asked: it is inside | name a host outside",
        ),
        (
            "[\"224.0.0.1\"]",
            "16:16 bad-value \"224.0.0.1\" | `224.0.0.1` is a multicast address | write the address of one host",
        ),
    ];
    for (list, expected) in cases {
        assert_eq!(faults(&two_with("name = \"cable\"", &targets(list))), [expected]);
    }
    assert!(parse(&two_with("name = \"cable\"", &targets("[\"fe80::1\", \"203.0.113.10\"]")), "f").is_ok());
}

#[test]
fn ipv6_needs_an_mtu_of_1280() {
    each(&[
        (
            "name = \"cable\"",
            "mtu = 1279",
            "16:7 conflict 1279 | an MTU of 1279 is too small for IPv6 | write 1280 or more",
        ),
        (
            "interface = \"lan0\"",
            "mtu = 1279",
            "2:7 conflict 1279 | an MTU of 1279 is too small for IPv6 | write 1280 or more",
        ),
    ]);
    assert!(parse(&two_with("name = \"cable\"", "mtu = 1280"), "f").is_ok());
}

#[test]
fn neighbours_are_not_ourselves() {
    each(&[
        (
            "name = \"cable\"",
            "gateway4 = \"192.0.2.193\"",
            "16:12 conflict \"192.0.2.193\" | `192.0.2.193` cannot be `gateway4`: flowpin itself owns it for WAN `fiber` | write the address of the neighbour as `gateway4`",
        ),
        (
            "name = \"cable\"",
            "gateway6 = \"2001:db8:b:d00::99\"",
            "16:12 conflict \"2001:db8:b:d00::99\" | `2001:db8:b:d00::99` cannot be `gateway6`: flowpin itself owns it for WAN `wan1` | write the address of the neighbour as `gateway6`",
        ),
        (
            "name = \"cable\"",
            "gateway4 = \"10.250.250.1\"",
            "16:12 conflict \"10.250.250.1\" | `10.250.250.1` cannot be `gateway4`: it is inside | write the address of the ISP's router, or \"auto\"",
        ),
        (
            "prefixes =",
            "next_hop4 = \"192.0.2.193\"\nprefixes =",
            "3:13 conflict \"192.0.2.193\" | `192.0.2.193` cannot be `next_hop4`: flowpin itself owns it for WAN `fiber` | write the address of the neighbour as `next_hop4`",
        ),
        (
            "prefixes =",
            "addresses = [\"192.0.2.193/24\"]\nprefixes =",
            "3:14 conflict \"192.0.2.193/24\" | `192.0.2.193` is a public address of WAN `fiber`, and the kernel would answer for it | give the TUN an address that is not mapped",
        ),
    ]);
}

#[test]
fn a_source_is_this_wans_own() {
    each(&[
        (
            "name = \"cable\"",
            "source4 = \"192.0.2.193\"",
            "16:11 conflict \"192.0.2.193\" | `192.0.2.193` cannot be `source4`: it is a public address of WAN `fiber` | write an address that this WAN translates to, or that its link has",
        ),
        (
            "name = \"cable\"",
            "source4 = \"10.250.250.1\"",
            "16:11 conflict \"10.250.250.1\" | `10.250.250.1` cannot be `source4`: it is inside | write an address that this WAN translates to, or that its link has",
        ),
        (
            "name = \"cable\"",
            "source6 = \"fe80::1\"",
            "16:11 bad-value \"fe80::1\" | `fe80::1` is link-local and means another host on every link | write a global or unique local address",
        ),
    ]);
    assert!(parse(&two_with("name = \"cable\"", "source6 = \"2001:db8:b:d00::99\""), "f").is_ok());
}

#[test]
fn one_inside_host_has_the_links_own_address() {
    each(&[
        (
            "\"192.0.2.193\"\n\"10.250.250.3\" = \"192.0.2.194\"",
            "\"interface\"\n\"10.250.250.3\" = \"interface\"",
            "10:1 duplicate \"10.250.250.3\" | `10.250.250.3` cannot have the link's own address: `10.250.250.2` has it | write a public address of its own, or remove it",
        ),
        (
            "interface = \"wan1\"\n[wan.nat44]\n\"10.250.250.2\" = \"198.51.100.2\"",
            "interface = \"wan1\"\nvlan = 7\n[wan.nat44]\n\"10.250.250.2\" = \"interface\"",
            "20:1 conflict \"10.250.250.2\" | \"interface\" is the address of the untagged link, and this WAN is tagged | write the public address, or make a kernel VLAN link and leave out `vlan`",
        ),
        (
            "\"10.250.250.2\" = \"198.51.100.2\"",
            "\"10.9.9.9\" = \"interface\"",
            "19:1 not-inside \"10.9.9.9\" | `10.9.9.9` is in none of the inside prefixes, so its packets would be refused | correct it, or add its prefix to [downstream] prefixes",
        ),
    ]);
}

#[test]
fn martians_leave_what_is_used_alone() {
    each(&[
        (
            "[downstream]",
            "limits.martians = [\"10.0.0.0/8\"]\n[downstream]",
            "1:20 overlap \"10.0.0.0/8\" | the martian `10.0.0.0/8` would drop packets of the inside prefix `10.250.250.0/29` | remove it, or write prefixes that leave it out",
        ),
        (
            "[downstream]",
            "limits.martians = [\"240.0.0.0/4\", \"192.0.2.0/24\"]\n[downstream]",
            "1:35 overlap \"192.0.2.0/24\" | the martian `192.0.2.0/24` would drop packets of `192.0.2.193`, which flowpin owns | remove it, or write prefixes that leave it out",
        ),
    ]);
}

#[test]
fn there_is_room_for_32_wans() {
    let wan =
        |index: usize| format!("[[wan]]\ninterface = \"w{index}\"\nnat44 = {{ \"10.0.0.1\" = \"192.0.2.{index}\" }}\n");
    let file = |count: usize| {
        "[downstream]\nprefixes = [\"10.0.0.0/24\"]\n".to_owned() + &(1..=count).map(wan).collect::<String>()
    };
    assert!(parse(&file(32), "f").is_ok());
    assert_eq!(
        faults(&file(34)),
        ["99:1 bad-value [[wan]] | this is WAN 33, and flowpin has room for 32 | keep 32 of the 34"]
    );
}

#[test]
fn an_address_that_is_shared_is_the_untagged_links_and_nobodys_alone() {
    let shared = |more: &str| two_with("name = \"cable\"", &format!("name = \"cable\"\n{more}"));
    assert_eq!(faults(&shared("masquerade = {}")), [] as [&str; 0]);
    let tagged = "17:14 conflict {} | inside hosts would share the address of the untagged link, and this WAN is tagged | make a kernel VLAN link and leave out `vlan`, or remove [wan.masquerade]";
    assert_eq!(faults(&shared("masquerade = {}\nvlan = 7")), [tagged]);
    let alone = "20:1 conflict \"10.250.250.2\" | `10.250.250.2` cannot have the link's own address, which others share | remove it: it shares that address too";
    let interface = shared("masquerade = {}").replace("\"198.51.100.2\"", "\"interface\"");
    assert_eq!(faults(&interface), [alone]);
    for (ports, message, advice) in [
        ("7", "`7` is no range of ports", "write \"16384-32767\""),
        ("9000-8000", "`9000-8000` is no range of ports", "write \"16384-32767\""),
        ("20000-70000", "`20000-70000` is no range of ports", "write \"16384-32767\""),
        ("22-2000", "ports below 1024 are those of services", "write \"1024-2000\""),
        ("22-80", "ports below 1024 are those of services", "write \"16384-32767\""),
    ] {
        let text = shared(&format!("masquerade = {{ ports = \"{ports}\" }}"));
        assert_eq!(faults(&text), [format!("17:24 bad-value \"{ports}\" | {message} | {advice}")]);
    }
}

#[test]
fn one_host_leaves_ports_to_others() {
    let share = |table: &str| {
        let settings = parse(&two_with("name = \"cable\"", &format!("name = \"cable\"\nmasquerade = {table}")), "f");
        settings.expect("a good file").wans.values().find_map(|wan| wan.masquerade).expect("masquerade").per_host
    };
    assert_eq!((share("{}"), share("{ ports = \"2000-2099\" }")), (14336, 88));
    assert_eq!(share("{ ports = \"2000-2000\" }"), 1);
    assert_eq!(share("{ per_host = 7 }"), 7);
}
