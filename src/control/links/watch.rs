//! Tells when links, addresses or routes that matter here have changed, and at once when a link is lost. A routing
//! daemon's ten thousand routes are read and tell nothing: whoever is told reads whole tables.
//! Must never know: what is read then.

use super::connected;
use super::dark::DarkLinks;
use super::delegated;
use crate::control::kernel::PROTOCOL;
use crate::control::netlink::subscription::{Heard, Subscription, messages};
use crate::control::netlink::{Route, TABLE_LOCAL};
use ipnet::IpNet;
use rtnetlink::MulticastGroup::{self, Ipv4Ifaddr, Ipv4Route, Ipv6Ifaddr, Ipv6Ifinfo, Ipv6Route, Link, Nexthop};
use rtnetlink::packet_core::{NetlinkMessage, NetlinkPayload};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::sys::protocols::NETLINK_ROUTE;
use std::future::pending;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

/// What the kernel says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum News {
    /// The links with these indices have no carrier any more, or are gone.
    Lost(Vec<u32>),
    /// Something has changed: read it.
    Changed,
}

/// A subscription. Holds no facts: read them after each change.
pub struct Changes {
    /// Links have a queue of their own, so that the loss of one waits behind no storm of routes.
    links: Subscription,
    others: Subscription,
    /// Routes to these, or to parts of them, matter.
    inside: Vec<IpNet>,
    dark: DarkLinks,
    settling: Option<Settling>,
}

/// A change that is told when nothing more happens.
#[derive(Clone, Copy)]
struct Settling {
    due: Instant,
    latest: Instant,
}

/// Subscribes to changes of links, addresses, next hops, and of those routes that lead outside, to one of the `inside`
/// prefixes, or to hosts of a link, or tell a delegated prefix. Subscribe first, then read. Needs a tokio runtime.
///
/// # Errors
/// A sentence, when netlink refuses.
pub fn watch(inside: &[IpNet]) -> Result<Changes, String> {
    let subscribe = |groups: &[MulticastGroup]| {
        let groups = groups.iter().map(|group| *group as u32);
        Subscription::new(NETLINK_ROUTE, groups).map_err(|error| format!("cannot watch the kernel's links: {error}"))
    };
    let (links, others) = (subscribe(&[Link])?, subscribe(&GROUPS)?);
    Ok(Changes { links, others, inside: inside.to_vec(), dark: DarkLinks::default(), settling: None })
}

impl Changes {
    /// Waits for news. A lost link is told at once: packets are lost until it is known, and nothing that may follow makes
    /// it better. Any change, that one too, is told when nothing more has happened for 10 ms, at the latest after 500 ms.
    ///
    /// # Errors
    /// A sentence, when the subscription ended: subscribe again.
    pub async fn next(&mut self) -> Result<News, String> {
        loop {
            // A storm must not keep the thread from its other work.
            tokio::task::coop::consume_budget().await;
            let matters = tokio::select! {
                biased;
                heard = self.links.receive() => {
                    heard?;
                    let lost = self.lost();
                    if !lost.is_empty() {
                        self.settle();
                        return Ok(News::Lost(lost));
                    }
                    true
                }
                () = settled(self.settling) => {
                    self.settling = None;
                    return Ok(News::Changed);
                }
                heard = self.others.receive() => heard? == Heard::Overrun || self.matters(),
            };
            if matters {
                self.settle();
            }
        }
    }

    /// Something changed: it is told a little later.
    fn settle(&mut self) {
        let latest = self.settling.map_or_else(|| sleep(SETTLE_AT_MOST).deadline(), |settling| settling.latest);
        self.settling = Some(Settling { due: sleep(SETTLE).deadline().min(latest), latest });
    }

    /// Whether any message of the last datagram matters; one that cannot be read does.
    fn matters(&self) -> bool {
        let is_route = |kind| [RTM_NEWROUTE, RTM_DELROUTE].contains(&kind);
        messages(&self.others.datagram)
            .any(|message| message.is_none_or(|(kind, bytes)| !is_route(kind) || is_news(bytes, &self.inside)))
    }

    /// The links that the last datagram says to be lost just now.
    fn lost(&mut self) -> Vec<u32> {
        let is_link = |(kind, _): &(u16, &[u8])| [RTM_NEWLINK, RTM_DELLINK].contains(kind);
        let links = messages(&self.links.datagram).flatten().filter(is_link);
        links
            .filter_map(|(_, bytes)| match NetlinkMessage::<RouteNetlinkMessage>::deserialize(bytes).ok()?.payload {
                NetlinkPayload::InnerMessage(message) => self.dark.lost(&message),
                _ => None,
            })
            .collect()
    }
}

async fn settled(settling: Option<Settling>) {
    match settling {
        Some(Settling { due, .. }) => sleep_until(due).await,
        None => pending().await,
    }
}

const SETTLE: Duration = Duration::from_millis(10);
const SETTLE_AT_MOST: Duration = Duration::from_millis(500);

/// linux/rtnetlink.h, linux/netlink.h.
const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const RTM_NEWROUTE: u16 = 24;
const RTM_DELROUTE: u16 = 25;

/// A next hop that is deleted takes its IPv4 routes with it and nothing is said of them: it is watched itself.
/// What a router advertises for a link is told by its IPv6 settings.
const GROUPS: [MulticastGroup; 6] = [Ipv4Ifaddr, Ipv6Ifaddr, Ipv6Ifinfo, Ipv4Route, Ipv6Route, Nexthop];

fn is_news(bytes: &[u8], inside: &[IpNet]) -> bool {
    use RouteNetlinkMessage::{DelRoute, NewRoute};
    let Ok(message) = NetlinkMessage::<RouteNetlinkMessage>::deserialize(bytes) else { return true };
    let NetlinkPayload::InnerMessage(NewRoute(route) | DelRoute(route)) = &message.payload else { return true };
    Route::read(route).is_none_or(|route| is_relevant(&route, inside))
}

fn is_relevant(route: &Route, inside: &[IpNet]) -> bool {
    let to = route.destination;
    let leads_inside = || inside.iter().any(|prefix| prefix.contains(&to) || to.contains(prefix));
    let is_ours = route.protocol == PROTOCOL;
    to.prefix_len() == 0
        || is_ours
        || delegated::tells(route)
        || connected::connects(route)
        || (route.table != TABLE_LOCAL && leads_inside())
}
