//! What contradicts what: links, names, MTUs, gateways, inside prefixes. Each rule is one function.
//! Must never know: TOML (reader.rs), who owns which address (owners.rs).

use super::inside::{inside_of, overlap};
use super::masquerade;
use super::owners::Owners;
use super::probes;
use super::raw::{Downstream, RawConfig, Wan};
use super::reader::{Faults, Spanned};
use super::sources;
use crate::config::diagnostics::{Code, Fault, Span};
use crate::config::settings::{DEFAULT_TUN, External6, Mtu};
use crate::types::MAX_WANS;
use ipnet::IpNet;
use std::collections::HashMap;
use std::net::IpAddr;

/// Every rule.
pub(super) fn check(raw: &RawConfig, faults: &mut Faults) {
    inside_prefixes(&raw.downstream, faults);
    next_hops_have_a_link(&raw.downstream, faults);
    local_networks(&raw.downstream, faults);
    downstream_mtu(&raw.downstream, faults);
    number_of_wans(raw, faults);
    names(raw, faults);
    links(raw, faults);
    for wan in &raw.wans {
        translates_something(wan, faults);
        wan_mtu(wan, faults);
        prefix_lengths(wan, faults);
        one_host_has_the_links_address(wan, faults);
        masquerade::check(wan, faults);
        mappings_are_inside(wan, &raw.downstream, faults);
    }
    let owners = Owners::collect(raw, faults);
    inbound_hosts(raw, &owners, faults);
    gateways(raw, &owners, faults);
    raw.wans.iter().for_each(|wan| mtu_targets(wan, raw, &owners, faults));
    raw.wans.iter().for_each(|wan| probes::check(wan, raw, &owners, faults));
    raw.wans.iter().for_each(|wan| sources::check(wan, &raw.downstream, &owners, faults));
    own_addresses(raw, &owners, faults);
    martians(raw, &owners, faults);
}

fn inside_prefixes(downstream: &Downstream, faults: &mut Faults) {
    for (index, prefix) in downstream.prefixes.iter().enumerate() {
        let earlier = downstream.prefixes.iter().take(index).find(|earlier| overlap(&earlier.value, &prefix.value));
        if let Some(earlier) = earlier {
            let fault = if earlier.value == prefix.value {
                let message = format!("the inside prefix `{}` is given twice", prefix.value);
                Fault::new(Code::Duplicate, prefix.at, message, "keep one of the two")
            } else {
                let message = format!("the inside prefix `{}` overlaps `{}`", prefix.value, earlier.value);
                Fault::new(Code::Overlap, prefix.at, message, "keep the larger of the two")
            };
            faults.found.push(fault.against(earlier.at, "said here"));
        }
    }
}

fn next_hops_have_a_link(downstream: &Downstream, faults: &mut Faults) {
    let hops = [
        ("next_hop4", downstream.next_hop4.as_ref().map(|hop| hop.at)),
        ("next_hop6", downstream.next_hop6.as_ref().map(|hop| hop.at)),
    ];
    for (key, at) in hops.into_iter().filter_map(|(key, at)| Some((key, at?))) {
        if !downstream.has_interface {
            let message = format!("`{key}` needs the link that it is reached through");
            faults.add(Code::Conflict, at, message, format!("add `interface` to [downstream], or remove `{key}`"));
        }
    }
}

fn local_networks(downstream: &Downstream, faults: &mut Faults) {
    if let Some(at) = downstream.local_at.filter(|_| !downstream.has_interface) {
        let message = "`local` needs the link that inside hosts come from";
        faults.add(Code::Conflict, at, message, "add `interface` to [downstream], or remove `local`");
    }
    for (index, local) in downstream.local.iter().enumerate() {
        if let Some(inside) = inside_of(downstream, &local.value) {
            let message =
                format!("`{}` in `local` shares addresses with the inside prefix `{}`", local.value, inside.value);
            let fault =
                Fault::new(Code::Overlap, local.at, message, "inside hosts are behind the firewall: remove one");
            faults.found.push(fault.against(inside.at, "said here"));
        }
        let earlier = downstream.local.iter().take(index).find(|earlier| overlap(&earlier.value, &local.value));
        if let Some(earlier) = earlier {
            let message = format!("`{}` in `local` overlaps `{}`", local.value, earlier.value);
            let fault = Fault::new(Code::Overlap, local.at, message, "keep the larger of the two");
            faults.found.push(fault.against(earlier.at, "said here"));
        }
    }
}

