//! What the kernel says of a link: its addresses, its gateways, whether it carries; and that one of these has changed.
//! Must never know: the configuration, the plane.

mod addresses;
mod connected;
mod dark;
mod delegated;
mod facts;
mod mtu;
mod watch;

pub use delegated::Delegated;
pub use facts::{Attached, LinkFacts};
pub use watch::{Changes, News, watch};

use super::netlink::{Family, Netlink, Route};
use rtnetlink::packet_route::link::{LinkFlags, LinkMessage};

/// Every link of this network namespace. `lit` is told the indices of those that carry frames as soon as these are known:
/// before addresses and routes are read, which takes seconds where a routing daemon lives. Needs a tokio runtime.
///
/// # Errors
/// A sentence, when netlink refuses.
pub async fn read_all(lit: impl FnOnce(Vec<u32>)) -> Result<Vec<LinkFacts>, String> {
    let netlink = Netlink::connect()?;
    let links = netlink.links().await?;
    let is_lit = |link: &&LinkMessage| link.header.flags.contains(LinkFlags::Up | LinkFlags::LowerUp);
    lit(links.iter().filter(is_lit).map(|link| link.header.index).collect());
    let addresses = netlink.addresses().await?;
    let wanted = |route: &Route| route.is_default() || delegated::tells(route) || connected::connects(route);
    let mut routes = netlink.routes(Family::V4, wanted).await?;
    routes.extend(netlink.routes(Family::V6, wanted).await?);
    Ok(links.iter().filter_map(|link| facts::facts(link, &addresses, &routes)).collect())
}

/// The link of that name. Needs a tokio runtime.
///
/// # Errors
/// A sentence that names the link, when there is none of that name or netlink refuses.
pub async fn read(name: &str) -> Result<LinkFacts, String> {
    let found = read_all(drop).await?.into_iter().find(|facts| facts.is_called(name));
    found.ok_or_else(|| format!("there is no link \"{name}\" on this machine: correct the name, or plug it in"))
}
