//! What a WAN's link says, as the kernel has it, put into the WAN's part of a snapshot.
//! Must never know: leases, health.

use crate::config::settings::{self, Mtu, OnLink};
use crate::plane::policy::{Gateway, MOST_GATEWAYS, Probe, Wan, WanLink};
use crate::types::{Family, LEAST_MTU6, LinkAddress, LinkLayer, Mac, ToldMtu};
use ipnet::{IpNet, Ipv6Net};
use std::net::IpAddr;
use std::sync::Arc;

/// What the kernel says of one WAN's link, as far as the policy depends on it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct LinkState {
    /// The link exists.
    pub present: bool,
    /// The kernel's name of it.
    pub name: Arc<str>,
    /// Why no port can be opened on it, in one sentence.
    pub unusable: Option<Arc<str>>,
    /// What stands in front of its packets.
    pub layer: LinkLayer,
    /// Our own address on the link.
    pub mac: Mac,
    /// Accept unicast frames for any station (replay only).
    pub any_mac: bool,
    /// How often it has come up, while frames can pass.
    pub came_up: Option<u32>,
    /// Bytes of the largest IP packet, a VLAN tag not counted; saturated at 65535.
    pub mtu: u16,
    /// What narrows packets beside the link itself, by [`Family`].
    pub told_mtu: [Option<ToldMtu>; 2],
    /// The kernel's addresses; those of a family in the order in which they became known.
    pub addresses: Vec<LinkAddress>,
    /// The IPv6 prefixes that the provider delegates on this link, as far as the kernel tells; the newest or best first.
    /// A client may take a valid one out for a while: one that is gone without a successor is still the line's.
    pub delegated: Vec<Ipv6Net>,
    /// The gateways of the kernel's default routes on this link, by `Family`, best first. Where nothing stands in front of packets
    /// and no route names one, the peer's address, and 0.0.0.0 or :: where that is not known.
    pub gateways: [Vec<Gateway>; 2],
    /// Networks that the kernel reaches over the link without a gateway, the smallest first.
    pub connected: Vec<IpNet>,
}

impl LinkState {
    /// Why no port can be opened on it, or why it carries nothing of one family, in one sentence.
    #[must_use]
    pub fn unusable(&self, family: Family, said: Mtu) -> Option<Arc<str>> {
        let told = self.told_mtu[family.index()].map(|told| told.bytes);
        let mtu = told.unwrap_or(u16::MAX).min(mtu(said, self.mtu));
        let is_narrow = family == Family::V6 && self.present && mtu < LEAST_MTU6;
        let narrow = || format!("packets of {mtu} bytes at the most pass, and IPv6 needs {LEAST_MTU6}").into();
        self.unusable.clone().or_else(|| is_narrow.then(narrow))
    }

    /// Puts its addresses into the order in which they became known, `before` being those that were, and among new ones by
    /// number: the kernel's order means nothing.
    pub fn order_addresses(&mut self, before: &[LinkAddress]) {
        let known = |own: &LinkAddress| before.iter().position(|it| it.address == own.address).unwrap_or(usize::MAX);
        self.addresses.sort_by_key(|own| (known(own), own.address));
    }
}

/// A link that is not there: no MAC, address or gateway, and an MTU of 1500.
#[must_use]
pub fn no_link() -> LinkState {
    LinkState { mtu: ETHERNET_MTU, ..LinkState::default() }
}

/// RFC 894 and RFC 2464: the IP MTU of Ethernet, in bytes.
pub(super) const ETHERNET_MTU: u16 = 1500;

/// Puts what a link says into the part of its WAN, and leaves the rest of that as it is.
pub fn link(wan: &mut Wan, said: &settings::Wan, link: &LinkState) {
    wan.mtu = mtu(said.mtu, link.mtu);
    wan.link = WanLink {
        layer: link.layer,
        mac: link.mac,
        any_mac: link.any_mac,
        came_up: link.came_up,
        vlan: said.vlan,
        told_mtu: link.told_mtu,
        addresses: link.addresses.as_slice().into(),
        gateways: Family::ALL.map(|family| gateways(said, link, family).into()),
        direct: direct(said, link).into(),
        gateway_macs: if link.layer == LinkLayer::None { [Some(Mac::default()); 2] } else { said.gateway_macs },
    };
    wan.probe = (said.mtu == Mtu::Probe).then(|| probe(said, &wan.link).into());
}

/// What of the prefixes that are translated is the kernel's, as link and leases have them now. `epoch` is that of the next
/// snapshot.
pub fn keep(wan: &mut Wan, epoch: u32) {
    let is_kept = |own: &LinkAddress| match own.address {
        IpAddr::V6(own) if wan.host6.inside_of(own).is_some() => None,
        IpAddr::V6(own) => wan.nptv6.iter().any(|it| it.held.outside().contains(&own)).then_some(own),
        IpAddr::V4(_) => None,
    };
    let kept: Arc<[_]> = wan.link.addresses.iter().filter_map(is_kept).collect();
    if wan.kept6 != kept {
        (wan.kept6, wan.owned_since) = (kept, epoch);
    }
}

/// The configured gateway of one family, or those that the kernel has; only the best where its MAC is configured, which the
/// others do not have, and where there is only the other end.
pub fn gateways(said: &settings::Wan, link: &LinkState, family: Family) -> Vec<Gateway> {
    let configured = match family {
        Family::V4 => said.gateway4.map(IpAddr::V4),
        Family::V6 => said.gateway6.map(IpAddr::V6),
    };
    if let Some(address) = configured {
        return vec![Gateway::new(address, "configured")];
    }
    let is_alone = said.gateway_macs[family.index()].is_some() || link.layer == LinkLayer::None;
    let most = if is_alone { 1 } else { MOST_GATEWAYS };
    link.gateways[family.index()].iter().take(most).cloned().collect()
}

