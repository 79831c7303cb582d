//! The kernel side of the router: what must stand in the kernel for packets to pass between the firewall's link, the TUN
//! and flowpin, and for the kernel to stay silent about what flowpin owns. Set up before the workers start, undone after
//! they stop, and taken over from a run that was killed. Must never know: the policy, the plane, a packet.
//!
//! What is made, and how it is recognised: policy rules and routes carry [`PROTOCOL`]; the nftables table is named
//! after the TUN; sysctls stand with their old values in a state file beside the control socket. One flowpin per
//! network namespace: the nftables table `flowpin` is its lock.
//!
//! What stays as it is: the machine's default route, its main table but for inside prefixes, `ip_forward`, and per-link
//! IPv6 `forwarding` (switching it on would drop every default route learned from router advertisements).
//! Redirects need no switch: what comes from the firewall's link always leaves by another, the TUN.

mod door;
mod forwarding;
mod guard;
mod hush;
mod local_ports;
mod lock;
mod nft;
mod plan;
mod put_back;
mod reverse_path;
mod routing;
mod saved;
mod shield;
mod survey;
mod sysctl;
mod tun;
mod untracked;
mod watch;

pub use forwarding::{Forwarding, Repaired};
pub use guard::Guard;
pub use lock::{Lock, acquire as lock, lock_file};
pub use plan::Plan;
pub use put_back::{PutBack, put_back};
pub use routing::{PRIORITY_INSIDE, PRIORITY_OUTSIDE, PROTOCOL, TABLE};
pub use watch::{Culprit, Touched, Watch};

use super::netlink::Netlink;
use saved::Saved;
use shield::Shield;
use survey::Survey;

/// The kernel side, standing. Dropped without [`teardown`], it stays for the next run to take over: the door is shut.
#[must_use = "without teardown the kernel side stays as it is"]
pub struct Kernel {
    /// Whether an earlier run had left a kernel side.
    pub taken_over: bool,
    /// What is amiss though all stands, as sentences: rules of the host's firewall that are in the way.
    pub amiss: Vec<String>,
    /// What keeps the kernel silent.
    pub guard: Guard,
    /// What makes it forward.
    pub forwarding: Forwarding,
}

/// Sets the kernel side up, or takes it over from a run that never stopped: the TUN ready and up, the shield, rules,
/// routes and sysctls. Call before the workers start, with the TUN created. Needs a tokio runtime.
///
/// # Errors
/// One sentence for every conflict with what the machine has already, and nothing has changed; or what could not be set
/// up, and what had been done by then is undone, unless an earlier run had left the door shut.
pub async fn setup(plan: &Plan) -> Result<Kernel, Vec<String>> {
    let netlink = Netlink::connect().map_err(one)?;
    let saved = Saved::load(&plan.state).map_err(one)?;
    let conflicts = local_ports::conflicts(plan);
    if !conflicts.is_empty() {
        return Err(conflicts);
    }
    let left_by = saved.left_by().map(String::from);
    let survey = Survey::make(&netlink, plan, left_by.is_some()).await?;
    let forwarding = Forwarding::new(plan.clone(), saved);
    let guard = Guard::raise(plan, &survey.links, forwarding.door(&survey)).map_err(one)?;
    let taken_over = left_by.is_some();
    let amiss = plan.downstream.iter().flat_map(|_| reverse_path::look(&plan.tun).unwrap_or_else(one)).collect();
    let mut kernel = Kernel { taken_over, amiss, guard, forwarding };
    let done = async {
        if let Some(other) = left_by.filter(|left_by| *left_by != plan.tun) {
            Shield::remove_leftover(&other).map_err(one)?;
        }
        tun::prepare(&netlink, plan, survey.tun).await.map_err(one)?;
        kernel.forwarding.make(&netlink, &survey).await.map(drop)
    };
    match done.await {
        Ok(()) => Ok(kernel),
        // What was shut before stays so.
        Err(faults) if taken_over => Err(faults),
        Err(mut faults) => {
            faults.extend(teardown(kernel.guard, kernel.forwarding).await);
            Err(faults)
        }
    }
}

/// Undoes everything in reverse order. Call after the workers have stopped. Needs a tokio runtime.
///
/// The sentences say what could not be undone.
pub async fn teardown(guard: Guard, forwarding: Forwarding) -> Vec<String> {
    let mut faults = forwarding.undo().await;
    faults.extend(guard.lower().err());
    faults
}

fn one(fault: String) -> Vec<String> {
    vec![fault]
}
