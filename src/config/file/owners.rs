//! Which WAN owns which public address, and every way in which two mappings can collide.
//! Must never know: TOML, links, gateways.

use super::inside::{inside_of, overlap};
use super::raw::{RawConfig, Wan};
use super::reader::{Faults, Spanned};
use crate::config::diagnostics::{Code, Fault, Span};
use crate::config::settings::{External6, is_behind_nat};
use ipnet::{IpNet, Ipv6Net};
use std::collections::HashMap;
use std::net::IpAddr;

/// Every owned address and prefix, each with its first owner.
#[derive(Default)]
pub(super) struct Owners<'s> {
    hosts: HashMap<IpAddr, (&'s Wan, Span)>,
    prefixes: Vec<(&'s Wan, Spanned<Ipv6Net>)>,
}

impl<'s> Owners<'s> {
    /// Walks all mappings and reports collisions.
    pub(super) fn collect(raw: &'s RawConfig, faults: &mut Faults) -> Self {
        let mut owners = Self::default();
        for wan in &raw.wans {
            owners.claim_prefix(wan, raw, faults);
        }
        for wan in &raw.wans {
            let pairs4 = wan.nat44.iter().map(|(inside, public)| (host(inside), Some(host(public))));
            owners.claim_hosts(wan, pairs4, raw, faults);
            let pairs6 = wan.inbound6.iter().map(|(external, inside)| (host(inside), fixed(external)));
            owners.claim_hosts(wan, pairs6, raw, faults);
        }
        owners
    }

    /// The WAN that owns an address, and where that is said.
    pub(super) fn owner_of(&self, address: IpAddr) -> Option<(&'s Wan, Span)> {
        let host = self.hosts.get(&address).copied();
        host.or_else(|| {
            let mut prefixes = self.prefixes.iter();
            let (wan, prefix) = prefixes.find(|(_, prefix)| IpNet::V6(prefix.value).contains(&address))?;
            Some((*wan, prefix.at))
        })
    }

    /// An owned address or prefix that shares an address with `net`: the one said first.
    pub(super) fn owner_within(&self, net: &IpNet) -> Option<(IpNet, Span)> {
        let hosts = self.hosts.iter().map(|(address, (_, at))| (IpNet::from(*address), *at));
        let prefixes = self.prefixes.iter().map(|(_, prefix)| (IpNet::V6(prefix.value), prefix.at));
        hosts.chain(prefixes).filter(|(owned, _)| overlap(owned, net)).min_by_key(|(_, at)| *at)
    }

    fn claim_prefix(&mut self, wan: &'s Wan, raw: &RawConfig, faults: &mut Faults) {
        let Some(outside) = wan.nptv6.as_ref().and_then(|npt| npt.outside.as_ref()) else { return };
        let net = IpNet::V6(outside.value);
        if let Some(inside) = inside_of(&raw.downstream, &net) {
            let message = format!("the outside prefix `{net}` overlaps the inside prefix `{}`", inside.value);
            let fault = Fault::new(Code::Overlap, outside.at, message, "write the prefix that this line delegates");
            faults.found.push(fault.against(inside.at, "an inside prefix"));
        }
        let taken = self.prefixes.iter().find(|(_, other)| overlap(&IpNet::V6(other.value), &net));
        if let Some((owner, other)) = taken {
            let message = format!("the outside prefix `{net}` overlaps `{}` of WAN {}", other.value, owner.label());
            let fault =
                Fault::new(Code::Overlap, outside.at, message, "write the prefix that each line delegates itself");
            faults.found.push(fault.against(other.at, "said here"));
        }
        self.prefixes.push((wan, outside.clone()));
    }

    /// `pairs` are (inside, public); a public address that follows its line collides with none that is known here.
    fn claim_hosts(
        &mut self,
        wan: &'s Wan,
        pairs: impl Iterator<Item = (Spanned<IpAddr>, Option<Spanned<IpAddr>>)>,
        raw: &RawConfig,
        faults: &mut Faults,
    ) {
        let mut insides: HashMap<IpAddr, Span> = HashMap::new();
        for (inside, public) in pairs {
            if let Some(first) = insides.get(&inside.value) {
                let message = format!("`{}` has two public addresses on WAN {}", inside.value, wan.label());
                let fault = Fault::new(Code::Duplicate, inside.at, message, "keep one of the two mappings");
                faults.found.push(fault.against(*first, "the first"));
            } else {
                insides.insert(inside.value, inside.at);
            }
            let Some(public) = public else { continue };
            if let Some(prefix) = inside_of(&raw.downstream, &public.value.into()) {
                let message = format!("the public address `{}` is inside", public.value);
                let fault = Fault::new(Code::Overlap, public.at, message, "write an address that the ISP gave you");
                faults.found.push(fault.against(prefix.at, "an inside prefix"));
            }
            self.claim_host(wan, &public, faults);
        }
    }

    fn claim_host(&mut self, wan: &'s Wan, public: &Spanned<IpAddr>, faults: &mut Faults) {
        let address = public.value;
        let in_prefix_of_other = self
            .prefixes
            .iter()
            .find(|(owner, prefix)| !std::ptr::eq(*owner, wan) && IpNet::V6(prefix.value).contains(&address));
        let fault = match (self.hosts.get(&address), in_prefix_of_other) {
            (Some((owner, first)), _) if std::ptr::eq(*owner, wan) => {
                let message = format!("the public address `{address}` is given to two inside addresses");
                Fault::new(Code::Duplicate, public.at, message, "give each inside address a public address of its own")
                    .against(*first, "the first")
            }
            // Two lines behind NATs of their own, such as two sticks of one make, may have the same address.
            (Some(_), None) if matches!(address, IpAddr::V4(address) if is_behind_nat(address)) => return,
            (Some((owner, first)), _) => {
                let message = format!("`{address}` belongs to WAN {} already", owner.label());
                Fault::new(Code::Duplicate, public.at, message, "remove it from the WAN that does not have it")
                    .against(*first, "the first")
            }
            (None, Some((owner, prefix))) => {
                let message = format!("`{address}` lies in the outside prefix of WAN {}", owner.label());
                Fault::new(Code::Overlap, public.at, message, "remove it from the WAN that does not have it")
                    .against(prefix.at, "that prefix")
            }
            (None, None) => {
                self.hosts.insert(address, (wan, public.at));
                return;
            }
        };
        faults.found.push(fault);
    }
}

fn fixed(external: &Spanned<External6>) -> Option<Spanned<IpAddr>> {
    match external.value {
        External6::Fixed(address) => Some(Spanned { value: address.into(), at: external.at }),
        External6::Behind(_) | External6::Interface => None,
    }
}

fn host<A: Copy + Into<IpAddr>>(said: &Spanned<A>) -> Spanned<IpAddr> {
    Spanned { value: said.value.into(), at: said.at }
}
