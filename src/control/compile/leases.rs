//! The public addresses that come and go, put into the policy beside the fixed ones. Must never know: who gives them.

use super::fixed::translator;
use crate::config::settings::{self, External6};
use crate::plane::lease::Leased;
use crate::plane::policy::Wan;
use crate::plane::translate::host6::HostPair;
use crate::types::Family;
use ipnet::IpNet;
use std::net::Ipv6Addr;

/// What a WAN holds beside what the configuration names, by [`Family`], the current one first: IPv4 hosts, and IPv6
/// prefixes; then its link's own IPv6 addresses.
pub type WanLeases = [Vec<Leased<IpNet>>; 3];

/// Where the link's own IPv6 addresses stand in [`WanLeases`], behind those of both families.
pub const LINK6: usize = 2;

/// Puts what a WAN holds from the snapshot numbered `epoch` on into its part, where the settings leave room for it.
pub fn lease(wan: &mut Wan, said: &settings::Wan, leases: &WanLeases, epoch: u32) {
    wan.owned_since = epoch;
    let publics = leases[Family::V4.index()].iter().filter_map(|it| match it.held {
        IpNet::V4(net) => Some(it.with(net.addr())),
        IpNet::V6(_) => None,
    });
    wan.masquerade = wan.masquerade.as_ref().map(|shared| shared.with(publics.clone()));
    if let Some(inside) = said.nat44_interface {
        wan.nat44 = wan.nat44.with_dynamic(inside, publics.collect());
    }
    if let Some(npt) = said.nptv6.filter(|npt| npt.outside.is_none()) {
        let translators = leases[Family::V6.index()].iter().filter_map(|it| match it.held {
            IpNet::V6(prefix) => Some(it.with(translator(&npt, prefix))),
            IpNet::V4(_) => None,
        });
        wan.nptv6 = translators.collect();
    }
    wan.host6 = wan.host6.with_leased(hosts(said, leases));
}

/// The hosts behind each prefix that a WAN holds, the current one first.
fn hosts<'a>(said: &'a settings::Wan, leases: &'a WanLeases) -> impl Iterator<Item = Leased<HostPair>> + 'a {
    let of = move |it: &Leased<IpNet>, (external, inside): &(External6, Ipv6Addr)| match (it.held, external) {
        (IpNet::V6(prefix), External6::Behind(bits)) => Some(it.with((External6::behind(prefix, *bits)?, *inside))),
        _ => None,
    };
    let behind = leases[Family::V6.index()].iter();
    let behind = behind.flat_map(move |it| said.inbound6.iter().filter_map(move |pair| of(it, pair)));
    let of_link = said.inbound6_interface().into_iter().flat_map(|inside| {
        leases[LINK6].iter().filter_map(move |it| match it.held {
            IpNet::V6(own) => Some(it.with((own.addr(), inside))),
            IpNet::V4(_) => None,
        })
    });
    behind.chain(of_link)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::compile::replay_policy;
    use crate::control::sample::settings;
    use crate::plane::lease::Lease;

    #[test]
    fn what_is_held_is_translated_to_in_its_order_where_the_settings_leave_room() {
        let leased = |lease, text: &str| Leased { lease: Lease(lease), since: 5, held: text.parse::<IpNet>().unwrap() };
        let held: WanLeases = [
            vec![leased(4, "192.0.2.77/32"), leased(3, "192.0.2.50/32")],
            vec![leased(2, "2001:db8:a:d00::/60"), leased(1, "2001:db8:a:c80::/60")],
            vec![leased(6, "2001:db8:9::7/128")],
        ];
        let mut settings = settings();
        let mut fixed = replay_policy(&settings).wans[0].clone();
        lease(&mut fixed, &settings.wans[0], &held, 5);
        let owned: Vec<_> = fixed.owned().map(|net| net.to_string()).collect();
        assert_eq!(owned, ["192.0.2.193/32", "2001:db8:a:c80::/60"]);
        settings.wans[0].nptv6.as_mut().unwrap().outside = None;
        settings.wans[0].nat44_interface = Some([10, 250, 250, 3].into());
        let inside: Ipv6Addr = "fd00:bad:b01::9".parse().unwrap();
        let hosts = [External6::Behind("::1".parse().unwrap()), External6::Interface];
        settings.wans[0].inbound6 = hosts.map(|external| (external, inside)).to_vec();
        let mut wan = replay_policy(&settings).wans[0].clone();
        assert_eq!(wan.owned().count(), 1, "without a word of the link");
        lease(&mut wan, &settings.wans[0], &held, 5);
        assert_eq!(wan.nat44.public_of([10, 250, 250, 3].into(), None), Some(([192, 0, 2, 77].into(), Lease(4))));
        let prefixes: Vec<_> = wan.nptv6.iter().map(|it| (it.lease.0, it.held.outside().to_string())).collect();
        assert_eq!(prefixes, [(2, "2001:db8:a:d00::/60".into()), (1, "2001:db8:a:c80::/60".into())]);
        assert_eq!(wan.owned_since, 5);
        let hosts: Vec<_> = wan.host6.externals().map(|host| host.to_string()).collect();
        assert_eq!(hosts, ["2001:db8:a:d00::1", "2001:db8:a:c80::1", "2001:db8:9::7"]);
        assert!(wan.nptv6.iter().all(|it| it.since == 5 && it.held.is_neutral()));
    }
}
