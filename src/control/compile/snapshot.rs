//! The first snapshot of a configuration. Must never know: leases, health, what changes later.

use super::fixed;
use super::inside::{InsideState, inside};
use super::link::{LinkState, keep, link, no_link};
use crate::config::settings::Settings;
use crate::plane::policy::Policy;
use std::sync::Arc;

/// The snapshot numbered `epoch`. `links` stands in the order of the WANs; a missing entry is [`no_link`]. Every WAN is
/// up in it, wants no flow back, and has the public addresses that the configuration names: how they stand, and what they
/// hold beside that, is the controller's to say.
#[must_use]
pub fn policy(settings: &Settings, links: &[LinkState], inside_state: &InsideState, epoch: u32) -> Policy {
    let unknown = no_link();
    let wans = settings.wans.map(|id, said| {
        let mut wan = fixed::wan(said, epoch);
        link(&mut wan, said, links.get(id.index()).unwrap_or(&unknown));
        keep(&mut wan, epoch);
        wan
    });
    Policy { epoch, fixed: Arc::new(fixed::fixed(settings)), inside: inside(settings, inside_state), wans }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::sample::settings;
    use crate::plane::policy::Gateway;
    use crate::types::{Balance, Family, Mac};

    fn state(mtu: u16) -> LinkState {
        LinkState {
            mac: Mac([2, 0, 0, 0, 0, 9]),
            mtu,
            gateways: [vec![Gateway::new([192, 0, 2, 1], "default route")], vec![]],
            ..LinkState::default()
        }
    }

    #[test]
    fn a_wan_follows_its_link_where_the_configuration_is_silent() {
        let policy = policy(&settings(), &[state(1492), state(1500)], &InsideState::default(), 3);
        assert_eq!((policy.epoch, policy.fixed.seed, policy.fixed.balance), (3, 7, Balance::Site));
        let (fiber, cable) = (&policy.wans[0], &policy.wans[1]);
        assert_eq!((fiber.mtu, fiber.link.next_hop(Family::V4)), (1492, Some([192, 0, 2, 1].into())));
        assert_eq!((cable.mtu, cable.link.next_hop(Family::V4)), (1400, Some([198, 51, 100, 1].into())));
        assert_eq!(fiber.link.mac, Mac([2, 0, 0, 0, 0, 9]));
        assert!(fiber.nptv6[0].held.is_neutral() && !fiber.link.any_mac);
        assert_eq!((policy.fixed.timeouts.tcp_closing, policy.fixed.timeouts.other), (241, 301));
    }

    #[test]
    fn no_packet_is_made_larger_than_its_link() {
        let policy = policy(&settings(), &[state(1500), state(1280)], &InsideState::default(), 1);
        assert_eq!((policy.wans[1].mtu, policy.inside.mtu), (1280, 1500));
        let narrow = InsideState { mtu: Some(1400), ..InsideState::default() };
        assert_eq!(super::policy(&settings(), &[], &narrow, 1).inside.mtu, 1400);
        let wide = InsideState { mtu: Some(9000), ..InsideState::default() };
        assert_eq!(super::policy(&settings(), &[], &wide, 1).inside.mtu, 1500);
    }
}
