//! Rings when links, addresses or routes that matter here have changed. A routing daemon's ten thousand routes are heard
//! and ring nothing: each ring makes the control thread read whole tables.
//! Must never know: what is read then.

use super::dead::Dead;
use super::delegated;
use crate::control::kernel::PROTOCOL;
use crate::control::netlink::{Route, TABLE_LOCAL};
use ipnet::IpNet;
use rtnetlink::MulticastGroup::{self, Ipv4Ifaddr, Ipv4Route, Ipv6Ifaddr, Ipv6Route, Link, Nexthop};
use rtnetlink::packet_core::{NetlinkBuffer, NetlinkMessage, NetlinkPayload};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::sys::{AsyncSocket as _, SocketAddr, TokioSocket, protocols::NETLINK_ROUTE};
use std::future::poll_fn;
use std::io;
use std::time::Duration;

/// A subscription. Holds no facts: read again after each ring.
pub struct Changes {
    socket: TokioSocket,
    /// Routes to these, or to parts of them, matter.
    inside: Vec<IpNet>,
    dead: Dead,
    datagram: Vec<u8>,
}

/// Subscribes to changes of links, addresses, next hops, and of those routes that lead outside, to one of the `inside`
/// prefixes, or tell a delegated prefix. Subscribe first, then read. Needs a tokio runtime.
///
/// # Errors
/// A sentence, when netlink refuses.
pub fn watch(inside: &[IpNet]) -> Result<Changes, String> {
    let socket = subscribe().map_err(|error| format!("cannot watch the kernel's links: {error}"))?;
    let (inside, dead) = (inside.to_vec(), Dead::default());
    Ok(Changes { socket, inside, dead, datagram: Vec::with_capacity(DATAGRAM_BYTES) })
}

impl Changes {
    /// Waits for a change, then until nothing more happens for 10 ms, at most 500 ms. That a link is lost is told at once:
    /// packets are lost until it is known, and nothing that may follow makes it better.
    ///
    /// # Errors
    /// A sentence, when the subscription ended: subscribe again.
    pub async fn changed(&mut self) -> Result<(), String> {
        if self.hear().await? == News::Loss {
            return Ok(());
        }
        let quiet = async { while let Ok(Ok(News::Change)) = tokio::time::timeout(SETTLE, self.hear()).await {} };
        // An event storm must not keep the news from being read.
        let _ = tokio::time::timeout(SETTLE_AT_MOST, quiet).await;
        Ok(())
    }

    /// Waits for a message that matters.
    async fn hear(&mut self) -> Result<News, String> {
        loop {
            // A storm must not keep the thread from its other work.
            tokio::task::coop::consume_budget().await;
            self.datagram.clear();
            match poll_fn(|context| self.socket.poll_recv(context, &mut self.datagram)).await {
                Ok(()) if self.is_loss() => return Ok(News::Loss),
                Ok(()) if self.matters() => return Ok(News::Change),
                Ok(()) => {}
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => return Ok(News::Change),
                Err(error) => return Err(format!("the kernel's link events ended: {error}")),
            }
        }
    }

    /// Whether any message of the datagram matters; one that cannot be read does.
    fn matters(&self) -> bool {
        let is_route = |kind| [RTM_NEWROUTE, RTM_DELROUTE].contains(&kind);
        messages(&self.datagram)
            .any(|message| message.is_none_or(|(kind, bytes)| !is_route(kind) || is_news(bytes, &self.inside)))
    }

    /// Whether any message tells of a link that has just been lost.
    fn is_loss(&mut self) -> bool {
        let is_link = |(kind, _): &(u16, &[u8])| [RTM_NEWLINK, RTM_DELLINK].contains(kind);
        let mut is_loss = false;
        for (_, bytes) in messages(&self.datagram).flatten().filter(is_link) {
            let Ok(message) = NetlinkMessage::<RouteNetlinkMessage>::deserialize(bytes) else { continue };
            if let NetlinkPayload::InnerMessage(message) = &message.payload {
                is_loss |= self.dead.is_news(message);
            }
        }
        is_loss
    }
}

/// What a datagram brings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum News {
    Change,
    /// A link has no carrier any more, or is gone.
    Loss,
}

/// The messages of a datagram with their types; `None`, at the end, for one that cannot be read.
fn messages(datagram: &[u8]) -> impl Iterator<Item = Option<(u16, &[u8])>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let whole = rest;
        rest = &[];
        let Ok(message) = NetlinkBuffer::new_checked(whole) else { return Some(None) };
        let length = message.length() as usize;
        let Some(bytes) = whole.get(..length) else { return Some(None) };
        rest = whole.get(length.next_multiple_of(NLMSG_ALIGNTO)..).unwrap_or_default();
        Some(Some((message.message_type(), bytes)))
    })
}

const SETTLE: Duration = Duration::from_millis(10);
const SETTLE_AT_MOST: Duration = Duration::from_millis(500);

/// More than the kernel puts into one notification; what is longer all the same is cut off, and then matters.
const DATAGRAM_BYTES: usize = 1 << 16;

/// What waits to be heard. More is an overrun, which rings.
const QUEUE_BYTES: u32 = 4 << 20;

/// linux/rtnetlink.h, linux/netlink.h.
const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const RTM_NEWROUTE: u16 = 24;
const RTM_DELROUTE: u16 = 25;
const NLMSG_ALIGNTO: usize = 4;

/// A next hop that is deleted takes its IPv4 routes with it and nothing is said of them: it is watched itself.
const GROUPS: [MulticastGroup; 6] = [Link, Ipv4Ifaddr, Ipv6Ifaddr, Ipv4Route, Ipv6Route, Nexthop];

fn subscribe() -> io::Result<TokioSocket> {
    let mut asynchronous = TokioSocket::new(NETLINK_ROUTE)?;
    let socket = asynchronous.socket_mut();
    // Without the right to more it is what the machine allows.
    let _ = socket.set_rx_buf_sz(QUEUE_BYTES);
    socket.bind(&SocketAddr::new(0, 0))?;
    for group in GROUPS {
        socket.add_membership(group as u32)?;
    }
    Ok(asynchronous)
}

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
    to.prefix_len() == 0 || is_ours || delegated::tells(route) || (route.table != TABLE_LOCAL && leads_inside())
}
