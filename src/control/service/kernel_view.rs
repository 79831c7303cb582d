//! The links that the configuration names, as the kernel has them at one moment.
//! Must never know: what is done about a change.

use crate::config::settings::Settings;
use crate::control::compile::{self, InsideState, LinkState};
use crate::control::links::{self, Attached, Delegated, LinkFacts};
use crate::ports::link::Link;
use crate::types::{AddressState, LinkAddress, WanId};
use crate::workers::live::Ports;
use ipnet::{IpNet, Ipv6Net};
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;

/// One look at the kernel's links.
#[derive(Clone, Debug)]
pub struct KernelView {
    /// The firewall's link; `None` when it is not there, or none is configured.
    pub downstream: Option<LinkFacts>,
    /// The links of the WANs by slot; `None` for a link that is not there.
    pub wans: Vec<Option<LinkFacts>>,
    /// Every address of this machine.
    pub addresses: Vec<IpNet>,
    /// Prefixes that are delegated over one of several links, and nothing says which.
    pub undecided: Vec<Ipv6Net>,
}

impl KernelView {
    /// Looks. `lit` is told early which links carry frames, as in [`links::read_all`]. Needs a tokio runtime.
    ///
    /// # Errors
    /// One sentence, when netlink refuses.
    pub async fn look(settings: &Settings, lit: impl FnOnce(Vec<u32>)) -> Result<Self, String> {
        Ok(Self::pick(&links::read_all(lit).await?, settings))
    }

    fn pick(all: &[LinkFacts], settings: &Settings) -> Self {
        let find = |name: &str| all.iter().find(|link| link.is_called(name)).cloned();
        let mut view = Self {
            downstream: settings.downstream.interface.as_deref().and_then(find),
            wans: settings.wans.slots().map(|wan| wan.and_then(|wan| find(&wan.interface))).collect(),
            addresses: all.iter().flat_map(|link| link.addresses.iter().map(LinkAddress::net)).collect(),
            undecided: Vec::new(),
        };
        view.decide(all, settings);
        view
    }

    /// A prefix that the kernel ties to no link is that of the only WAN which waits for one.
    fn decide(&mut self, all: &[LinkFacts], settings: &Settings) {
        let tied = |link: &LinkFacts| self.wans.iter().flatten().any(|wan| wan.index == link.index);
        let prefixes = all.iter().filter(|link| !tied(link)).flat_map(|link| &link.delegated).copied();
        let is_inside = |it: &Delegated| {
            let prefix = IpNet::V6(it.prefix);
            settings.downstream.prefixes.iter().any(|inside| inside.contains(&prefix) || prefix.contains(inside))
        };
        let free: Vec<Delegated> = prefixes.filter(|it| !is_inside(it)).collect();
        let mut waiting = settings.wans.iter().filter(|(_, wan)| wan.follows_prefix());
        match (waiting.next(), waiting.next()) {
            (Some((only, _)), None) => {
                let link = self.wans.get_mut(only.index()).and_then(Option::as_mut);
                link.into_iter().for_each(|link| link.delegated.extend(&free));
            }
            (Some(_), Some(_)) => self.undecided = free.iter().map(|it| it.prefix).collect(),
            (None, _) => {}
        }
    }

    /// The links with these indices carry nothing any more, whatever was read of them before that was known.
    pub fn darken(&mut self, lost: &BTreeSet<u32>) {
        for link in self.wans.iter_mut().flatten().filter(|link| lost.contains(&link.index)) {
            link.carrier = false;
        }
    }

    /// The part that the policy depends on, by WAN.
    #[must_use]
    pub fn states(&self) -> Vec<LinkState> {
        self.wans.iter().map(|link| link.as_ref().map_or_else(compile::no_link, LinkFacts::state)).collect()
    }

