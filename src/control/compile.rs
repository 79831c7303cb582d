//! Settings plus what is known of the links gives the policy: pure, the same for live service and replay. Each part of a
//! snapshot is made anew when that changes which it comes from, and is shared with the snapshot before while it does not:
//!
//! ```text
//!  the settings alone     fixed, probes   once: `Fixed`, each `WanFixed`, the pairs of each NAT44 map
//!  a WAN's link           link            that WAN's `WanLink`, its MTU, whom to ask what its path carries
//!  the firewall's side    inside          `Inside`
//!  a WAN's leases         leases          that WAN's public addresses that come and go
//!  a WAN's health         (controller)    `Wan::standing` and `Wan::on_up`, which are copied
//! ```
//! Must never know: netlink, sockets, files.

mod fixed;
mod inside;
mod leases;
mod link;
mod probes;
mod replay;
mod snapshot;

pub use inside::{InsideState, inside, machine, own, router_addresses};
pub use leases::{LINK6, WanLeases, lease};
pub use link::{LinkState, gateways, keep, link, no_link};
pub use probes::probes;
pub use replay::{replay_gateway_mac, replay_policy, replay_policy_over};
pub use snapshot::policy;
