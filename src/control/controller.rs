//! Decides when the policy changes: pure, events in, a new snapshot out. Its caller publishes it to the workers.
//! Must never know: netlink, sockets, threads, time.

use super::compile::{self, InsideState, LinkState};
use crate::config::settings::Settings;
use crate::plane::policy::Policy;
use std::sync::Arc;

/// The state that the policy in force was made from.
#[derive(Debug)]
pub struct Controller {
    settings: Arc<Settings>,
    links: Vec<LinkState>,
    inside: InsideState,
    policy: Arc<Policy>,
}

impl Controller {
    /// Starts with the first snapshot, epoch 1. `links` stands in the order of the WANs.
    #[must_use]
    pub fn new(settings: Arc<Settings>, links: Vec<LinkState>, inside: InsideState) -> Self {
        let policy = Arc::new(compile::policy(&settings, &links, inside, 1));
        Self { settings, links, inside, policy }
    }

    /// The snapshot in force.
    #[must_use]
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// The kernel says something of the links. A new snapshot if anything that the policy depends on changed.
    pub fn links_seen(&mut self, links: Vec<LinkState>, inside: InsideState) -> Option<Arc<Policy>> {
        if links == self.links && inside == self.inside {
            return None;
        }
        self.links = links;
        self.inside = inside;
        let epoch = self.policy.epoch.wrapping_add(1);
        self.policy = Arc::new(compile::policy(&self.settings, &self.links, self.inside, epoch));
        Some(Arc::clone(&self.policy))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::compile::no_link;
    use crate::control::sample::settings;
    use std::net::Ipv4Addr;

    #[test]
    fn a_gateway_that_appears_after_the_start_is_a_new_snapshot_and_the_same_news_twice_is_none() {
        let router = InsideState::default();
        let mut controller = Controller::new(Arc::new(settings()), vec![no_link(), no_link()], router);
        assert_eq!((controller.policy().epoch, controller.policy().wans[0].link.next_hop4), (1, None));
        let gateway4 = Some(Ipv4Addr::new(192, 0, 2, 1));
        let links = vec![LinkState { gateway4, ..no_link() }, no_link()];
        let policy = controller.links_seen(links.clone(), router).unwrap();
        assert_eq!((policy.epoch, policy.wans[0].link.next_hop4), (2, gateway4));
        assert!(controller.links_seen(links.clone(), router).is_none());
        let router = InsideState { v4: Some(Ipv4Addr::new(10, 250, 250, 1)), ..InsideState::default() };
        assert_eq!(controller.links_seen(links, router).unwrap().inside.router4, router.v4);
    }
}
