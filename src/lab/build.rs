//! Who is linked to whom, with which addresses and routes: the picture of `lab` as calls.
//! Must never know: flowpin.

use super::topology::{Line, mac};
use super::wire::{End, Wire, set};
use super::{Lab, Namespace, Options};
use ipnet::IpNet;
use std::io;
use std::net::IpAddr;

impl Lab {
    /// Builds the network.
    ///
    /// # Errors
    /// Not root, or the kernel refuses something; what was built by then is deleted.
    pub fn build(options: Options) -> io::Result<Self> {
        if !nix::unistd::geteuid().is_root() {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "the lab makes network namespaces: run it as root",
            ));
        }
        let lab = Self::empty(options)?;
        build(&lab)?;
        Ok(lab)
    }
}

/// Builds everything inside the namespaces of `lab`.
fn build(lab: &Lab) -> io::Result<()> {
    for (role, namespace) in lab.namespaces() {
        namespace.run(|| settings(role.starts_with("isp"))).flatten()?;
    }
    links(lab)?;
    configure(&lab.fw, FW_ADDRESSES, FW_ROUTES)?;
    configure(&lab.rt, RT_ADDRESSES, RT_ROUTES)?;
    isp(lab, Line::Fiber)?;
    isp(lab, Line::Dsl)?;
    configure(&lab.ispc, ISPC_UPLINK, ISPC_ROUTES)?;
    configure(&lab.inet, INET_ADDRESSES, INET_ROUTES)
}

/// Gives an ISP's links their addresses and routes, or what it has lost of them, and sets them up.
pub fn isp(lab: &Lab, line: Line) -> io::Result<()> {
    match line {
        Line::Fiber => configure(&lab.ispa, ISPA_ADDRESSES, ISPA_ROUTES),
        Line::Dsl => configure(&lab.ispb, ISPB_ADDRESSES, ISPB_ROUTES),
        Line::Lte => configure(&lab.ispc, ISPC_CUSTOMER, ISPC_CUSTOMER_ROUTES),
    }
}

/// The stick that is ISP c's line, on both its ends.
pub fn stick(lab: &Lab) -> io::Result<()> {
    let [near, far] = [End { name: "wwan0", mac: mac::RT_WWAN0 }, End { name: "customer", mac: mac::ISPC }];
    lab.rt.run(|| Wire::open()?.veth(near, far, lab.ispc.handle(), 1500)).flatten()?;
    isp(lab, Line::Lte)?;
    configure(&lab.rt, &[("wwan0", "fe80::e2/64")], &[])
}

/// A new namespace takes some values from the machine: what matters here is said. Addresses are usable at once.
fn settings(forwards: bool) -> io::Result<()> {
    let forwarding = if forwards { "1" } else { "0" };
    set("net/ipv4/ip_forward", forwarding)?;
    set("net/ipv6/conf/all/forwarding", forwarding)?;
    set("net/ipv4/ping_group_range", "0 0")?;
    for scope in ["all", "default"] {
        set(&format!("net/ipv4/conf/{scope}/rp_filter"), "0")?;
        set(&format!("net/ipv6/conf/{scope}/accept_dad"), "0")?;
        set(&format!("net/ipv6/conf/{scope}/disable_ipv6"), "0")?;
    }
    // 1: no link-local address is made from the MAC; the lab gives each link its own.
    set("net/ipv6/conf/default/addr_gen_mode", "1")
}

fn links(lab: &Lab) -> io::Result<()> {
    let options = lab.options();
    let [fiber, dsl] = options.wan_mtu.map(u32::from);
    let [uplink_a, uplink_b] = options.uplink_mtu.map(u32::from);
    let end = |name, mac| End { name, mac };
    lab.rt
        .run(|| {
            let wire = Wire::open()?;
            wire.veth(end("lan0", mac::RT_LAN), end("lan0", mac::FW), lab.fw.handle(), options.lan_mtu.into())?;
            let peer = match options.vlan {
                None => end("customer", mac::ISPA),
                Some(_) => end("trunk", mac::TRUNK),
            };
            wire.veth(end("wan0", mac::RT_WAN0), peer, lab.ispa.handle(), fiber)?;
            wire.veth(end("wan1", mac::RT_WAN1), end("customer", mac::ISPB), lab.ispb.handle(), dsl)
        })
        .flatten()?;
    let [ispa, inet_a] = mac::UPLINK_A;
    let [ispb, inet_b] = mac::UPLINK_B;
    lab.ispa
        .run(|| {
            let wire = Wire::open()?;
            wire.veth(end("uplink", ispa), end("ispa", inet_a), lab.inet.handle(), uplink_a)?;
            if options.vlan.is_some() {
                wire.veth(end("customer", mac::ISPA), end("access", mac::ACCESS), lab.ispa.handle(), fiber)?;
                for port in ["trunk", "access"] {
                    // Ports of a switch say nothing of their own.
                    set(&format!("net/ipv6/conf/{port}/disable_ipv6"), "1")?;
                    wire.up(port)?;
                }
            }
            Ok(())
        })
        .flatten()?;
    let uplink = |isp: &Namespace, near, far, mtu| {
        isp.run(|| Wire::open()?.veth(end("uplink", near), far, lab.inet.handle(), mtu)).flatten()
    };
    uplink(&lab.ispb, ispb, end("ispb", inet_b), uplink_b)?;
    let [ispc, inet_c] = mac::UPLINK_C;
    uplink(&lab.ispc, ispc, end("ispc", inet_c), 1500)
}