    /// The part that the policy depends on, towards inside. ICMP errors come from the firewall's link, else from the TUN,
    /// else from a WAN link's own address that is nobody's public one, and may not become one.
    #[must_use]
    pub fn inside(&self, settings: &Settings) -> InsideState {
        let addresses = |link: &LinkFacts| usable(link, &settings.downstream.prefixes);
        let fixed: Vec<IpNet> = settings.wans.values().flat_map(|wan| wan.fixed()).collect();
        let delegated = self.wans.iter().flatten().flat_map(|link| link.state().delegated).map(IpNet::V6);
        let owned: Vec<IpNet> = fixed.into_iter().chain(delegated).collect();
        let free = |address: &IpAddr| !owned.iter().any(|prefix| prefix.contains(address));
        let wans = self.wans.iter().zip(settings.wans.slots()).flat_map(|(link, wan)| {
            let own = link.iter().flat_map(addresses).filter(free);
            own.filter(|address| address.is_ipv6() || wan.is_none_or(|wan| wan.nat44_interface.is_none()))
                .collect::<Vec<_>>()
        });
        let tun = settings.downstream.addresses.iter().map(IpNet::addr);
        let mtu = self.downstream.as_ref().map(|link| link.state().mtu);
        InsideState {
            mtu,
            machine: compile::machine(settings, &self.addresses),
            own: compile::own(settings, &self.addresses),
            ..compile::router_addresses(self.downstream.iter().flat_map(addresses).chain(tun).chain(wans))
        }
    }

    /// Opens a port for each worker on each link that takes one. Returns the link that each WAN has its ports on. A WAN that has none, because its link has just gone down or away or refuses, keeps no other from theirs: it is
    /// tried again while the service runs.
    ///
    /// # Errors
    /// A sentence that tells which rights are missing.
    pub fn open(&self, settings: &Settings, workers: &mut [Ports]) -> io::Result<Vec<Option<Attached>>> {
        let mut attached = Vec::new();
        for (id, link) in (0..).map(WanId).zip(&self.wans) {
            let Some(seen) = link.as_ref().filter(|link| link.takes_port()) else {
                attached.push(None);
                continue;
            };
            let is_tagged = settings.wans.get(id).is_some_and(|wan| wan.vlan.is_some());
            let found = Link::find(&seen.name).map(|link| link.with_every_vlan(is_tagged));
            let opened = found.and_then(|link| workers.iter_mut().try_for_each(|it| it.attach(id, &link)));
            match opened {
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(error),
                Err(error) => {
                    tracing::debug!("{error}");
                    workers.iter_mut().for_each(|it| it.detach(id));
                    attached.push(None);
                }
                Ok(()) => attached.push(Some(seen.attached())),
            }
        }
        Ok(attached)
    }
}