/// The least MTU of a link that carries IPv6 (RFC 8200 §5).
const IPV6_MIN_MTU: u16 = 1280;

fn too_small_for_ipv6(mtu: Option<&Spanned<u16>>, uses_ipv6: bool, faults: &mut Faults) {
    if let Some(mtu) = mtu.filter(|mtu| uses_ipv6 && mtu.value < IPV6_MIN_MTU) {
        let message = format!("an MTU of {} is too small for IPv6", mtu.value);
        faults.add(Code::Conflict, mtu.at, message, format!("write {IPV6_MIN_MTU} or more"));
    }
}

fn downstream_mtu(downstream: &Downstream, faults: &mut Faults) {
    let uses_ipv6 = downstream.prefixes.iter().any(|prefix| matches!(prefix.value, IpNet::V6(_)));
    too_small_for_ipv6(downstream.mtu.as_ref(), uses_ipv6, faults);
}

fn wan_mtu(wan: &Wan, faults: &mut Faults) {
    let said = match wan.mtu.value {
        Mtu::Bytes(value) => Some(Spanned { value, at: wan.mtu.at }),
        Mtu::Auto | Mtu::Probe => None,
    };
    too_small_for_ipv6(said.as_ref(), wan.nptv6.is_some() || !wan.inbound6.is_empty(), faults);
}

/// A target is asked through this WAN and answers from outside.
fn mtu_targets(wan: &Wan, raw: &RawConfig, owners: &Owners<'_>, faults: &mut Faults) {
    for (index, target) in wan.mtu_targets.iter().enumerate() {
        let (address, at) = (target.value, target.at);
        let earlier = wan.mtu_targets.iter().take(index).find(|earlier| earlier.value == address);
        if let Some(earlier) = earlier {
            let message = format!("the target `{address}` is given twice");
            let fault = Fault::new(Code::Duplicate, at, message, "keep one of the two");
            faults.found.push(fault.against(earlier.at, "said here"));
        } else {
            probes::is_outside(address, at, raw, owners, faults);
        }
    }
}

fn number_of_wans(raw: &RawConfig, faults: &mut Faults) {
    if let Some(wan) = raw.wans.get(MAX_WANS) {
        let message = format!("this is WAN {}, and flowpin has room for {MAX_WANS}", MAX_WANS + 1);
        faults.add(Code::BadValue, wan.at, message, format!("keep {MAX_WANS} of the {}", raw.wans.len()));
    }
}

fn names(raw: &RawConfig, faults: &mut Faults) {
    let mut seen: HashMap<&str, Span> = HashMap::new();
    for name in raw.wans.iter().filter_map(|wan| wan.name.as_ref()) {
        if let Some(first) = seen.get(name.value.as_str()) {
            let message = format!("two WANs have the name `{}`", name.value);
            let fault = Fault::new(Code::Duplicate, name.at, message, "give each WAN a `name` of its own");
            faults.found.push(fault.against(*first, "the first"));
        } else {
            seen.insert(&name.value, name.at);
        }
    }
}

