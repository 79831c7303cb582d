//! Which kernel switches must stand how while flowpin runs, worked out before any is touched.
//! Must never know: when they are written, what they were.

use std::fs;
use std::io;
use std::path::Path;

/// Reads a switch by its path under /proc/sys, such as `net/ipv4/conf/lan0/forwarding`; `None` if there is none.
pub(super) fn read(path: &str) -> Option<String> {
    fs::read_to_string(Path::new("/proc/sys").join(path)).ok().map(|value| value.trim().to_owned())
}

/// Writes a switch.
pub(super) fn write(path: &str, value: &str) -> io::Result<()> {
    fs::write(Path::new("/proc/sys").join(path), value)
}

/// Whether this kernel has IPv6 at all.
pub(super) fn has_ipv6() -> bool {
    read("net/ipv6/conf/all/forwarding").is_some()
}

/// A switch and the value it is to have.
pub(super) type Switch = (String, String);

/// What the switches are worked out from.
pub(super) struct Scope<'a> {
    /// The firewall's link, if its routes are flowpin's business.
    pub downstream: Option<&'a str>,
    pub tun: &'a str,
    /// Whether there are inside prefixes of that family.
    pub v4: bool,
    pub v6: bool,
    /// Every link of the machine.
    pub links: &'a [String],
    /// Those that lead to networks that inside hosts reach, over IPv4 and over IPv6.
    pub local4: &'a [String],
    /// See there.
    pub local6: &'a [String],
}

/// The switches in the order in which they must be written; undone in the opposite order. `read` gives the values that
/// the machine had without flowpin.
pub(super) fn wanted(scope: &Scope, read: &dyn Fn(&str) -> Option<String>) -> Vec<Switch> {
    let mut switches = Vec::new();
    if scope.v4 {
        reverse_path(scope, read, &mut switches);
        // flowpin's ICMP errors come out of the TUN with one of the router's own addresses as their source.
        switches.push((v4(scope.tun, "accept_local"), String::from("1")));
        // IPv4 forwarding is decided by the switch of the link a packet came in on; ip_forward itself stays as it is.
        let local = scope.local4.iter().map(String::as_str);
        for link in scope.downstream.into_iter().chain([scope.tun]).chain(local) {
            switches.push((v4(link, "forwarding"), String::from("1")));
        }
    }
    if scope.v6 {
        forwarding6(scope, read, &mut switches);
    }
    switches
}

fn v4(link: &str, switch: &str) -> String {
    format!("net/ipv4/conf/{link}/{switch}")
}

fn v6(link: &str, switch: &str) -> String {
    format!("net/ipv6/conf/{link}/{switch}")
}

/// Reverse-path filtering must be off on the TUN: strict or loose, it drops a packet with an own source (an ICMP error of
/// flowpin) on a link without addresses. The kernel takes the larger of `all` and the link's own value, so where `all` is
/// set it moves down into every other link: nothing changes for those.
fn reverse_path(scope: &Scope, read: &dyn Fn(&str) -> Option<String>, switches: &mut Vec<Switch>) {
    let value = |link: &str| read(&v4(link, "rp_filter")).and_then(|value| value.parse::<u8>().ok()).unwrap_or(0);
    let all = value("all");
    if let Some(downstream) = scope.downstream {
        let others = scope.links.iter().map(String::as_str).filter(|link| *link != scope.tun && *link != downstream);
        for link in others.chain(["default"]).filter(|link| value(link) < all) {
            switches.push((v4(link, "rp_filter"), all.to_string()));
        }
        // Strict becomes loose: what is an inside source is for the data plane to say, and to count.
        let effective = all.max(value(downstream));
        switches.push((v4(downstream, "rp_filter"), if effective == 1 { 2 } else { effective }.to_string()));
    }
    switches.push((v4(scope.tun, "rp_filter"), String::from("0")));
    if scope.downstream.is_some() && all != 0 {
        switches.push((v4("all", "rp_filter"), String::from("0")));
    }
}

