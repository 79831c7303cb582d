//! Gateways whose routes are gone while their links are not: a daemon that is restarted, or renews, takes its routes away and
//! puts them back. For a while such a gateway stays the last of its link's, and is used as long as it answers and no other
//! does. Must never know: clocks, netlink.

use crate::control::compile::LinkState;
use crate::plane::policy::Gateway;
use crate::types::Tick;
use std::net::IpAddr;

/// Milliseconds for which a gateway outlives its route.
const LAPSE_MS: u64 = 5000;

/// What the links had at the last look.
#[derive(Debug, Default)]
pub struct Lapses {
    links: Vec<LinkState>,
    /// Place of the link, family, gateway, and when its route was missed first.
    missed: Vec<(usize, usize, IpAddr, Tick)>,
}

impl Lapses {
    /// Adds to what was read of the links those gateways that have just lost their routes. When that is to be looked at again.
    pub fn keep(&mut self, links: &mut [LinkState], now: Tick) -> Option<Tick> {
        let mut missed = Vec::new();
        for (at, (link, before)) in links.iter_mut().zip(&self.links).enumerate() {
            let same = (before.mac, before.came_up) == (link.mac, link.came_up) && link.came_up.is_some();
            if !same || !link.present {
                continue;
            }
            for (family, (new, old)) in link.gateways.iter_mut().zip(&before.gateways).enumerate() {
                let is_gone = |it: &&Gateway| !new.iter().any(|new| new.address == it.address);
                let gone: Vec<_> = old.iter().filter(is_gone).cloned().collect();
                for gateway in gone {
                    let is_this =
                        |it: &&(usize, usize, IpAddr, Tick)| (it.0, it.1, it.2) == (at, family, gateway.address);
                    let since = self.missed.iter().find(is_this).map_or(now, |it| it.3);
                    if now < since.plus_millis(LAPSE_MS) {
                        missed.push((at, family, gateway.address, since));
                        new.push(Gateway { has_lapsed: true, why: "its route is gone".into(), ..gateway });
                    }
                }
            }
        }
        self.missed = missed;
        self.links = links.to_vec();
        self.missed.iter().map(|it| it.3.plus_millis(LAPSE_MS)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(last: &[u8]) -> LinkState {
        let gateways = last.iter().map(|last| Gateway::new([192, 0, 2, *last], "default route")).collect();
        LinkState { present: true, came_up: Some(1), gateways: [gateways, vec![]], ..LinkState::default() }
    }

    /// The last octets of the gateways, those that have lapsed negative.
    fn kept(lapses: &mut Lapses, mut link: LinkState, ms: u64) -> (Vec<i16>, Option<u64>) {
        let due = lapses.keep(std::slice::from_mut(&mut link), Tick::from_millis(ms));
        let octet = |it: &Gateway| match it.address {
            IpAddr::V4(address) => i16::from(address.octets()[3]) * if it.has_lapsed { -1 } else { 1 },
            IpAddr::V6(_) => 0,
        };
        (link.gateways[0].iter().map(octet).collect(), due.map(Tick::millis))
    }

    #[test]
    fn a_gateway_outlives_its_route_for_a_while_behind_those_that_have_one() {
        let mut lapses = Lapses::default();
        assert_eq!(kept(&mut lapses, link(&[1, 2]), 0), (vec![1, 2], None));
        assert_eq!(kept(&mut lapses, link(&[2]), 1000), (vec![2, -1], Some(6000)));
        assert_eq!(kept(&mut lapses, link(&[]), 3000), (vec![-2, -1], Some(6000)));
        assert_eq!(kept(&mut lapses, link(&[]), 6000), (vec![-2], Some(8000)));
        assert_eq!(kept(&mut lapses, link(&[1]), 7000), (vec![1, -2], Some(8000)));
        assert_eq!(kept(&mut lapses, link(&[1]), 8000), (vec![1], None));
    }

    #[test]
    fn a_route_that_comes_and_goes_has_its_time_anew() {
        let mut lapses = Lapses::default();
        kept(&mut lapses, link(&[1]), 0);
        assert_eq!(kept(&mut lapses, link(&[]), 1000), (vec![-1], Some(6000)));
        assert_eq!(kept(&mut lapses, link(&[1]), 2000), (vec![1], None));
        assert_eq!(kept(&mut lapses, link(&[]), 3000), (vec![-1], Some(8000)));
    }

    #[test]
    fn a_link_that_was_down_meanwhile_has_no_old_gateways() {
        let mut lapses = Lapses::default();
        kept(&mut lapses, link(&[1]), 0);
        assert_eq!(kept(&mut lapses, LinkState { came_up: None, ..link(&[]) }, 10).0, [0i16; 0]);
        kept(&mut lapses, link(&[1]), 20);
        assert_eq!(kept(&mut lapses, LinkState { came_up: Some(2), ..link(&[]) }, 30).0, [0i16; 0]);
    }
}
