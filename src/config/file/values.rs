//! What a single text means: addresses, prefixes, link names, durations. Each says what is wrong and what to write.
//! Must never know: keys (sections.rs, wan.rs), tables.

use super::reader::{Faults, Spanned, Wrong};
use crate::config::diagnostics::{Code, quote};
use crate::config::settings::External6;
use crate::types::Mac;
use ipnet::{IpNet, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// MTUs in bytes. 576 is what every IPv4 host must take (RFC 791 §3.2); IPv6's 1280 is asked for where it is used.
pub(super) const MTUS: RangeInclusive<u16> = 576..=65_535;

/// An address of either family that a host can have.
pub(super) fn address(text: &str) -> Result<IpAddr, Wrong> {
    if let Ok(net) = text.parse::<IpNet>() {
        let message = format!("{} is a prefix, and one address belongs here", quote(text));
        return Err(Wrong::new(message, format!("write \"{}\"", net.addr())));
    }
    let Ok(address) = text.parse::<IpAddr>() else {
        return Err(Wrong::new(
            format!("{} is no IP address", quote(text)),
            "write one such as \"192.0.2.1\" or \"2001:db8::1\"",
        ));
    };
    match never_a_host(address) {
        Some(kind) => Err(Wrong::new(format!("{} is {kind}", quote(text)), "write the address of one host")),
        None => Ok(address),
    }
}

/// An IPv4 address that a host can have.
pub(super) fn address4(text: &str) -> Result<Ipv4Addr, Wrong> {
    match address(text)? {
        IpAddr::V4(address) => Ok(address),
        IpAddr::V6(_) => Err(other_family(text, "IPv6", "IPv4", "192.0.2.1")),
    }
}

/// An IPv6 address that a host can have; link-local ones only where the link is known.
pub(super) fn address6(text: &str) -> Result<Ipv6Addr, Wrong> {
    match address(text)? {
        IpAddr::V6(address) => Ok(address),
        IpAddr::V4(_) => Err(other_family(text, "IPv4", "IPv6", "2001:db8::1")),
    }
}

/// An IPv6 address that means the same on every link.
pub(super) fn routable6(text: &str) -> Result<Ipv6Addr, Wrong> {
    let address = address6(text)?;
    if address.is_unicast_link_local() {
        let message = format!("{} is link-local and means another host on every link", quote(text));
        return Err(Wrong::new(message, "write a global or unique local address"));
    }
    Ok(address)
}

/// The public end of a single IPv4 host: an address, or "interface", which is `None`.
pub(super) fn external4(text: &str) -> Result<Option<Ipv4Addr>, Wrong> {
    if text == "interface" {
        return Ok(None);
    }
    let or_interface = |wrong: Wrong| Wrong { suggestion: format!("{}, or \"interface\"", wrong.suggestion), ..wrong };
    address4(text).map(Some).map_err(or_interface)
}

/// The external end of a single IPv6 host: an address, what follows the prefix of the line, such as "::1", or "interface".
pub(super) fn external6(text: &str) -> Result<External6, Wrong> {
    if text == "interface" {
        return Ok(External6::Interface);
    }
    if let Ok(bits) = text.parse::<Ipv6Addr>()
        && bits.segments()[0] == 0
        && !bits.is_unspecified()
        && bits.to_ipv4_mapped().is_none()
    {
        return Ok(External6::Behind(bits));
    }
    let or_bits = |wrong: Wrong| Wrong {
        suggestion: format!("{}, \"::1\" behind the line's prefix, or \"interface\"", wrong.suggestion),
        ..wrong
    };
    routable6(text).map(External6::Fixed).map_err(or_bits)
}

fn other_family(text: &str, is: &str, takes: &str, example: &str) -> Wrong {
    let message = format!("{} is {is}, and {takes} belongs here", quote(text));
    Wrong::new(message, format!("write an {takes} address such as \"{example}\""))
}

/// The MAC of one station.
pub(super) fn mac(text: &str) -> Result<Mac, Wrong> {
    let octets: Vec<u8> = text.split([':', '-']).filter(|octet| octet.len() == 2).map_while(octet).collect();
    let written = text.len() == 17;
    match <[u8; 6]>::try_from(octets).map(Mac) {
        Ok(mac) if written && mac.is_group() => {
            Err(Wrong::new(format!("{} means a group of stations", quote(text)), "write the MAC of the gateway alone"))
        }
        Ok(mac) if written && mac == Mac::default() => {
            Err(Wrong::new(format!("{} is no MAC of any station", quote(text)), "write the MAC of the gateway"))
        }
        Ok(mac) if written => Ok(mac),
        _ => Err(Wrong::new(format!("{} is no MAC", quote(text)), "write one such as \"02:00:5e:10:00:01\"")),
    }
}

fn octet(text: &str) -> Option<u8> {
    text.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u8::from_str_radix(text, 16).ok())?
}

