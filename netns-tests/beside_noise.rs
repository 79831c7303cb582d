//! What others do in the same machine (links, addresses, routes, neighbours, rules) changes nothing of the lines: no line flaps, no
//! snapshot is made for what is nobody's, and what is claimed of links, addresses and gateways holds beside it.

use crate::lab::{ADDRESSES_IN_A_ROUND, NOISE, Noise, Router, judged, lab, start_with, wait_for, wait_until};
use flowpin::lab::Options;
use std::process::Command;

/// How each WAN is in each family.
fn states(router: &Router<'_>) -> Vec<(String, String, String)> {
    let wans = router.status().wans;
    let health = wans.into_iter().flat_map(|wan| wan.health.into_iter().map(move |it| (wan.name.clone(), it)));
    health.map(|(wan, it)| (wan, it.family, it.state)).collect()
}

/// Snapshots that are made while `rounds` rounds of noise pass.
fn snapshots(router: &Router<'_>, noise: &Noise, rounds: u64) -> u64 {
    let (epoch, begun) = (router.status().epoch, noise.rounds());
    wait_until("there was noise", || noise.rounds() >= begun + rounds);
    u64::from(router.status().epoch - epoch)
}

#[test]
fn what_others_do_in_the_machine_is_no_reason_for_a_snapshot_and_their_addresses_for_one_each() {
    const ROUNDS: u64 = 20;
    let lab = lab(Options::default());
    let mut router = start_with(&lab, &judged(&lab, "rise = 1\nhold = \"0s\""));
    wait_for(&router, "fiber", "up");
    wait_for(&router, "dsl", "up");
    let (before, told) = (states(&router), router.service().log().matches("WAN changed").count());
    let noise = Noise::begin(&lab, false);
    assert_eq!(snapshots(&router, &noise, ROUNDS), 0);
    drop(noise);
    let noise = Noise::begin(&lab, true);
    // The machine's own addresses are a part of the policy: nothing from outside may come with one.
    let made = snapshots(&router, &noise, ROUNDS);
    // A round may have begun before the first count, and end behind the last.
    assert!(made <= 2 * ADDRESSES_IN_A_ROUND * (noise.rounds() + 2), "{made} in {} rounds", noise.rounds());
    drop(noise);
    assert_eq!(states(&router), before);
    assert_eq!(router.service().log().matches("WAN changed").count(), told, "no line has changed");
    assert_eq!(router.status().kernel_side.mended, 0, "nothing of flowpin's was touched");
    router.end(&[]);
}

#[test]
fn the_claims_of_addresses_gateways_and_links_hold_beside_noise() {
    let program = std::env::current_exe().expect("this program");
    let run = |arguments: &[&str]| {
        let output = Command::new(&program).args(arguments).env(NOISE, "1").output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{arguments:?}\n{said}\n{}", String::from_utf8_lossy(&output.stderr));
        said
    };
    let all = run(&["--list", "--format", "terse"]);
    for file in ["addresses::", "gateways::", "line_mtu::", "twins::", "onlink6::", "link_names::"] {
        let names: Vec<_> = all.lines().filter_map(|line| line.strip_suffix(": test")).collect();
        let names: Vec<_> = names.into_iter().filter(|name| name.starts_with(file)).collect();
        assert!(!names.is_empty(), "{file} has no claims");
        run(&[&["--exact", "--test-threads=1"], &names[..]].concat());
    }
}
