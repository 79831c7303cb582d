//! Links that the configuration calls by another name of theirs (altname), as udev and people give them: found, followed and
//! shown as by the kernel's own name.

use crate::lab::{does, everything_passes, judged, lab, open_at_stop, plug_in, run, start_with, wait_for, wan};
use flowpin::lab::{Lab, Options};

/// Longer than the kernel's own names can be.
const FIBER: &str = "fiber-of-the-first-provider";
const FIREWALL: &str = "towards-the-firewall";

fn name_fiber(lab: &Lab) {
    does(&lab.rt, &format!("ip link property add dev wan0 altname {FIBER}"));
}

#[test]
fn links_are_found_followed_and_shown_by_another_name_of_theirs() {
    let lab = lab(Options::default());
    name_fiber(&lab);
    does(&lab.rt, &format!("ip link property add dev lan0 altname {FIREWALL}"));
    let config = open_at_stop(&judged(&lab, "rise = 1\nhold = \"0s\""));
    let config = config.replace("\"wan0\"", &format!("\"{FIBER}\"")).replace("\"lan0\"", &format!("\"{FIREWALL}\""));
    let router = start_with(&lab, &config);
    wait_for(&router, "fiber", "up");
    let fiber = wan(&router, "fiber");
    assert_eq!((fiber.interface.as_str(), fiber.link.as_str()), (FIBER, "wan0"));
    let traffic = everything_passes(&lab);
    assert!(traffic.tally().seen().values().any(|seen| seen.wan == "fiber"));
    drop(traffic);
    let rules = run(&lab.rt, "ip", &["rule"]);
    assert!(rules.contains("iif lan0 lookup") && !rules.contains("[detached]"), "{rules}");
    does(&lab.rt, "ip link del wan0");
    wait_for(&router, "fiber", "absent");
    assert_eq!(wan(&router, "fiber").link, "");
    plug_in(&lab);
    // Whoever gives the name may do it late.
    name_fiber(&lab);
    wait_for(&router, "fiber", "up");
    let shield = run(&lab.rt, "nft", &["list", "chains", "netdev"]);
    assert!(shield.contains("wan0"), "the link is not shielded:\n{shield}");
    router.end_with_losses();
    assert!(!run(&lab.rt, "ip", &["rule"]).contains("iif lan0"), "what was made is undone");
}
