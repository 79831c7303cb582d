//! Gives up what the service does not need, before it starts a thread: capabilities but two, the ways to get any back, the
//! identity of root where there is a user of its own, and system calls that no router makes. Programs that it runs (hooks)
//! have no capability at all. Must never know: what the service does.

mod identity;
mod syscalls;

use crate::config::settings::Control;
use caps::{CapSet, Capability, CapsHashSet};
use std::fmt::Display;

/// What TUN, packet sockets, netlink, nf_tables and the switches below /proc/sys/net need.
const NEEDED: [Capability; 2] = [Capability::CAP_NET_ADMIN, Capability::CAP_NET_RAW];

/// Gives up what is not needed, for this thread and all that it will start. The directory of the control socket exists.
///
/// # Errors
/// One sentence.
pub fn give_up(control: &Control) -> Result<(), String> {
    let needed: CapsHashSet = NEEDED.into_iter().collect();
    let cannot = |what: &str, error: &dyn Display| format!("cannot give up {what}: {error}");
    // Without the bounding set and the ambient set no program that is run gets a capability, whoever runs it.
    if caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP).unwrap_or(false) {
        for capability in caps::runtime::thread_all_supported() {
            caps::drop(None, CapSet::Bounding, capability).map_err(|error| cannot("capabilities", &error))?;
        }
    }
    caps::clear(None, CapSet::Ambient).map_err(|error| cannot("capabilities", &error))?;
    identity::join_group(control)?;
    if let Some(identity) = identity::own(control)? {
        caps::securebits::set_keepcaps(true).map_err(|error| cannot("the identity of root", &error))?;
        identity.take().map_err(|error| cannot("the identity of root", &error))?;
    }
    for set in [CapSet::Effective, CapSet::Permitted] {
        caps::set(None, set, &needed).map_err(|error| cannot("capabilities", &error))?;
    }
    caps::clear(None, CapSet::Inheritable).map_err(|error| cannot("capabilities", &error))?;
    syscalls::refuse().map_err(|error| cannot("system calls", &error))
}