fn links(raw: &RawConfig, faults: &mut Faults) {
    let downstream = &raw.downstream;
    let tun = downstream.tun.as_ref().map_or(DEFAULT_TUN, |tun| &tun.value);
    if let Some(interface) = downstream.interface.as_ref().filter(|interface| interface.value == tun) {
        let message = format!("`{tun}` is the TUN that flowpin creates and cannot be the firewall's link too");
        faults.add(Code::Conflict, interface.at, message, "name the link that the firewall sits on, or another `tun`");
    }
    let mut seen: HashMap<(&str, Option<u16>), Span> = HashMap::new();
    for wan in &raw.wans {
        let Some(interface) = &wan.interface else { continue };
        if let Some(inside) = downstream.interface.as_ref().filter(|inside| inside.value == interface.value) {
            let message = format!("`{}` is the firewall's link and cannot be a WAN too", interface.value);
            let fault = Fault::new(Code::Conflict, interface.at, message, "name the link of the uplink");
            faults.found.push(fault.against(inside.at, "the firewall's link"));
        } else if interface.value == tun {
            let message = format!("`{tun}` is the TUN that flowpin creates and cannot be a WAN");
            faults.add(Code::Conflict, interface.at, message, "name the link of the uplink");
        }
        let key = (interface.value.as_str(), wan.vlan.as_ref().map(|vlan| vlan.value));
        if let Some(first) = seen.get(&key) {
            let tag = key.1.map_or_else(|| "untagged".to_owned(), |vlan| format!("with VLAN {vlan}"));
            let message = format!("two WANs use `{}` {tag}", interface.value);
            let fault = Fault::new(Code::Duplicate, interface.at, message, "give each WAN a link or `vlan` of its own");
            faults.found.push(fault.against(*first, "the first"));
        } else {
            seen.insert(key, interface.at);
        }
    }
}

fn translates_something(wan: &Wan, faults: &mut Faults) {
    if !wan.translates {
        let message = format!("WAN {} has no mapping, so nothing could pass it", wan.label());
        faults.add(Code::Missing, wan.at, message, "add [wan.nat44], [wan.masquerade], [wan.nptv6] or [wan.inbound6]");
    }
}

fn prefix_lengths(wan: &Wan, faults: &mut Faults) {
    const LONGEST: u8 = 64;
    let Some(npt) = &wan.nptv6 else { return };
    let said = [&npt.inside, &npt.outside].into_iter().flatten();
    for prefix in said.filter(|prefix| prefix.value.prefix_len() > LONGEST) {
        let message = format!("`{}` is longer than /{LONGEST}", prefix.value);
        faults.add(Code::BadValue, prefix.at, message, format!("write a prefix of /{LONGEST} or shorter"));
    }
}

fn one_host_has_the_links_address(wan: &Wan, faults: &mut Faults) {
    let six = wan.inbound6.iter().find(|(external, _)| external.value == External6::Interface).map(|(it, _)| it.at);
    for at in wan.nat44_interface.first().map(|first| first.at).into_iter().chain(six) {
        let Some(vlan) = &wan.vlan else { break };
        let message = "\"interface\" is the address of the untagged link, and this WAN is tagged";
        let suggestion = "write the public address, or make a kernel VLAN link and leave out `vlan`";
        let fault = Fault::new(Code::Conflict, at, message, suggestion);
        faults.found.push(fault.against(vlan.at, "tagged here"));
    }
    let [first, others @ ..] = &wan.nat44_interface[..] else { return };
    for other in others {
        let message = format!("`{}` cannot have the link's own address: `{}` has it", other.value, first.value);
        let fault = Fault::new(Code::Duplicate, other.at, message, "write a public address of its own, or remove it");
        faults.found.push(fault.against(first.at, "the first"));
    }
}

fn mappings_are_inside(wan: &Wan, downstream: &Downstream, faults: &mut Faults) {
    if !downstream.prefixes_known {
        return;
    }
    let mut refuse = |net: IpNet, shown: String, at| {
        if downstream.prefixes.iter().any(|prefix| prefix.value.contains(&net)) {
            return;
        }
        let message = format!("{shown} is in none of the inside prefixes, so its packets would be refused");
        faults.add(Code::NotInside, at, message, "correct it, or add its prefix to [downstream] prefixes");
    };
    for inside in wan.nat44.iter().map(|(inside, _)| inside).chain(&wan.nat44_interface) {
        refuse(IpAddr::V4(inside.value).into(), format!("`{}`", inside.value), inside.at);
    }
    // The inside host of `inbound6` may lie outside: it is reached through the firewall's link-local address.
    if let Some(inside) = wan.nptv6.as_ref().and_then(|npt| npt.inside.as_ref()) {
        refuse(inside.value.into(), format!("`{}`", inside.value), inside.at);
    }
}