/// The networks whose hosts get their packets themselves. The kernel knows none behind a tag that it does not see, and a gateway
/// leads to all that is in no smaller one.
fn direct(said: &settings::Wan, link: &LinkState) -> Vec<IpNet> {
    let has_gateway = |family| gateways(said, link, family).iter().any(|gateway| !gateway.address.is_unspecified());
    let is_direct = |net: &&IpNet| net.prefix_len() > 0 || !has_gateway(Family::of(net.addr()));
    let known = link.connected.iter().filter(|_| said.on_link == OnLink::Direct && said.vlan.is_none());
    known.filter(is_direct).copied().collect()
}

/// A configured MTU, but no larger than the link's.
fn mtu(said: Mtu, link: u16) -> u16 {
    match said {
        Mtu::Bytes(bytes) => bytes.min(link),
        Mtu::Auto | Mtu::Probe => link,
    }
}

/// The hosts that were named, by family; for a family without one its gateways, if these have addresses.
fn probe(said: &settings::Wan, link: &WanLink) -> Probe {
    let targets = |family: Family| {
        let is_of_family = |it: &IpAddr| Family::of(*it) == family && !it.is_unspecified();
        let named: Vec<_> = said.mtu_targets.iter().copied().filter(is_of_family).collect();
        let gateways = link.gateways(family).iter().map(|gateway| gateway.address).filter(is_of_family);
        if named.is_empty() { gateways.collect() } else { named }
    };
    Probe { targets4: targets(Family::V4), targets6: targets(Family::V6) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::Settings;
    use crate::control::compile::fixed;
    use crate::control::sample::settings;
    use crate::types::MtuTeller;

    fn state(mtu: u16) -> LinkState {
        LinkState {
            mac: Mac([2, 0, 0, 0, 0, 9]),
            mtu,
            gateways: [vec![Gateway::new([192, 0, 2, 1], "default route")], vec![]],
            ..LinkState::default()
        }
    }

    #[test]
    fn who_is_probed_is_named_or_the_gateway() {
        let mut settings = settings();
        let fiber = |settings: &Settings| {
            let mut wan = fixed::wan(&settings.wans[0], 1);
            link(&mut wan, &settings.wans[0], &state(1500));
            wan.probe.as_deref().cloned()
        };
        let gateway = IpAddr::from([192, 0, 2, 1]);
        assert_eq!(fiber(&settings), Some(Probe { targets4: vec![gateway], targets6: vec![] }), "no IPv6 gateway");
        let server6: IpAddr = "2001:db8:ffff::10".parse().unwrap();
        settings.wans[0].mtu_targets = vec![server6];
        assert_eq!(fiber(&settings), Some(Probe { targets4: vec![gateway], targets6: vec![server6] }));
        settings.wans[0].mtu = Mtu::Auto;
        assert_eq!(fiber(&settings), None);
    }

    #[test]
    fn hosts_of_the_links_networks_are_reached_directly_unless_settings_or_a_tag_say_otherwise() {
        let mut link = state(1500);
        link.connected = ["192.0.2.192/29", "0.0.0.0/0"].map(|net| net.parse().unwrap()).into();
        let mut said = settings().wans[0].clone();
        let shown = |said: &_, link: &_| direct(said, link).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(shown(&said, &link), ["192.0.2.192/29"], "the gateway leads to all else");
        link.gateways[0] = vec![Gateway::new([0; 4], "default route")];
        assert_eq!(shown(&said, &link), ["192.0.2.192/29", "0.0.0.0/0"]);
        said.gateway4 = Some([192, 0, 2, 198].into());
        assert_eq!(shown(&said, &link), ["192.0.2.192/29"]);
        assert!(shown(&settings::Wan { vlan: Some(7), ..said.clone() }, &link).is_empty());
        assert!(shown(&settings::Wan { on_link: OnLink::Gateway, ..said.clone() }, &link).is_empty());
    }

    #[test]
    fn addresses_stand_in_the_order_in_which_they_became_known_whatever_the_kernels_order() {
        let of = |texts: &[&str]| LinkState {
            addresses: texts.iter().map(|text| text.parse().unwrap()).collect(),
            ..LinkState::default()
        };
        let ordered = |mut link: LinkState, before: &LinkState| {
            link.order_addresses(&before.addresses);
            link
        };
        let (first, second, third) = ("192.0.2.5/24", "192.0.2.3/24", "192.0.2.4/24");
        let known = ordered(of(&[first]), &of(&[]));
        assert_eq!(ordered(of(&[third, second, first]), &known), of(&[first, second, third]));
        assert_eq!(ordered(of(&[third, second, first]), &of(&[])), of(&[second, third, first]));
    }

    #[test]
    fn a_link_below_1280_carries_no_ipv6_whoever_says_so() {
        let six = |mtu, told: Option<u16>, said| {
            let told = told.map(|bytes| ToldMtu { bytes, by: MtuTeller::Route });
            let link = LinkState { present: true, told_mtu: [None, told], ..state(mtu) };
            assert_eq!(link.unusable(Family::V4, said), None);
            link.unusable(Family::V6, said).map(|why| why.to_string())
        };
        assert_eq!(six(1280, None, Mtu::Auto), None);
        let narrow = Some("packets of 1279 bytes at the most pass, and IPv6 needs 1280".to_owned());
        assert_eq!(six(1279, None, Mtu::Auto), narrow);
        assert_eq!(six(1500, Some(1279), Mtu::Probe), narrow);
        assert_eq!(six(1500, Some(1400), Mtu::Bytes(1279)), narrow);
    }
}
