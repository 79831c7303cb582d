//! The paths of a lab while it runs: MTUs of its links, and ISPs that swallow ICMP. Must never know: any single claim.

use super::{Router, offloads, run};
use flowpin::clock::pause;
use flowpin::lab::{Lab, Namespace};
use std::time::Duration;

/// What an ISP does not let through, besides what it does not say itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Swallowed {
    /// ICMP errors.
    Errors,
    /// All ICMP.
    Icmp,
}

/// Makes an ISP swallow ICMP from now on. Neighbours are resolved all the same.
pub fn swallow(isp: &Namespace, what: Swallowed) {
    let errors4 = "icmp type { destination-unreachable, time-exceeded, parameter-problem } drop";
    let errors6 = "icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } drop";
    let forwarded = match what {
        Swallowed::Errors => [errors4, errors6],
        Swallowed::Icmp => ["meta l4proto icmp drop", "meta l4proto ipv6-icmp drop"],
    };
    let chain = |hook: &str, rules: [&str; 2]| {
        format!("chain {hook} {{ type filter hook {hook} priority 0; {}; {}; }};", rules[0], rules[1])
    };
    let table =
        format!("table inet quiet {{ {} {} }}", chain("forward", forwarded), chain("output", [errors4, errors6]));
    run(isp, "nft", &[&table]);
}

/// Sets the MTU of both ends of the firewall's link.
pub fn set_lan_mtu(lab: &Lab, mtu: u16) {
    set_mtu(&lab.rt, "lan0", mtu);
    set_mtu(&lab.fw, "lan0", mtu);
}

/// Sets the MTU of both ends of both WAN links.
pub fn set_wan_mtu(lab: &Lab, mtu: u16) {
    set_mtu(&lab.rt, "wan0", mtu);
    set_mtu(&lab.rt, "wan1", mtu);
    set_mtu(&lab.ispa, "customer", mtu);
    set_mtu(&lab.ispb, "customer", mtu);
}

/// Sets the MTU of both ends of both links between ISPs and Internet.
pub fn set_uplink_mtu(lab: &Lab, mtu: u16) {
    set_mtu(&lab.ispa, "uplink", mtu);
    set_mtu(&lab.ispb, "uplink", mtu);
    set_mtu(&lab.inet, "ispa", mtu);
    set_mtu(&lab.inet, "ispb", mtu);
}

/// Makes the Internet host announce an MSS for 9000 bytes whatever its links carry, as if they were not its own but further
/// on: so it is for the routers to say what passes.
pub fn announce_wide(lab: &Lab) {
    for line in run(&lab.inet, "ip", &["-4", "route"]).lines().filter(|line| line.contains("via")) {
        let route: Vec<_> = line.split_whitespace().collect();
        run(&lab.inet, "ip", &[&["-4", "route", "change"], &route[..], &["advmss", "8960"]].concat());
    }
    for line in run(&lab.inet, "ip", &["-6", "route"]).lines().filter(|line| line.contains("via")) {
        let route: Vec<_> = line.split_whitespace().take_while(|word| *word != "pref").collect();
        run(&lab.inet, "ip", &[&["-6", "route", "change"], &route[..], &["advmss", "8940"]].concat());
    }
}

/// Makes black holes of the paths behind both ISPs: the Internet host's own links are wide, the ISPs' ends of them carry no
/// more than `mtus` either way, and nobody says so.
pub fn dig_black_holes(lab: &Lab, mtus: [u16; 2]) {
    for ((isp, link), mtu) in [(&lab.ispa, "ispa"), (&lab.ispb, "ispb")].into_iter().zip(mtus) {
        // The receiver of a super-frame does not look at its segments.
        offloads(&lab.inet, link, false);
        set_mtu(isp, "uplink", mtu);
    }
}

/// Sets the MTU of one end of a link.
pub fn set_mtu(namespace: &Namespace, link: &str, mtu: u16) {
    run(namespace, "ip", &["link", "set", link, "mtu", &mtu.to_string()]);
}

/// What a kernel has learned of path MTUs belongs to another packet's path.
pub fn forget_paths(namespace: &Namespace) {
    for family in ["-4", "-6"] {
        run(namespace, "ip", &[family, "route", "flush", "cache"]);
    }
}

/// Waits until the MTUs of a WAN's paths have been found to be these, IPv4's and IPv6's: 100 seconds at the most, for a
/// path that got narrower without a word is noticed by a ping in 30.
pub fn wait_for_paths(router: &Router, wan: &str, mtus: [u16; 2]) {
    let wanted = mtus.map(|mtu| (Some(mtu), "found".to_owned()));
    let mut paths = Vec::new();
    for _ in 0..2000 {
        let status = router.status();
        let wan = status.wans.into_iter().find(|known| known.name == wan).expect("the WAN");
        paths = wan.paths.into_iter().map(|path| (path.mtu, path.state)).collect();
        if paths == wanted {
            return;
        }
        pause(Duration::from_millis(50));
    }
    panic!("in vain: waited until the paths of {wan} were {wanted:?}; they are {paths:?}");
}
