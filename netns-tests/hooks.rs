//! The hooks for DHCP clients in config/hooks/ tell flowpin the prefix that a client got, for the WAN of its link, in every
//! shape that the clients say it in. Those that nothing is delegated to say nothing.

use flowpin::api::{Status, Wan};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

const HOOKS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/hooks");

/// A flowpin with a status, that writes down what it is told.
struct Told(PathBuf);

impl Told {
    fn new(wans: &[(&str, &str)]) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("flowpin-hooks-{}-{number}", std::process::id()));
        fs::create_dir(&directory).unwrap();
        let wan =
            |(name, link): &(&str, &str)| Wan { name: (*name).into(), interface: (*link).into(), ..Wan::default() };
        let status = Status { wans: wans.iter().map(wan).collect(), ..Status::default() };
        fs::write(directory.join("status"), serde_json::to_string(&status).unwrap()).unwrap();
        let told = Self(directory);
        let at = told.0.display();
        told.program("flowpin", &format!("case $1 in status) cat {at}/status ;; *) echo \"$*\" >>{at}/told ;; esac"));
        told
    }

    fn program(&self, name: &str, script: &str) {
        let file = self.0.join(name);
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs a hook with these variables and nothing else. What it has told.
    fn run(&self, hook: &str, arguments: &[&str], variables: &[(&str, &str)]) -> String {
        let mut command = Command::new("sh");
        command.env_clear().env("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", self.0.display()));
        let _ = fs::remove_file(self.0.join("told"));
        let done = command.args([&[hook], arguments].concat()).envs(variables.iter().copied()).output().unwrap();
        assert!(done.status.success(), "{hook}: {}", String::from_utf8_lossy(&done.stderr));
        assert_eq!(String::from_utf8_lossy(&done.stderr), "");
        fs::read_to_string(self.0.join("told")).unwrap_or_default()
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn hook(name: &str) -> String {
    format!("{HOOKS}/{name}")
}

const WANS: [(&str, &str); 2] = [("fiber", "wan0"), ("dsl", "wan1")];

#[test]
fn the_hooks_are_clean_shell() {
    let done = Command::new("shellcheck").args(["dhcpcd", "networkd-dispatcher", "NetworkManager"].map(hook)).output();
    let done = done.expect("shellcheck is there (.ci/install)");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
}

/// As dhcpcd 9.4 sets them on REBIND6.
const LEASE: [(&str, &str); 7] = [
    ("interface", "wan0"),
    ("new_dhcp6_ia_na1_iaid", "00000001"),
    ("new_dhcp6_ia_pd1_iaid", "00000002"),
    ("new_dhcp6_ia_pd1_prefix1", "2001:db8:a:1000::"),
    ("new_dhcp6_ia_pd1_prefix1_length", "60"),
    ("new_dhcp6_ia_pd1_prefix1_pltime", "2400"),
    ("new_dhcp6_ia_pd1_prefix1_vltime", "3600"),
];

#[test]
fn dhcpcds_hook_tells_the_prefix_and_how_long_it_is_valid() {
    let told = Told::new(&WANS);
    // dhcpcd's own script reads it in.
    let run = |more: &[(&str, &str)]| {
        let source = format!(". {}", hook("dhcpcd"));
        told.run("-ec", &[&source], &[&LEASE[..], more].concat())
    };
    for reason in ["BOUND6", "RENEW6", "REBIND6", "REBOOT6"] {
        let line = "wan fiber set prefix 2001:db8:a:1000::/60 valid-for 3600\n";
        assert_eq!(run(&[("reason", reason)]), line, "{reason}");
    }
    let renew = ("reason", "RENEW6");
    assert_eq!(
        run(&[renew, ("interface", "wan1"), ("new_dhcp6_ia_pd1_prefix1_vltime", "4294967295")]),
        "wan dsl set prefix 2001:db8:a:1000::/60\n"
    );
    assert_eq!(run(&[renew, ("interface", "wan.0")]), "", "a link of no WAN");
    assert_eq!(
        run(&[renew, ("interface", "ppp0"), ("FLOWPIN_WANS", "wan0=fiber ppp0=lte")]),
        "wan lte set prefix 2001:db8:a:1000::/60 valid-for 3600\n"
    );
    for silent in ["BOUND", "CARRIER", "ROUTERADVERT", "EXPIRE6", "STOP6", "DELEGATED6"] {
        assert_eq!(run(&[("reason", silent)]), "", "{silent}");
    }
}

#[test]
fn dhcpcds_hook_passes_by_a_prefix_that_is_taken_back() {
    let told = Told::new(&WANS);
    let next = [
        ("new_dhcp6_ia_pd1_prefix1_pltime", "0"),
        ("new_dhcp6_ia_pd1_prefix2", "2001:db8:a:2000::"),
        ("new_dhcp6_ia_pd1_prefix2_length", "56"),
        ("new_dhcp6_ia_pd1_prefix2_pltime", "2400"),
        ("new_dhcp6_ia_pd1_prefix2_vltime", "3601"),
        ("reason", "REBIND6"),
    ];
    let source = format!("set -u; . {}", hook("dhcpcd"));
    let lease = [&LEASE[..], &next].concat();
    let second = "wan fiber set prefix 2001:db8:a:2000::/56 valid-for 3601\n";
    assert_eq!(told.run("-ec", &[&source], &lease), second);
    assert_eq!(told.run("-ec", &[&source], &[&lease[..], &[("new_dhcp6_ia_pd1_prefix2_pltime", "0")]].concat()), "");
    assert_eq!(told.run("-ec", &[&source], &[("reason", "BOUND6"), ("interface", "wan0")]), "", "addresses alone");
}

#[test]
fn a_link_of_two_wans_is_told_only_where_it_is_said_which() {
    let told = Told::new(&[("fiber", "wan0"), ("tv", "wan0")]);
    let variables = [("DHCP6_IP6_PREFIX", "2001:db8:a:1000::/60")];
    assert_eq!(told.run(&hook("NetworkManager"), &["wan0", "up"], &variables), "");
    let said = [variables[0], ("FLOWPIN_WANS", "wan0=fiber")];
    let line = "wan fiber set prefix 2001:db8:a:1000::/60\n";
    assert_eq!(told.run(&hook("NetworkManager"), &["wan0", "up"], &said), line);
}

#[test]
fn network_managers_hook_tells_the_first_prefix() {
    let told = Told::new(&WANS);
    let run = |arguments: &[&str], more: &[(&str, &str)]| told.run(&hook("NetworkManager"), arguments, more);
    let prefixes = ("DHCP6_IP6_PREFIX", "2001:db8:b:2000::/56 2001:db8:b:1000::/56");
    for action in ["up", "dhcp6-change", "reapply"] {
        assert_eq!(run(&["wan1", action], &[prefixes]), "wan dsl set prefix 2001:db8:b:2000::/56\n", "{action}");
    }
    let lines = [("7200", " valid-for 7200"), ("4294967295", ""), ("soon", "")];
    for (life, more) in lines {
        let told = run(&["wan1", "up"], &[prefixes, ("DHCP6_MAX_LIFE", life)]);
        assert_eq!(told, format!("wan dsl set prefix 2001:db8:b:2000::/56{more}\n"), "{life}");
    }
    for (arguments, variables) in [
        (vec!["wan1", "down"], vec![prefixes]),
        (vec!["wan1", "dhcp4-change"], vec![prefixes]),
        (vec!["wan1", "up"], vec![]),
        (vec!["eth7", "up"], vec![prefixes]),
        (vec!["", "connectivity-change"], vec![]),
    ] {
        assert_eq!(run(&arguments, &variables), "", "{arguments:?}");
    }
}

/// What `networkctl --json=short status` prints of a link, times in seconds from now.
fn networkctl(told: &Told, prefixes: &[(&str, u32, i64)]) {
    let uptime = fs::read_to_string("/proc/uptime").unwrap();
    let now: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
    let entry = |(octets, preferred, valid): &(&str, u32, i64)| {
        let at = |seconds: i64| ((now + seconds as f64) * 1e6) as i64;
        let valid = if *valid > 0 { format!(",\"ValidLifetimeUSec\":{}", at(*valid)) } else { String::new() };
        let preferred = at(i64::from(*preferred));
        format!("{{\"Prefix\":[{octets}],\"PrefixLength\":60,\"PreferredLifetimeUSec\":{preferred}{valid}}}")
    };
    let prefixes: Vec<String> = prefixes.iter().map(entry).collect();
    let client = match prefixes.is_empty() {
        true => r#""DHCPv6Client":{"Lease":{"Timeout1USec":1},"DUID":[0,4]}"#.to_owned(),
        false => format!(r#""DHCPv6Client":{{"Lease":{{"Timeout1USec":1}},"Prefixes":[{}]}}"#, prefixes.join(",")),
    };
    let json = format!(r#"{{"Index":2,"Name":"wan0","Addresses":[{{"Family":10,"Prefixes":[7]}}],{client}}}"#);
    told.program("networkctl", &format!("[ \"$*\" = '--json=short status wan0' ] && echo '{json}'"));
}

const NEW: &str = "32,1,13,184,0,10,32,0,0,0,0,0,0,0,0,0";
const OLD: &str = "32,1,13,184,0,10,16,0,0,0,0,0,0,0,0,0";

#[test]
fn networkd_dispatchers_hook_reads_the_prefix_off_networkctl() {
    let told = Told::new(&WANS);
    let run = || {
        let text = told.run(&hook("networkd-dispatcher"), &[], &[("IFACE", "wan0"), ("STATE", "configured")]);
        // Seconds go by.
        text.replace("valid-for 3599", "valid-for 3600")
    };
    let line = "wan fiber set prefix 2001:db8:a:2000:0:0:0:0/60";
    networkctl(&told, &[(NEW, 1800, 3600)]);
    assert_eq!(run(), format!("{line} valid-for 3600\n"));
    networkctl(&told, &[(OLD, 0, 3600), (NEW, 1800, 3600)]);
    assert_eq!(run(), format!("{line} valid-for 3600\n"));
    networkctl(&told, &[(NEW, 1800, 0)]);
    assert_eq!(run(), format!("{line}\n"));
    networkctl(&told, &[(OLD, 0, 3600)]);
    assert_eq!(run(), "");
    networkctl(&told, &[]);
    assert_eq!(run(), "");
    told.program("networkctl", "exit 1");
    assert_eq!(run(), "");
}