fn never_a_host(address: IpAddr) -> Option<&'static str> {
    match address {
        _ if address.is_unspecified() => Some("the unspecified address"),
        _ if address.is_loopback() => Some("a loopback address"),
        _ if address.is_multicast() => Some("a multicast address"),
        IpAddr::V4(address) if address.is_broadcast() => Some("the broadcast address"),
        IpAddr::V4(address) if address.octets()[0] == 0 => Some("no address of any host"),
        IpAddr::V6(address) if address.to_ipv4_mapped().is_some() => {
            Some("an IPv4-mapped address, which no packet may carry")
        }
        _ => None,
    }
}

/// A prefix of either family, shorter than everything. Host bits are the caller's to judge: `network`.
pub(super) fn prefix(text: &str) -> Result<IpNet, Wrong> {
    let net = any_prefix(text)?;
    if net.prefix_len() == 0 {
        return Err(Wrong::new(format!("{} covers every address", quote(text)), "write the prefixes that you mean"));
    }
    match never_a_host(net.trunc().addr()) {
        Some(kind) => {
            Err(Wrong::new(format!("{} starts at {kind}", quote(text)), "write a prefix of unicast addresses"))
        }
        None => Ok(net),
    }
}

/// An IPv6 prefix. Host bits are the caller's to judge: `network`.
pub(super) fn prefix6(text: &str) -> Result<Ipv6Net, Wrong> {
    match prefix(text)? {
        IpNet::V6(net) if net.addr().is_unicast_link_local() => {
            let message = format!("{} is link-local and cannot be routed", quote(text));
            Err(Wrong::new(message, "write a global or unique local prefix"))
        }
        IpNet::V6(net) => Ok(net),
        IpNet::V4(_) => {
            let message = format!("{} is IPv4, and an IPv6 prefix belongs here", quote(text));
            Err(Wrong::new(message, "write one such as \"2001:db8:a:c80::/60\""))
        }
    }
}

/// A prefix of any addresses there are, multicast and loopback too. Host bits are the caller's to judge: `network`.
pub(super) fn any_prefix(text: &str) -> Result<IpNet, Wrong> {
    address_with_length(text)
}

/// The network of a prefix, with a fault if host bits were set: what is meant is clear enough to read on.
pub(super) fn network(said: Spanned<IpNet>, faults: &mut Faults) -> Spanned<IpNet> {
    let network = said.value.trunc();
    if network != said.value {
        let message = format!("`{}` has bits set behind its prefix length", said.value);
        faults.add(Code::BadValue, said.at, message, format!("write \"{network}\""));
    }
    Spanned { value: network, at: said.at }
}

/// An address of a link: host bits and prefix length.
pub(super) fn link_address(text: &str) -> Result<IpNet, Wrong> {
    let net = address_with_length(text)?;
    match never_a_host(net.addr()) {
        Some(kind) => {
            Err(Wrong::new(format!("{} is {kind}", quote(text)), "write the address of one host and its prefix length"))
        }
        None => Ok(net),
    }
}

fn address_with_length(text: &str) -> Result<IpNet, Wrong> {
    if let Ok(net) = text.parse::<IpNet>() {
        return Ok(net);
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        let message = format!("{} has no prefix length", quote(text));
        let single = if address.is_ipv4() { 32 } else { 128 };
        return Err(Wrong::new(
            message,
            format!("write \"{text}/{single}\" for this address alone, or the prefix's own length"),
        ));
    }
    if let Some((Ok(address), _)) = text.split_once('/').map(|(address, length)| (address.parse::<IpAddr>(), length)) {
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let message = format!("{} has a bad prefix length", quote(text));
        return Err(Wrong::new(message, format!("write a length from 0 to {longest} behind the slash")));
    }
    Err(Wrong::new(
        format!("{} is no prefix", quote(text)),
        "write one such as \"10.250.250.0/29\" or \"2001:db8:a:c80::/60\"",
    ))
}

/// A name of a kernel link, be it one of its other names (`dev_valid_name` in net/core/dev.c, `ALTIFNAMSIZ`).
pub(super) fn link_name(text: &str) -> Result<String, Wrong> {
    name_of_link(text, 127)
}

fn name_of_link(text: &str, longest: usize) -> Result<String, Wrong> {
    let why = if text.is_empty() {
        "is empty".to_owned()
    } else if text.len() > longest {
        format!("has {} bytes, and Linux allows {longest}", text.len())
    } else if text == "." || text == ".." {
        "cannot be the name of a link".to_owned()
    } else if let Some(bad) = text.chars().find(|c| matches!(c, '/' | ':') || c.is_whitespace() || c.is_control()) {
        format!("contains {}, which no link's name may", quote(&bad.to_string()))
    } else {
        return Ok(text.to_owned());
    };
    Err(Wrong::new(format!("{} {why}", quote(text)), "write a link's name as `ip link` shows it"))
}

