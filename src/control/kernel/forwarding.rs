//! The rules, routes and sysctls by which the kernel forwards between the firewall's link and the TUN: made, mended,
//! undone. Each look reads whole tables, so it is slow where they are large.
//! Must never know: public addresses, nf_tables.

use super::door::Door;
use super::plan::Plan;
use super::reverse_path;
use super::routing::Dump;
use super::saved::Saved;
use super::survey::Survey;
use super::sysctl;
use crate::control::netlink::{Family, Netlink, link_name};

/// What became of a repair.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Repaired {
    /// What somebody else had changed and is as it must be again, in words.
    pub mended: Vec<String>,
    /// What stays missing or is in the way, as sentences.
    pub amiss: Vec<String>,
}

/// What forwards, standing.
pub struct Forwarding {
    plan: Plan,
    saved: Saved,
}

impl Forwarding {
    /// Nothing is made yet.
    pub(super) fn new(plan: Plan, saved: Saved) -> Self {
        Self { plan, saved }
    }

    /// Whether there is an inside prefix of this family.
    fn has(&self, family: Family) -> bool {
        self.plan.inside.iter().any(|prefix| Family::of(prefix) == family)
    }

    /// Where packets of inside hosts may go, if the kernel forwards them at all.
    pub(super) fn door(&self) -> Option<Door> {
        let fences_ipv6 = self.has(Family::V6) && sysctl::opens_every_link(&|path| self.saved.original(path));
        let downstream = self.plan.downstream.clone()?;
        Some(Door { downstream, tun: self.plan.tun.clone(), fences_ipv6 })
    }

    /// Makes again what is missing: the firewall's link went down and came back, somebody flushed the rules. Needs a tokio
    /// runtime.
    pub async fn repair(&mut self) -> Repaired {
        let (mended, mut amiss) = match self.make_again().await {
            Ok(mended) => (mended, Vec::new()),
            Err(missing) => (Vec::new(), missing),
        };
        if self.plan.downstream.is_some() {
            amiss.extend(reverse_path::look(&self.plan.tun).unwrap_or_else(one));
        }
        Repaired { mended, amiss }
    }

    async fn make_again(&mut self) -> Result<Vec<String>, Vec<String>> {
        let netlink = Netlink::connect().map_err(one)?;
        let survey = Survey::make(&netlink, &self.plan, false).await?;
        self.make(&netlink, &survey).await
    }

    /// Makes what a survey found missing. Forwarding is switched on last: nothing passes before everything stands.
    pub(super) async fn make(&mut self, netlink: &Netlink, survey: &Survey) -> Result<Vec<String>, Vec<String>> {
        survey.changes.make(netlink).await?;
        let mut mended = survey.changes.words();
        let names: Vec<String> = survey.links.iter().filter_map(link_name).map(String::from).collect();
        let (downstream, tun) = (self.plan.downstream.as_deref(), self.plan.tun.as_str());
        let scope =
            sysctl::Scope { downstream, tun, v4: self.has(Family::V4), v6: self.has(Family::V6), links: &names };
        let switches = sysctl::wanted(&scope, &|path| self.saved.original(path));
        mended.extend(self.saved.set(tun, switches).map_err(one)?);
        Ok(mended)
    }

    /// Undoes everything in reverse order. The sentences say what could not be undone.
    pub(super) async fn undo(self) -> Vec<String> {
        let mut faults = Vec::new();
        faults.extend(self.saved.restore().err());
        if self.plan.downstream.is_some() {
            faults.extend(unroute().await.err().unwrap_or_default());
        }
        faults
    }
}

/// Deletes the rules and routes that flowpin has made. How many of each there were.
pub(super) async fn unroute() -> Result<(usize, usize), Vec<String>> {
    let netlink = Netlink::connect().map_err(one)?;
    let removal = Dump::read(&netlink, 0, 0, &[]).await.map_err(one)?.removal();
    removal.make(&netlink).await.map(|()| removal.deletes())
}

fn one(fault: String) -> Vec<String> {
    vec![fault]
}
