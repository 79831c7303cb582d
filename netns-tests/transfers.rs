//! Two megabytes pass whatever the MTUs of LAN, WANs and the paths behind them are, over both WANs, in both families, both
//! ways, opened from both sides: with ICMP where it is needed, without where the clamp or the configured MTU will do.

use crate::lab::{
    Router, Swallowed, announce_wide, dig_black_holes, forget_paths, lab, set_lan_mtu, set_uplink_mtu, set_wan_mtu,
    start, start_with, swallow, transfer, wait_for_paths, wait_until,
};
use flowpin::lab::topology::{SERVER4, SERVER6, public_addresses};
use flowpin::lab::traffic::Traffic;
use flowpin::lab::{Lab, Options};
use std::collections::BTreeSet;
use std::net::IpAddr;

const MTUS: [u16; 4] = [9000, 1500, 1400, 1280];

/// A lab whose links carry the largest of them, for the others to be set live.
fn wide_lab() -> Lab {
    let largest = MTUS[0];
    let mtus = Options { lan_mtu: largest, tun_mtu: largest, wan_mtu: [largest; 2], ..Options::default() };
    let lab = lab(Options { uplink_mtu: [largest; 2], ..mtus });
    announce_wide(&lab);
    lab
}

/// Transfers from inside until both WANs have carried one, in both families; and one from outside to a public address of
/// each WAN and family.
fn transfer_all(lab: &Lab, router: &Router, about: &str) {
    for namespace in [&lab.fw, &lab.inet] {
        forget_paths(namespace);
    }
    for server in [IpAddr::V4(SERVER4), IpAddr::V6(SERVER6)] {
        let mut used = BTreeSet::new();
        for _ in 0..40 {
            let connection = transfer(&lab.fw, server).unwrap_or_else(|error| panic!("{about}: to {server}: {error}"));
            let flows = router.flows(&format!("protocol=tcp&port={}&host={server}", connection.port()));
            if used.insert(flows[0].wan.clone()) {
                connection.complete().unwrap_or_else(|e| panic!("{about}: to {server} by {}: {e}", flows[0].wan));
            }
            if used.len() == 2 {
                break;
            }
        }
        assert_eq!(used.len(), 2, "{about}: both WANs were used");
    }
    let mut done = BTreeSet::new();
    for public in public_addresses(lab.options()) {
        if done.insert((public.wan, public.address.is_ipv4())) {
            let whole = transfer(&lab.inet, public.address).and_then(|connection| connection.complete());
            whole.unwrap_or_else(|error| panic!("{about}: from outside to {}: {error}", public.address));
        }
    }
    assert_eq!(done.len(), 4);
}

/// Every MTU of the LAN with every MTU of the WANs and every MTU of the paths that is `worth` it, the wider first: a router
/// on the way has to speak, if it may, before flowpin knows.
fn transfer_in_every_combination(lab: &Lab, router: &Router, worth: impl Fn(u16, u16, u16) -> bool) {
    for path in MTUS {
        set_uplink_mtu(lab, path);
        for lan in MTUS {
            set_lan_mtu(lab, lan);
            for wan in MTUS.into_iter().filter(|wan| worth(lan, *wan, path)) {
                set_wan_mtu(lab, wan);
                wait_until("flowpin follows the links", || {
                    let status = router.status();
                    status.downstream.mtu == lan && status.wans.iter().all(|known| known.mtu == wan)
                });
                transfer_all(lab, router, &format!("LAN {lan}, WANs {wan}, paths {path}"));
            }
        }
    }
}

/// What did not fit was told so, and nothing else was dropped.
fn end(router: Router) {
    let drops = router.status().drops;
    let mut counted = Vec::new();
    for direction in ["outbound", "inbound"] {
        let too_big = drops.get(direction).and_then(|reasons| reasons.get("too-big"));
        counted.extend(too_big.map(|count| (direction, "too-big", *count)));
    }
    router.end(&counted);
}

/// Shows RFC 4443 §3.2.
#[test]
fn c_55_two_megabytes_pass_with_every_combination_of_mtus() {
    let lab = wide_lab();
    let router = start(&lab);
    let _servers = Traffic::servers(&lab).expect("servers");
    transfer_in_every_combination(&lab, &router, |_, _, _| true);
    end(router);
}

/// The clamp needs no message from anybody, not even flowpin's own.
#[test]
fn c_56_two_megabytes_pass_without_any_icmp_where_the_narrowest_link_is_ours() {
    let lab = wide_lab();
    swallow(&lab.ispa, Swallowed::Icmp);
    swallow(&lab.ispb, Swallowed::Icmp);
    let router = start(&lab);
    let _servers = Traffic::servers(&lab).expect("servers");
    transfer_in_every_combination(&lab, &router, |lan, wan, path| path >= lan.min(wan));
    router.end(&[]);
}

/// A configuration with these lines for both WANs.
fn config_with(lab: &Lab, lines: &str) -> String {
    let both = lab.config().replace("interface = \"wan0\"\n", &format!("interface = \"wan0\"\n{lines}\n"));
    both.replace("interface = \"wan1\"\n", &format!("interface = \"wan1\"\n{lines}\n"))
}

#[test]
fn c_56_two_megabytes_pass_a_black_hole_behind_the_isp_with_its_mtu_configured() {
    for path in [1400, 1280] {
        let lab = lab(Options::default());
        dig_black_holes(&lab, [path; 2]);
        swallow(&lab.ispa, Swallowed::Icmp);
        swallow(&lab.ispb, Swallowed::Icmp);
        let router = start_with(&lab, &config_with(&lab, &format!("mtu = {path}")));
        let _servers = Traffic::servers(&lab).expect("servers");
        transfer_all(&lab, &router, &format!("paths {path}"));
        router.end(&[]);
    }
}

#[test]
fn c_56_two_megabytes_pass_a_black_hole_behind_the_isp_with_its_mtu_probed() {
    let lab = lab(Options::default());
    dig_black_holes(&lab, [1400, 1280]);
    swallow(&lab.ispa, Swallowed::Errors);
    swallow(&lab.ispb, Swallowed::Errors);
    let probe = "mtu = \"probe\"\nmtu_targets = [\"203.0.113.10\", \"2001:db8:ffff::10\"]";
    let router = start_with(&lab, &config_with(&lab, probe));
    let _servers = Traffic::servers(&lab).expect("servers");
    wait_for_paths(&router, "fiber", [1400; 2]);
    wait_for_paths(&router, "dsl", [1280; 2]);
    transfer_all(&lab, &router, "paths 1400 and 1280");
    router.end(&[]);
}
