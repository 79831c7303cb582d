//! Keeps the kernel silent for the public addresses that flowpin owns, while they come and go: none is used before the
//! kernel is silent for it. The rules themselves are those of shield.rs. Reads no routes, so it is quick.
//! Must never know: who gives addresses, rules, routes, sysctls.

use super::door::Door;
use super::plan::{Plan, kernel_names};
use super::shield::{Shield, Silence, Wans};
use super::survey::present;
use crate::control::netlink::Netlink;
use crate::types::Owned;
use ipnet::IpNet;
use rtnetlink::packet_route::link::LinkMessage;
use std::collections::HashSet;

/// The shield over the WAN links, and what is behind it.
pub struct Guard {
    shield: Shield,
    /// As the configuration calls them.
    wans: Vec<String>,
    inside: Vec<IpNet>,
    door: Option<Door>,
    /// What is behind the shield.
    owned: Vec<Owned>,
}

impl Guard {
    /// Raises the shield of the plan over those of these links that are WANs.
    pub(super) fn raise(plan: &Plan, links: &[LinkMessage], door: Option<Door>) -> Result<Self, String> {
        let names = kernel_names(&plan.wans, links);
        let wans = Wans { all: &names, present: &present(links, &names) };
        let silence = Silence { owned: &plan.owned, inside: &plan.inside, door: door.as_ref() };
        let shield = Shield::raise(&plan.tun, wans, silence)?;
        Ok(Self { shield, wans: plan.wans.clone(), inside: plan.inside.clone(), door, owned: plan.owned.clone() })
    }

    /// Shields these owned addresses instead, also on WAN links that have come since. Needs a tokio runtime.
    ///
    /// # Errors
    /// A sentence; the old shield stands then.
    pub async fn replace(&mut self, owned: &[Owned]) -> Result<(), String> {
        let links = Netlink::connect()?.links().await?;
        let names = kernel_names(&self.wans, &links);
        let wans = Wans { all: &names, present: &present(&links, &names) };
        self.shield.update(wans, Silence { owned, inside: &self.inside, door: self.door.as_ref() })?;
        self.owned = owned.to_vec();
        Ok(())
    }

    /// Before `owned` is put in force: takes it behind the shield, beside what is there, for workers go on by what was in
    /// force until they hear of it. Needs a tokio runtime.
    ///
    /// # Errors
    /// A sentence; the old shield stands then.
    pub async fn widen(&mut self, owned: &[Owned]) -> Result<(), String> {
        let held: HashSet<_> = self.owned.iter().collect();
        let new: Vec<_> = owned.iter().filter(|it| !held.contains(it)).copied().collect();
        if new.is_empty() { Ok(()) } else { self.replace(&[&self.owned[..], &new].concat()).await }
    }

    /// Shuts the door in another way from the next time on that the shield is raised. Whether it is another.
    pub fn turn_door(&mut self, door: Option<Door>) -> bool {
        let is_other = door.is_some() && door != self.door;
        if is_other {
            self.door = door;
        }
        is_other
    }

    /// Raises the shield again, as it was, where somebody took it or a part of it away. Needs a tokio runtime.
    ///
    /// # Errors
    /// A sentence; what is left of it stands then.
    pub async fn raise_again(&mut self) -> Result<(), String> {
        self.replace(&self.owned.clone()).await
    }

    /// Whether the shield is there. `false`: raise it again.
    ///
    /// # Errors
    /// A sentence, when the kernel does not tell.
    pub fn stands(&mut self) -> Result<bool, String> {
        self.shield.stands()
    }

    /// The number by which the kernel knows who raises the shield.
    #[must_use]
    pub fn port(&self) -> u32 {
        self.shield.port()
    }

    /// Whether these addresses are behind the shield, and no others.
    #[must_use]
    pub fn is_for(&self, owned: &[Owned]) -> bool {
        self.owned == owned
    }

    /// Takes the shield down.
    pub(super) fn lower(self) -> Result<(), String> {
        self.shield.lower()
    }
}