/// Addresses of a link that may be used: those in a subnet of inside hosts first, and deprecated ones last. The kernel's
/// order means nothing.
fn usable(link: &LinkFacts, prefixes: &[IpNet]) -> Vec<IpAddr> {
    let is_beside =
        |own: &LinkAddress| prefixes.iter().any(|prefix| prefix.contains(&own.network) || own.network.contains(prefix));
    let mut own: Vec<_> = link.addresses.iter().filter(|own| own.state > AddressState::Tentative).collect();
    own.sort_by_key(|own| (Reverse(is_beside(own)), Reverse(own.state), own.address));
    own.into_iter().map(|own| own.address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::sample::settings;
    use crate::ports::link::Kind;
    use crate::types::Mac;

    fn link(name: &str, addresses: &[&str]) -> LinkFacts {
        LinkFacts {
            name: name.into(),
            other_names: Vec::new(),
            index: 3,
            mac: Some(Mac([2, 0, 0, 0, 0, 1])),
            kind: Kind::ETHERNET,
            mtu: 1500,
            told_mtu: [None; 2],
            up: true,
            carrier: true,
            came_up: 1,
            addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
            gateways: Default::default(),
            connected: Vec::new(),
            delegated: Vec::new(),
        }
    }

    fn router(links: &[LinkFacts]) -> [Option<String>; 2] {
        let router = KernelView::pick(links, &settings()).inside(&settings());
        [router.v4.map(|address| address.to_string()), router.v6.map(|address| address.to_string())]
    }

    #[test]
    fn icmp_errors_come_from_the_firewalls_link_first_and_never_from_a_public_address_of_a_host() {
        let lan = link("lan0", &["10.250.250.1/29", "fe80::1/64"]);
        let owned = ["192.0.2.193/29", "2001:db8:a:c80::5/64"];
        let fiber = link("fiber0", &[owned[0], owned[1], "192.0.2.198/29", "2001:db8:a::2/64"]);
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(router(&[lan.clone(), fiber.clone()]), [text("10.250.250.1"), text("2001:db8:a::2")]);
        assert_eq!(router(&[fiber]), [text("192.0.2.198"), text("2001:db8:a::2")]);
        assert_eq!(router(&[link("lan0", &["fe80::1/64"])]), [None, None]);
        let mut many = link("lan0", &["10.9.9.9/24", "10.250.250.1/29", "2001:db8:f::1/64", "2001:db8:f::2/64"]);
        many.addresses[2].state = AddressState::Deprecated;
        assert_eq!(router(&[many.clone()]), [text("10.250.250.1"), text("2001:db8:f::2")]);
        many.addresses[3].state = AddressState::Tentative;
        assert_eq!(router(&[many])[1], text("2001:db8:f::1"));
    }

    fn delegated(prefix: &str, deprecated: bool) -> Delegated {
        Delegated { prefix: prefix.parse().unwrap(), deprecated }
    }

    #[test]
    fn a_prefix_of_no_link_is_that_of_the_only_wan_that_waits_for_one() {
        let mut settings = settings();
        let loopback = LinkFacts {
            name: "lo".into(),
            index: 1,
            delegated: vec![delegated("2001:db8:a:1000::/60", false), delegated("fd00:bad:b01::/48", false)],
            ..link("lo", &[])
        };
        let links = [loopback, link("fiber0", &[]), LinkFacts { index: 4, ..link("cable0", &[]) }];
        let of = |settings: &Settings| {
            let view = KernelView::pick(&links, settings);
            let text = |prefixes: &[Ipv6Net]| prefixes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
            let mut found: Vec<String> = view.states().iter().map(|state| text(&state.delegated)).collect();
            found.push(text(&view.undecided));
            found
        };
        assert_eq!(of(&settings), ["", "", ""], "nobody waits");
        settings.wans[1].nptv6.as_mut().unwrap().outside = None;
        assert_eq!(of(&settings), ["", "2001:db8:a:1000::/60", ""]);
        settings.wans[0].nptv6.as_mut().unwrap().outside = None;
        assert_eq!(of(&settings), ["", "", "2001:db8:a:1000::/60"]);
    }

    #[test]
    fn a_prefix_that_is_tied_to_a_wans_link_is_that_wans() {
        let mut settings = settings();
        settings.wans.iter_mut().for_each(|(_, wan)| wan.nptv6.as_mut().unwrap().outside = None);
        let cable = LinkFacts {
            index: 4,
            delegated: vec![delegated("2001:db8:b::/56", false), delegated("2001:db8:a::/56", true)],
            ..link("cable0", &[])
        };
        let view = KernelView::pick(&[link("fiber0", &[]), cable], &settings);
        let prefixes = |at: usize| view.states()[at].delegated.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!((prefixes(0).len(), prefixes(1)), (0, vec!["2001:db8:b::/56".into(), "2001:db8:a::/56".into()]));
        assert!(view.undecided.is_empty());
    }

    #[test]
    fn a_link_that_is_switched_off_has_a_state_and_no_port() {
        let off = LinkFacts { up: false, ..link("fiber0", &["192.0.2.198/29"]) };
        let view = KernelView::pick(&[off, link("cable0", &[])], &settings());
        assert_eq!((view.states()[0].mtu, view.states()[0].addresses.len()), (1500, 1));
        assert_eq!(
            view.open(&settings(), &mut []).unwrap(),
            [None, None],
            "cable0 does not exist here, and that is no fault"
        );
    }

    #[test]
    fn a_link_of_an_unknown_kind_has_a_state_that_says_so_and_no_port() {
        let modem = LinkFacts {
            mac: None,
            kind: Kind { hardware: 801, ..Kind::ETHERNET },
            ..link("fiber0", &["192.0.2.198/29"])
        };
        let view = KernelView::pick(std::slice::from_ref(&modem), &settings());
        assert!(!modem.takes_port());
        let why = view.states()[0].unusable.clone();
        let sentence =
            "the link \"fiber0\" is neither Ethernet nor a point-to-point link (hardware type 801), as a WAN must be";
        assert_eq!(why.as_deref(), Some(sentence));
    }
}
