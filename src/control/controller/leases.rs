//! Which public prefixes and addresses each WAN holds that the configuration leaves to the link: what the kernel lists and
//! what operators and hooks say becomes leases of the snapshot, with time as a parameter.
//! Must never know: netlink, flows, how a WAN is.

mod change;
mod fit;
mod pool;

pub use change::{LeaseChange, What};

use crate::config::settings::{Settings, Wan};
use crate::control::compile::{self, LINK6, LinkState, WanLeases};
use crate::plane::lease::Leased;
use crate::plane::policy::source::{self, Choice};
use crate::types::{Family, LinkAddress, Slots, Tick, WanId};
use ipnet::{IpNet, Ipv6Net};
use pool::{GRACE_MS, NO_END, PREFIX_GRACE_MS, Pool};
use std::net::IpAddr;
use std::sync::Arc;

/// The family of what each pool of a WAN holds.
const OF_POOLS: [Family; 3] = [Family::V4, Family::V6, Family::V6];

/// All WANs' public addresses that come and go.
#[derive(Debug)]
pub struct Leases {
    settings: Arc<Settings>,
    wans: Slots<Holding>,
    changes: Vec<LeaseChange>,
}

/// One WAN's, in the order of [`WanLeases`].
#[derive(Debug, Default)]
struct Holding {
    pools: [Pool<IpNet>; 3],
    /// Which of the link's addresses is the public one, and why.
    public: Option<Choice>,
    /// Why the first of what the link has is not taken, where nothing is.
    refused: [Option<Arc<str>>; 2],
    /// What the last snapshot shows.
    shown: WanLeases,
}

/// A public address that a WAN holds, for people.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Held {
    /// The address or prefix.
    pub net: IpNet,
    /// Whether new flows take it.
    pub current: bool,
    /// When it ends; `None` if that is not known.
    pub until: Option<Tick>,
    /// Why it holds.
    pub why: &'static str,
}

impl Leases {
    /// Nothing is held yet.
    #[must_use]
    pub fn new(settings: Arc<Settings>) -> Self {
        let wans = settings.wans.map(|_, _| {
            let [prefixes, own] = Pool::pair();
            Holding { pools: [Pool::default(), prefixes, own], ..Holding::default() }
        });
        Self { settings, wans, changes: Vec::new() }
    }

    /// The kernel's word on the links, in the order of the WANs. `epoch` is that of the next snapshot.
    pub fn seen(&mut self, now: Tick, epoch: u32, links: &[LinkState]) {
        for (id, link) in (0..).map(WanId).zip(links) {
            let Some(wan) = self.settings.wans.get(id) else { continue };
            let (v4, refused4) = self.of_link(now, id, wan, link, Family::V4);
            let (own6, refused_own6) = self.of_link(now, id, wan, link, Family::V6);
            let v6 = link.delegated.iter().filter(|_| wan.follows_prefix());
            let (v6, refused6) = self.fitting(now, id, v6.map(|prefix| IpNet::V6(*prefix)));
            let v6: Vec<_> = v6.into_iter().map(|net| needed(wan, net)).collect();
            let Some(holding) = self.wans.get_mut(id) else { continue };
            holding.refused = [refused4, refused6.or(refused_own6)];
            holding.public = v4.first().copied();
            let v4: Vec<_> = v4.iter().map(|choice| IpNet::from(choice.address)).collect();
            holding.pools[0].listed(now, epoch, &v4, GRACE_MS);
            holding.pools[1].listed(now, epoch, &v6, PREFIX_GRACE_MS);
            let own6: Vec<_> = own6.iter().map(|choice| IpNet::from(choice.address)).collect();
            holding.pools[LINK6].listed(now, epoch, &own6, GRACE_MS);
        }
    }

    /// The link's public address, then those that were before and are there still, in reach of the same gateway: no new
    /// flow takes one of these. Another address of the link is the kernel's alone.
    fn of_link(
        &self,
        now: Tick,
        id: WanId,
        wan: &Wan,
        link: &LinkState,
        family: Family,
    ) -> (Vec<Choice>, Option<Arc<str>>) {
        let (is_wanted, pool) = match family {
            Family::V4 => (wan.follows_address(), 0),
            Family::V6 => (wan.inbound6_interface().is_some(), LINK6),
        };
        let of_family = |own: &&LinkAddress| is_wanted && Family::of(own.address) == family;
        let all = link.addresses.iter().filter(of_family);
        let (fit, refused) = self.fitting(now, id, all.map(|own| IpNet::from(own.address)));
        let own: Vec<LinkAddress> =
            link.addresses.iter().filter(|own| fit.contains(&IpNet::from(own.address))).copied().collect();
        let pool = self.wans.get(id).map(|holding| &holding.pools[pool]);
        let held: Vec<IpAddr> =
            pool.iter().flat_map(|pool| pool.valid(now)).map(|entry| entry.leased.held.addr()).collect();
        let gateways: Vec<IpAddr> = compile::gateways(wan, link, family).iter().map(|it| it.address).collect();
        (source::publics(&own, &gateways, &held, wan.sources[family.index()]), refused)
    }

    /// What of it a WAN can hold, and why the first of the rest cannot be held.
    fn fitting(&self, now: Tick, id: WanId, nets: impl Iterator<Item = IpNet>) -> (Vec<IpNet>, Option<Arc<str>>) {
        let (mut fit, mut refused) = (Vec::new(), None);
        for net in nets {
            match self.misfit(now, id, net) {
                None => fit.push(net),
                Some(why) => refused = refused.or_else(|| Some(format!("{net} on the link is not used: {why}").into())),
            }
        }
        (fit, refused)
    }