/// The name of a link to create: the kernel reads `%d` in it as "any free number".
pub(super) fn new_link_name(text: &str) -> Result<String, Wrong> {
    if text.contains('%') {
        let message = format!("{} contains `%`, which the kernel would replace by a number", quote(text));
        return Err(Wrong::new(message, "write the full name, such as \"flowpin0\""));
    }
    name_of_link(text, 15)
}

/// The name of a WAN: a word that serves as file name and in `NAME=FILE`, and is not `inside`.
pub(super) fn wan_name(text: &str) -> Result<String, Wrong> {
    const LONGEST: usize = 32;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let good = text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(plain);
    if text == "inside" {
        return Err(Wrong::new("`inside` is the word for the firewall's side", "give the WAN another name"));
    }
    if !good || text.len() > LONGEST {
        let message = format!("{} cannot be the name of a WAN", quote(text));
        let suggestion =
            format!("begin with a letter or digit and use only those, `-`, `_` and `.`; at most {LONGEST}");
        return Err(Wrong::new(message, suggestion));
    }
    Ok(text.to_owned())
}

/// The longest time a setting may name, in seconds: a year.
pub(super) const LONGEST_TIME: u64 = 365 * 86_400;

/// Whole seconds, from "2h4m", "5m", "90s"; at least 1, at most a year.
pub(super) fn duration(text: &str) -> Result<u32, Wrong> {
    let example = "write it such as \"2h4m\", \"5m\" or \"90s\", or as a number of seconds";
    let Some(seconds) = sum_of_units(text) else {
        return Err(Wrong::new(format!("{} is no time", quote(text)), example));
    };
    match u32::try_from(seconds) {
        Ok(0) => Err(Wrong::new(format!("{} is no time to live", quote(text)), "write 1 second or more")),
        Ok(fits) if seconds <= LONGEST_TIME => Ok(fits),
        _ => Err(Wrong::new(format!("{} is longer than a year", quote(text)), "write \"365d\" or less")),
    }
}

/// Milliseconds, from "800ms", "1s", "2m"; 0 is for the caller to judge.
pub(super) fn milliseconds(text: &str) -> Result<u64, Wrong> {
    let short = text.strip_suffix("ms").filter(|digits| digits.chars().all(|c| c.is_ascii_digit()));
    let read = match short {
        Some(digits) => digits.parse().ok(),
        None => sum_of_units(text).map(|seconds| seconds.saturating_mul(1000)),
    };
    read.ok_or_else(|| Wrong::new(format!("{} is no time", quote(text)), "write it such as \"800ms\" or \"1s\""))
}

/// Seconds, from "2h4m" or a plain number; saturated. `None`: it is no time.
#[must_use]
pub fn seconds(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    if is_number { Some(text.parse().unwrap_or(u64::MAX)) } else { sum_of_units(text) }
}

/// A name that DNS is asked for (RFC 1035 §2.3.4).
pub(super) fn dns_name(text: &str) -> Result<String, Wrong> {
    let name = text.strip_suffix('.').unwrap_or(text);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let good = |label: &str| (1..=63).contains(&label.len()) && label.chars().all(plain);
    if name.len() <= 253 && name.split('.').all(good) {
        return Ok(name.to_owned());
    }
    Err(Wrong::new(format!("{} is no name that DNS knows", quote(text)), "write one such as \"example.com\""))
}

/// What a request may name as host: a name or an address, and a port.
pub(super) fn host_name(text: &str) -> Result<String, Wrong> {
    const LONGEST: usize = 100;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '[' | ']');
    if (1..=LONGEST).contains(&text.len()) && text.chars().all(plain) {
        return Ok(text.to_owned());
    }
    Err(Wrong::new(format!("{} cannot be `host`", quote(text)), "write a name such as \"example.com\""))
}

/// Units from large to small, none twice. `None` if the text is anything else; saturates.
fn sum_of_units(text: &str) -> Option<u64> {
    let (mut rest, mut sum, mut last) = (text, 0u64, u64::MAX);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let count = rest.get(..digits)?;
        let (unit, behind) = (rest[digits..].chars().next()?, rest.get(digits + 1..)?);
        let seconds = match unit {
            'd' => 86_400,
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        if count.is_empty() || seconds >= last {
            return None;
        }
        sum = sum.saturating_add(count.parse().unwrap_or(u64::MAX).saturating_mul(seconds));
        (rest, last) = (behind, seconds);
    }
    (!text.is_empty()).then_some(sum)
}

