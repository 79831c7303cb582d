//! What the machine has of rules and routes, as far as they matter here. Must never know: what must be there.

use super::entry::Rule;
use super::marks::{PROTOCOL, TABLE};
use super::steps::Changes;
use crate::config::settings::Local;
use crate::control::kernel::sysctl;
use crate::control::netlink::{Family, Netlink, Route, TABLE_MAIN};
use ipnet::IpNet;
use rtnetlink::packet_route::route::RouteType;

/// `RTPROT_KERNEL` (linux/rtnetlink.h): the route of a connected network.
const BY_KERNEL: u8 = 2;

/// What the machine has now.
pub(in crate::control::kernel) struct Dump {
    pub rules: Vec<(Family, Rule)>,
    pub routes: Vec<Route>,
    /// Index of the TUN.
    pub tun: u32,
    /// Index of the firewall's link.
    pub downstream: u32,
}

impl Dump {
    /// Reads the rules of both families, and flowpin's routes, those in its table, those that lead to `inside` and those that
    /// may lead to `local`. A family that the kernel does not have counts as empty.
    pub async fn read(
        netlink: &Netlink,
        (tun, downstream): (u32, u32),
        inside: &[IpNet],
        local: &Local,
    ) -> Result<Self, String> {
        let leads_inside = |route: &Route| inside.iter().any(|prefix| route.destination.contains(prefix));
        let wanted = |route: &Route| {
            route.protocol == PROTOCOL || route.table == TABLE || leads_inside(route) || may_lead(local, route)
        };
        let mut dump = Self { rules: Vec::new(), routes: Vec::new(), tun, downstream };
        for family in Family::BOTH {
            if family == Family::V6 && !sysctl::has_ipv6() {
                continue;
            }
            dump.rules.extend(netlink.rules(family).await?.iter().map(|rule| (family, Rule::read(rule))));
            dump.routes.extend(netlink.routes(family, wanted).await?);
        }
        Ok(dump)
    }

    /// The removal of everything that flowpin has made.
    pub fn removal(&self) -> Changes {
        Changes {
            delete_rules: self.rules.iter().filter(|(_, rule)| rule.protocol == PROTOCOL).cloned().collect(),
            delete_routes: self.routes.iter().filter(|route| route.is_ours()).cloned().collect(),
            ..Changes::default()
        }
    }
}

/// Whether a route may lead to a network that is called local.
pub(super) fn may_lead(local: &Local, route: &Route) -> bool {
    let is_unicast = route.table == TABLE_MAIN && route.kind == RouteType::Unicast && !route.is_default();
    is_unicast
        && match local {
            Local::Prefixes(prefixes) => prefixes.iter().any(|prefix| prefix.contains(&route.destination)),
            Local::Connected => route.protocol == BY_KERNEL && route.is_on_link(),
        }
}