/// Link and address with prefix length.
type Address = (&'static str, &'static str);
/// Destination, next hop, link, preferred source.
type Route = (&'static str, &'static str, &'static str, Option<&'static str>);

const FW_ADDRESSES: &[Address] = &[
    ("lo", "127.0.0.1/8"),
    ("lan0", "10.250.250.2/29"),
    ("lan0", "10.250.250.3/29"),
    ("lan0", "10.250.250.4/29"),
    ("lan0", "10.250.250.5/29"),
    ("lan0", "10.250.250.6/29"),
    ("lan0", "fe80::2/64"),
    ("lan0", "fd00:bad:b01:1::100/128"),
    ("lan0", "fd00:bad:b01:fe::2/128"),
];
const FW_ROUTES: &[Route] =
    &[("0.0.0.0/0", "10.250.250.1", "lan0", None), ("::/0", "fe80::1", "lan0", Some("fd00:bad:b01:1::100"))];

const RT_ADDRESSES: &[Address] = &[
    ("lo", "127.0.0.1/8"),
    ("lan0", "10.250.250.1/29"),
    ("lan0", "fe80::1/64"),
    ("lan0", "fd00:bad:b01:f::1/64"),
    ("wan0", "fe80::a2/64"),
    ("wan1", "198.18.2.2/30"),
    ("wan1", "fe80::b2/64"),
];
const RT_ROUTES: &[Route] = &[("0.0.0.0/0", "198.18.2.1", "wan1", None), ("::/0", "fe80::b1", "wan1", None)];

const ISPA_ADDRESSES: &[Address] = &[
    ("lo", "127.0.0.1/8"),
    ("lo", "2001:db8:a::1/128"),
    ("customer", "192.0.2.198/29"),
    ("customer", "fe80::a1/64"),
    ("uplink", "198.18.10.1/30"),
    ("uplink", "fe80::c1/64"),
];
const ISPA_ROUTES: &[Route] = &[
    ("2001:db8:a:c80::/60", "fe80::a2", "customer", None),
    ("0.0.0.0/0", "198.18.10.2", "uplink", None),
    ("::/0", "fe80::c2", "uplink", None),
];

const ISPB_ADDRESSES: &[Address] = &[
    ("lo", "127.0.0.1/8"),
    ("lo", "2001:db8:b::1/128"),
    ("customer", "198.18.2.1/30"),
    ("customer", "fe80::b1/64"),
    ("uplink", "198.18.11.1/30"),
    ("uplink", "fe80::d1/64"),
];
const ISPB_ROUTES: &[Route] = &[
    ("198.51.100.240/29", "198.18.2.2", "customer", None),
    ("2001:db8:b:be00::/60", "fe80::b2", "customer", None),
    ("0.0.0.0/0", "198.18.11.2", "uplink", None),
    ("::/0", "fe80::d2", "uplink", None),
];

const ISPC_UPLINK: &[Address] =
    &[("lo", "127.0.0.1/8"), ("lo", "2001:db8:c::1/128"), ("uplink", "198.18.12.1/30"), ("uplink", "fe80::f1/64")];
const ISPC_ROUTES: &[Route] = &[("0.0.0.0/0", "198.18.12.2", "uplink", None), ("::/0", "fe80::f2", "uplink", None)];
const ISPC_CUSTOMER: &[Address] = &[("customer", "203.0.113.246/29"), ("customer", "fe80::e1/64")];
const ISPC_CUSTOMER_ROUTES: &[Route] = &[("2001:db8:c:5d00::/60", "fe80::e2", "customer", None)];

const INET_ADDRESSES: &[Address] = &[
    ("lo", "127.0.0.1/8"),
    ("lo", "203.0.113.10/32"),
    ("lo", "2001:db8:ffff::10/128"),
    ("ispa", "198.18.10.2/30"),
    ("ispa", "fe80::c2/64"),
    ("ispb", "198.18.11.2/30"),
    ("ispb", "fe80::d2/64"),
    ("ispc", "198.18.12.2/30"),
    ("ispc", "fe80::f2/64"),
];
const INET_ROUTES: &[Route] = &[
    ("192.0.2.192/29", "198.18.10.1", "ispa", Some("203.0.113.10")),
    ("2001:db8:a::/48", "fe80::c1", "ispa", Some("2001:db8:ffff::10")),
    ("198.51.100.240/29", "198.18.11.1", "ispb", Some("203.0.113.10")),
    ("198.18.2.0/30", "198.18.11.1", "ispb", Some("203.0.113.10")),
    ("2001:db8:b::/48", "fe80::d1", "ispb", Some("2001:db8:ffff::10")),
    ("203.0.113.240/29", "198.18.12.1", "ispc", Some("203.0.113.10")),
    ("2001:db8:c::/48", "fe80::f1", "ispc", Some("2001:db8:ffff::10")),
];

fn configure(namespace: &Namespace, addresses: &[Address], routes: &[Route]) -> io::Result<()> {
    let work = || {
        let wire = Wire::open()?;
        // Every link is named by an address of its own; a link that is up stays up, one that comes up loses none.
        for (link, _) in addresses {
            wire.up(link)?;
        }
        for (link, address) in addresses {
            wire.address(link, parse::<IpNet>(address)?)?;
        }
        for (to, via, link, source) in routes {
            let source = source.map(parse::<IpAddr>).transpose()?;
            wire.route(parse(to)?, parse(via)?, link, source)?;
        }
        Ok(())
    };
    namespace.run(work).flatten()
}

fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> io::Result<T> {
    text.parse().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, format!("{text}: {error}")))
}