    /// An operator or a hook says which prefix a WAN has, and for how many seconds: 0 is no more, `None` until the next one.
    ///
    /// # Errors
    /// One sentence: why that cannot be.
    pub fn set(
        &mut self,
        now: Tick,
        epoch: u32,
        id: WanId,
        prefix: Ipv6Net,
        seconds: Option<u32>,
    ) -> Result<(), String> {
        let wan = self.settings.wans.get(id).ok_or("there is no such WAN")?;
        let name = wan.name.as_str();
        if !wan.follows_prefix() {
            return Err(format!(
                "WAN \"{name}\" takes no prefix by hand: write `outside = \"auto\"` in its [wan.nptv6]"
            ));
        }
        let host = (prefix.prefix_len() == 128).then(|| "it is longer than /64".to_owned());
        if let Some(misfit) = host.or_else(|| self.misfit(now, id, prefix.into())) {
            return Err(format!("{prefix} cannot be the prefix of WAN \"{name}\": {misfit}"));
        }
        let net = needed(wan, prefix.into());
        let Some(holding) = self.wans.get_mut(id) else { return Ok(()) };
        let pool = &mut holding.pools[1];
        if seconds != Some(0) {
            let until = seconds.map_or(NO_END, |seconds| now.plus_millis(u64::from(seconds) * 1000));
            pool.set(now, epoch, net, until);
            return Ok(());
        }
        match pool.find(net).filter(|entry| entry.holds(now)) {
            None => Err(format!("WAN \"{name}\" does not hold {net}: `flowpin status` shows what it holds")),
            Some(entry) if entry.is_listed() => {
                Err(format!("{net} is on the link of WAN \"{name}\": take its route or address away from the kernel"))
            }
            Some(_) => {
                pool.withdraw(net);
                Ok(())
            }
        }
    }

    /// Time passed: of which WANs the snapshot is to show something else from now on, and when time alone will matter next.
    pub fn pass(&mut self, now: Tick) -> (Vec<WanId>, Option<Tick>) {
        let mut changed = Vec::new();
        let mut wake: Option<Tick> = None;
        for (id, Holding { pools, shown, .. }) in self.wans.iter_mut() {
            for (family, (pool, shown)) in OF_POOLS.into_iter().zip(pools.iter_mut().zip(shown)) {
                wake = pool.pass(now).into_iter().chain(wake).min();
                let leases: Vec<_> = pool.valid(now).iter().map(|entry| entry.leased).collect();
                let why = |net| pool.find(net).map_or("others took its place", |entry| entry.why);
                self.changes.extend(change::between((id, family), shown, &leases, why));
                if is_news(shown, &leases) {
                    changed.push(id);
                }
                *shown = leases;
            }
        }
        changed.dedup();
        (changed, wake)
    }

    /// What changed since this was asked last.
    pub fn changes(&mut self) -> Vec<LeaseChange> {
        std::mem::take(&mut self.changes)
    }

    /// What the snapshot shows of a WAN.
    #[must_use]
    pub fn shown(&self, id: WanId) -> Option<&WanLeases> {
        self.wans.get(id).map(|holding| &holding.shown)
    }

    /// Why a WAN has not what it needs in a family to send as somebody: a fixed public address, or one that comes and goes.
    #[must_use]
    pub fn lack(&self, id: WanId, family: Family) -> Option<Arc<str>> {
        let (wan, holding) = self.settings.wans.get(id).zip(self.wans.get(id))?;
        let is_fixed = match family {
            Family::V4 => !wan.follows_address() || !wan.nat44.is_empty(),
            Family::V6 => wan.nptv6.is_some_and(|npt| npt.outside.is_some()) || wan.fixed_inbound6().next().is_some(),
        };
        let has_own = family == Family::V6 && !holding.shown[LINK6].is_empty();
        if is_fixed || has_own || !holding.shown[family.index()].is_empty() || !wan.carries(family) {
            return None;
        }
        let nothing = match family {
            Family::V4 => "the link has no IPv4 address",
            Family::V6 if wan.follows_prefix() => "no prefix is delegated",
            Family::V6 => "the link has no IPv6 address that other networks know",
        };
        Some(holding.refused[family.index()].clone().unwrap_or_else(|| nothing.into()))
    }

    /// Which of its link's addresses is a WAN's public one, and why; `None` where none is.
    #[must_use]
    pub fn public(&self, id: WanId) -> Option<Choice> {
        self.wans.get(id)?.public
    }

    /// What a WAN holds, IPv4 first, in each family the current one first.
    #[must_use]
    pub fn held(&self, now: Tick, id: WanId) -> Vec<Held> {
        let pools = self.wans.get(id).into_iter().flat_map(|holding| &holding.pools);
        let rows = |pool: &Pool<IpNet>| {
            let entries = pool.valid(now).into_iter().enumerate();
            entries
                .map(|(at, entry)| {
                    let (until, why) = (entry.until(), entry.why);
                    Held { net: entry.leased.held, current: at == 0, until, why }
                })
                .collect::<Vec<_>>()
        };
        pools.flat_map(rows).collect()
    }
}

/// Whether flows can tell these apart: by the current one, or by what there is. The order of the others is nobody's news.
fn is_news(before: &[Leased<IpNet>], after: &[Leased<IpNet>]) -> bool {
    before.first() != after.first() || before.len() != after.len() || before.iter().any(|it| !after.contains(it))
}

/// The part of a prefix that a WAN translates to: of one that is shorter than the inside prefix, its first as long. The rest
/// stays with the kernel.
fn needed(wan: &Wan, net: IpNet) -> IpNet {
    let least = wan.nptv6.map_or(0, |npt| npt.inside.prefix_len());
    IpNet::new(net.network(), net.prefix_len().max(least)).unwrap_or(net)
}

#[cfg(test)]
mod tests;
