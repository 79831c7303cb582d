//! The rules, routes and sysctls by which the kernel forwards between the firewall's link and the TUN: made, mended,
//! undone. Each look reads whole tables, so it is slow where they are large.
//! Must never know: public addresses, nf_tables.

use super::door::Door;
use super::local_ports;
use super::plan::Plan;
use super::reverse_path;
use super::routing::{Dump, LocalNetwork};
use super::saved::Saved;
use super::survey::Survey;
use super::sysctl;
use crate::config::settings::Local;
use crate::control::netlink::{Family, Netlink, link_name};

/// What became of a repair.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Repaired {
    /// What somebody else had changed and is as it must be again, in words.
    pub mended: Vec<String>,
    /// What stays missing or is in the way, as sentences.
    pub amiss: Vec<String>,
    /// Where packets of inside hosts may go now; `None`: as before.
    pub door: Option<Door>,
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
    pub(super) fn door(&self, survey: &Survey) -> Option<Door> {
        let read = |path: &str| self.saved.original(path);
        let fences_ipv6 = self.has(Family::V6) && sysctl::opens_every_link(&read);
        let plan = &survey.plan;
        let downstream = plan.downstream.clone()?;
        let opened = |family, forwards: &dyn Fn(&str) -> bool| -> Vec<String> {
            local_links(&survey.local, family).into_iter().filter(|link| !forwards(link)).collect()
        };
        Some(Door {
            downstream,
            tun: plan.tun.clone(),
            wans: plan.wans.clone(),
            local: survey.local.iter().map(|it| it.prefix).collect(),
            opened4: opened(Family::V4, &|link| sysctl::forwards4(link, &read)),
            opened6: opened(Family::V6, &|link| sysctl::forwards6(link, &read)),
            fences_ipv6,
        })
    }

    /// Makes again what is missing: the firewall's link went down and came back, somebody flushed the rules. Needs a tokio
    /// runtime.
    pub async fn repair(&mut self) -> Repaired {
        let (mended, mut amiss, door) = match self.make_again().await {
            Ok((mended, door)) => (mended, Vec::new(), door),
            Err(missing) => (Vec::new(), missing, None),
        };
        if self.plan.downstream.is_some() {
            amiss.extend(reverse_path::look(&self.plan.tun).unwrap_or_else(one));
        }
        amiss.extend(local_ports::conflicts(&self.plan));
        Repaired { mended, amiss, door }
    }

    async fn make_again(&mut self) -> Result<(Vec<String>, Option<Door>), Vec<String>> {
        let netlink = Netlink::connect().map_err(one)?;
        let survey = Survey::make(&netlink, &self.plan, false).await?;
        let mended = self.make(&netlink, &survey).await?;
        Ok((mended, self.door(&survey)))
    }

    /// Makes what a survey found missing. Forwarding is switched on last: nothing passes before everything stands.
    pub(super) async fn make(&mut self, netlink: &Netlink, survey: &Survey) -> Result<Vec<String>, Vec<String>> {
        survey.changes.make(netlink).await?;
        let mut mended = survey.changes.words();
        let names: Vec<String> = survey.links.iter().filter_map(link_name).map(String::from).collect();
        let (downstream, tun) = (survey.plan.downstream.as_deref(), survey.plan.tun.as_str());
        let scope = sysctl::Scope {
            downstream,
            tun,
            v4: self.has(Family::V4),
            v6: self.has(Family::V6),
            links: &names,
            local4: &local_links(&survey.local, Family::V4),
            local6: &local_links(&survey.local, Family::V6),
        };
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

/// The links that lead to local networks of a family.
fn local_links(local: &[LocalNetwork], family: Family) -> Vec<String> {
    let of_family = local.iter().filter(|it| Family::of(&it.prefix) == family);
    let mut links: Vec<String> = of_family.flat_map(|it| &it.links).cloned().collect();
    links.sort_unstable();
    links.dedup();
    links
}

/// Deletes the rules and routes that flowpin has made. How many of each there were.
pub(super) async fn unroute() -> Result<(usize, usize), Vec<String>> {
    let netlink = Netlink::connect().map_err(one)?;
    let removal = Dump::read(&netlink, (0, 0), &[], &Local::default()).await.map_err(one)?.removal();
    removal.make(&netlink).await.map(|()| removal.deletes())
}

fn one(fault: String) -> Vec<String> {
    vec![fault]
}
