//! What `source4` and `source6` of `[[wan]]`, and `source` of a probe, contradict. Must never know: which address is chosen
//! where nothing is said.

use super::inside::inside_of;
use super::owners::Owners;
use super::raw::{Downstream, Wan};
use super::reader::Faults;
use crate::config::diagnostics::{Code, Fault, Span};
use crate::config::settings::ProbeTarget;
use crate::types::Family;
use std::net::IpAddr;
use std::ptr;

/// A source is one that this WAN has: neither another WAN's nor an inside host's, and of the family of what is asked.
pub(super) fn check(wan: &Wan, downstream: &Downstream, owners: &Owners<'_>, faults: &mut Faults) {
    for (key, said) in ["source4", "source6"].into_iter().zip(&wan.sources) {
        said.iter().for_each(|said| is_this_wans(key, (said.value, said.at), wan, downstream, owners, faults));
    }
    for probe in &wan.health.probes {
        let Some(source) = probe.value.source else { continue };
        match probe.value.target {
            ProbeTarget::Host(host) if Family::of(host) != Family::of(source) => {
                let message = format!("`{host}` cannot be asked from `{source}`, which is of the other family");
                faults.add(Code::Conflict, probe.at, message, "write a `source` of the family of what is asked");
            }
            _ => is_this_wans("source", (source, probe.at), wan, downstream, owners, faults),
        }
    }
}

fn is_this_wans(
    key: &str,
    (address, at): (IpAddr, Span),
    wan: &Wan,
    downstream: &Downstream,
    owners: &Owners<'_>,
    faults: &mut Faults,
) {
    let suggestion = "write an address that this WAN translates to, or that its link has";
    if let Some((owner, owned_at)) = owners.owner_of(address).filter(|(owner, _)| !ptr::eq(*owner, wan)) {
        let message = format!("`{address}` cannot be `{key}`: it is a public address of WAN {}", owner.label());
        faults.found.push(Fault::new(Code::Conflict, at, message, suggestion).against(owned_at, "owned here"));
    } else if let Some(inside) = inside_of(downstream, &address.into()) {
        let message = format!("`{address}` cannot be `{key}`: it is inside");
        faults.found.push(Fault::new(Code::Conflict, at, message, suggestion).against(inside.at, "an inside prefix"));
    }
}