fn inbound_hosts(raw: &RawConfig, owners: &Owners<'_>, faults: &mut Faults) {
    for wan in &raw.wans {
        for (index, (external, _)) in wan.inbound6.iter().enumerate() {
            let earlier = wan.inbound6.iter().take(index).find(|(earlier, _)| earlier.value == external.value);
            if let (External6::Behind(bits), Some((earlier, _))) = (external.value, earlier) {
                let message = format!("`{bits}` is given to two inside hosts");
                let fault = Fault::new(Code::Duplicate, external.at, message, "give each inside host one of its own");
                faults.found.push(fault.against(earlier.at, "the first"));
            }
        }
    }
    for (_, inside) in raw.wans.iter().flat_map(|wan| &wan.inbound6) {
        if let Some((owner, owned_at)) = owners.owner_of(inside.value.into()) {
            let message = format!("the inside host `{}` is a public address of WAN {}", inside.value, owner.label());
            let fault = Fault::new(Code::Conflict, inside.at, message, "write the host's inside address");
            faults.found.push(fault.against(owned_at, "owned here"));
        }
    }
}

fn gateways(raw: &RawConfig, owners: &Owners<'_>, faults: &mut Faults) {
    let hop = |key, address: IpAddr, at| (key, address, at);
    let downstream = &raw.downstream;
    let mut hops = Vec::new();
    hops.extend(downstream.next_hop4.as_ref().map(|next| hop("next_hop4", next.value.into(), next.at)));
    hops.extend(downstream.next_hop6.as_ref().map(|next| hop("next_hop6", next.value.into(), next.at)));
    for wan in &raw.wans {
        hops.extend(wan.gateway4.as_ref().map(|next| hop("gateway4", next.value.into(), next.at)));
        hops.extend(wan.gateway6.as_ref().map(|next| hop("gateway6", next.value.into(), next.at)));
    }
    for (key, address, at) in hops {
        if let Some((owner, owned_at)) = owners.owner_of(address) {
            let message = format!("`{address}` cannot be `{key}`: flowpin itself owns it for WAN {}", owner.label());
            let fault =
                Fault::new(Code::Conflict, at, message, format!("write the address of the neighbour as `{key}`"));
            faults.found.push(fault.against(owned_at, "owned here"));
        } else if let Some(inside) = inside_of(downstream, &address.into()).filter(|_| key.starts_with("gateway")) {
            let message = format!("`{address}` cannot be `{key}`: it is inside");
            let fault = Fault::new(Code::Conflict, at, message, "write the address of the ISP's router, or \"auto\"");
            faults.found.push(fault.against(inside.at, "an inside prefix"));
        }
    }
}

fn own_addresses(raw: &RawConfig, owners: &Owners<'_>, faults: &mut Faults) {
    for own in &raw.downstream.addresses {
        if let Some((owner, owned_at)) = owners.owner_of(own.value.addr()) {
            let message = format!(
                "`{}` is a public address of WAN {}, and the kernel would answer for it",
                own.value.addr(),
                owner.label()
            );
            let fault = Fault::new(Code::Conflict, own.at, message, "give the TUN an address that is not mapped");
            faults.found.push(fault.against(owned_at, "owned here"));
        }
    }
}

fn martians(raw: &RawConfig, owners: &Owners<'_>, faults: &mut Faults) {
    for martian in &raw.martians {
        let (what, at) = match (inside_of(&raw.downstream, &martian.value), owners.owner_within(&martian.value)) {
            (Some(inside), _) => (format!("the inside prefix `{}`", inside.value), inside.at),
            (None, Some((net, at))) if net.prefix_len() == net.max_prefix_len() => {
                (format!("`{}`, which flowpin owns", net.addr()), at)
            }
            (None, Some((net, at))) => (format!("`{net}`, which flowpin owns"), at),
            (None, None) => continue,
        };
        let message = format!("the martian `{}` would drop packets of {what}", martian.value);
        let fault = Fault::new(Code::Overlap, martian.at, message, "remove it, or write prefixes that leave it out");
        faults.found.push(fault.against(at, "said here"));
    }
}