/// The path of a Unix socket: absolute, and short enough for the kernel's `sun_path` (unix(7): 108 bytes with its NUL).
pub(super) fn socket_path(text: &str) -> Result<PathBuf, Wrong> {
    const LONGEST: usize = 107;
    if !Path::new(text).is_absolute() || text.ends_with('/') || text.contains('\0') {
        let message = format!("{} is no absolute path of a file", quote(text));
        return Err(Wrong::new(message, "write a path such as \"/run/flowpin/control.sock\""));
    }
    if text.len() > LONGEST {
        let message = format!("this path has {} bytes, and a socket's path can have {LONGEST}", text.len());
        return Err(Wrong::new(message, "write a shorter path such as \"/run/flowpin/control.sock\""));
    }
    Ok(PathBuf::from(text))
}

/// The name of a group.
pub(super) fn group(text: &str) -> Result<String, Wrong> {
    let bad = |c: char| c.is_whitespace() || c.is_control() || c == ':';
    if text.is_empty() || text.contains(bad) {
        let message = format!("{} cannot be the name of a group", quote(text));
        return Err(Wrong::new(message, "write a group of this machine, or leave the key out for root alone"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong, and what to write.
    fn wrong<T: std::fmt::Debug>(read: Result<T, Wrong>) -> (String, String) {
        let wrong = read.map_err(|wrong| (wrong.message, wrong.suggestion));
        wrong.expect_err("this should have been refused")
    }

    #[test]
    fn times_are_sums_of_units_in_falling_order() {
        let good = [("2h4m", 7440), ("5m", 300), ("90s", 90), ("1d2h3m4s", 93_784), ("365d", 31_536_000)];
        for (text, seconds) in good {
            assert_eq!(duration(text).ok(), Some(seconds), "{text}");
        }
        for text in [
            "",
            "5",
            "m",
            "4m2h",
            "1m1m",
            "1.5h",
            "-1s",
            "1 h",
            "800ms",
            "5µ",
            "٣s",
            "0s",
            "366d",
            "99999999999999999999d",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_prefix_needs_a_length_and_is_not_everything() {
        assert_eq!(wrong(prefix("10.0.0.0/33")).0, "`10.0.0.0/33` has a bad prefix length");
        assert!(wrong(prefix("10.0.0.0")).1.starts_with("write \"10.0.0.0/32\""));
        assert_eq!(wrong(prefix("::/0")).0, "`::/0` covers every address");
        assert_eq!(any_prefix("224.0.0.0/4").ok(), "224.0.0.0/4".parse().ok());
    }

    #[test]
    fn addresses_that_no_host_has_are_refused() {
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "127.0.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "ff02::1",
            "::ffff:192.0.2.1",
        ] {
            assert!(address(text).is_err(), "{text}");
        }
        assert_eq!(wrong(address("192.0.2.1/24")).1, "write \"192.0.2.1\"");
        assert_eq!(wrong(address4("2001:db8::1")).0, "`2001:db8::1` is IPv6, and IPv4 belongs here");
        assert_eq!(wrong(address6("192.0.2.1")).0, "`192.0.2.1` is IPv4, and IPv6 belongs here");
        assert!(address6("fe80::2").is_ok() && routable6("fe80::2").is_err());
    }

    #[test]
    fn names_of_links_obey_the_kernel() {
        for text in ["wan0", "enp1s0f0np0", "br-lan.3242", "a%d", "ö"] {
            assert!(link_name(text).is_ok(), "{text}");
        }
        for text in ["", ".", "..", "a/b", "a b", "a:1"] {
            assert!(link_name(text).is_err(), "{text}");
        }
        // Another name of a link may be longer than the kernel's own.
        for text in ["sixteen-bytes-xy", "öööööööö"] {
            assert!(link_name(text).is_ok() && new_link_name(text).is_err(), "{text}");
        }
        assert!(link_name(&"a".repeat(127)).is_ok() && link_name(&"a".repeat(128)).is_err());
        assert!(new_link_name("tun%d").is_err());
    }

    #[test]
    fn names_of_wans_are_plain_words() {
        for text in ["fiber", "isp-2", "1&1".replace('&', "-").as_str(), "wan0.3242"] {
            assert!(wan_name(text).is_ok(), "{text}");
        }
        for text in ["", "inside", "a=b", "a/b", ".hidden", "-x", "ü", &"x".repeat(33)] {
            assert!(wan_name(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_socket_path_is_absolute_and_short() {
        assert!(socket_path("/run/flowpin/control.sock").is_ok());
        for text in ["control.sock", "", "/run/", &format!("/{}", "x".repeat(107))] {
            assert!(socket_path(text).is_err(), "{text}");
        }
    }
}