/// IPv6 forwarding: per link where the kernel can (`force_forwarding`, Linux 6.17), else for the whole machine, with
/// router advertisements kept alive on the links that listen to them.
fn forwarding6(scope: &Scope, read: &dyn Fn(&str) -> Option<String>, switches: &mut Vec<Switch>) {
    let one = || String::from("1");
    if read(&v6("default", "force_forwarding")).is_some() {
        let local = scope.local6.iter().map(String::as_str);
        let links = scope.downstream.into_iter().chain([scope.tun]).chain(local);
        switches.extend(links.map(|link| (v6(link, "force_forwarding"), one())));
        return;
    }
    if scope.downstream.is_none() || !opens_every_link(read) {
        return;
    }
    let links = || scope.links.iter().map(String::as_str).filter(|link| *link != scope.tun).chain(["default"]);
    let is = |link: &str, switch: &str, value: &str| read(&v6(link, switch)).as_deref() == Some(value);
    for link in links().filter(|link| is(link, "accept_ra", "1") && is(link, "forwarding", "0")) {
        switches.push((v6(link, "accept_ra"), String::from("2")));
    }
    // Writing `all` writes each of these, so each is remembered.
    switches.extend(links().map(|link| (v6(link, "forwarding"), one())));
    switches.push((v6("all", "forwarding"), one()));
}

/// Whether the machine forwards IPv4 from this link without flowpin.
pub(super) fn forwards4(link: &str, read: &dyn Fn(&str) -> Option<String>) -> bool {
    read(&v4(link, "forwarding")).as_deref() == Some("1")
}

/// Whether the machine forwards IPv6 from this link without flowpin.
pub(super) fn forwards6(link: &str, read: &dyn Fn(&str) -> Option<String>) -> bool {
    [v6("all", "forwarding"), v6(link, "force_forwarding")].iter().any(|path| read(path).as_deref() == Some("1"))
}

/// Whether IPv6 forwarding has to be switched on for the whole machine, which forwards none without flowpin.
pub(super) fn opens_every_link(read: &dyn Fn(&str) -> Option<String>) -> bool {
    read(&v6("default", "force_forwarding")).is_none() && read(&v6("all", "forwarding")).as_deref() == Some("0")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn work_out(values: &[(&str, &str)], downstream: Option<&str>) -> Vec<String> {
        let values: HashMap<&str, &str> = values.iter().copied().collect();
        let links = ["lo", "lan0", "wan0", "flowpin0"].map(String::from);
        let scope = Scope { downstream, tun: "flowpin0", v4: true, v6: true, links: &links, local4: &[], local6: &[] };
        let switches = wanted(&scope, &|path| values.get(path).map(|value| String::from(*value)));
        let short = |path: String| path.replace("net/", "").replace("/conf", "");
        switches.into_iter().map(|(path, value)| format!("{}={value}", short(path))).collect()
    }

    #[test]
    fn a_reverse_path_filter_for_all_moves_into_the_other_links() {
        let values = [
            ("net/ipv4/conf/all/rp_filter", "1"),
            ("net/ipv4/conf/wan0/rp_filter", "2"),
            ("net/ipv6/conf/default/force_forwarding", "0"),
        ];
        let expected = [
            "ipv4/lo/rp_filter=1",
            "ipv4/default/rp_filter=1",
            "ipv4/lan0/rp_filter=2",
            "ipv4/flowpin0/rp_filter=0",
            "ipv4/all/rp_filter=0",
            "ipv4/flowpin0/accept_local=1",
            "ipv4/lan0/forwarding=1",
            "ipv4/flowpin0/forwarding=1",
            "ipv6/lan0/force_forwarding=1",
            "ipv6/flowpin0/force_forwarding=1",
        ];
        assert_eq!(work_out(&values, Some("lan0")), expected);
    }

    #[test]
    fn without_per_link_forwarding_router_advertisements_stay_alive() {
        let values = [
            ("net/ipv6/conf/all/forwarding", "0"),
            ("net/ipv6/conf/default/accept_ra", "1"),
            ("net/ipv6/conf/default/forwarding", "0"),
            ("net/ipv6/conf/wan0/accept_ra", "1"),
            ("net/ipv6/conf/wan0/forwarding", "0"),
            ("net/ipv6/conf/lan0/accept_ra", "1"),
            ("net/ipv6/conf/lan0/forwarding", "1"),
        ];
        let v6: Vec<String> =
            work_out(&values, Some("lan0")).into_iter().filter(|switch| switch.starts_with("ipv6")).collect();
        let expected = [
            "ipv6/wan0/accept_ra=2",
            "ipv6/default/accept_ra=2",
            "ipv6/lo/forwarding=1",
            "ipv6/lan0/forwarding=1",
            "ipv6/wan0/forwarding=1",
            "ipv6/default/forwarding=1",
            "ipv6/all/forwarding=1",
        ];
        assert_eq!(v6, expected);
    }

    #[test]
    fn without_a_downstream_link_only_the_tun_is_touched() {
        let values = [("net/ipv4/conf/all/rp_filter", "2"), ("net/ipv6/conf/all/forwarding", "0")];
        let switches = work_out(&values, None);
        assert!(switches.iter().all(|switch| switch.contains("/flowpin0/")), "{switches:?}");
    }
}
