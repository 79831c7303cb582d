//! One conversation with rtnetlink: dumps and changes in the words of this room, errors as sentences.
//! Must never know: what the answers are for.

pub(crate) mod subscription;

use futures_util::{Stream, StreamExt as _};
use ipnet::IpNet;
use rtnetlink::packet_core::NetlinkPayload;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use rtnetlink::packet_route::link::{LinkAttribute, LinkMessage, Prop};
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteMessage, RouteMetric, RouteNextHop, RoutePreference, RouteType, RouteVia,
};
use rtnetlink::packet_route::rule::RuleMessage;
use rtnetlink::{Error, Handle, IpVersion};
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::pin::pin;
use tokio::task::JoinHandle;

/// `RT_TABLE_MAIN` and `RT_TABLE_LOCAL` (linux/rtnetlink.h).
pub(crate) const TABLE_MAIN: u32 = 254;
pub(crate) const TABLE_LOCAL: u32 = 255;

/// An open rtnetlink socket and the task that serves it; both end with this value. Needs a tokio runtime.
pub(crate) struct Netlink {
    pub handle: Handle,
    task: JoinHandle<()>,
}

impl Drop for Netlink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One address family of the kernel's routing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Family {
    V4,
    V6,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::V4 { "IPv4" } else { "IPv6" })
    }
}

impl Family {
    pub const BOTH: [Self; 2] = [Self::V4, Self::V6];

    pub fn of(prefix: &IpNet) -> Self {
        if matches!(prefix, IpNet::V4(_)) { Self::V4 } else { Self::V6 }
    }

    /// The prefix that holds every address.
    pub fn everything(self) -> IpNet {
        let unspecified: IpAddr = match self {
            Self::V4 => Ipv4Addr::UNSPECIFIED.into(),
            Self::V6 => Ipv6Addr::UNSPECIFIED.into(),
        };
        IpNet::new_assert(unspecified, 0)
    }

    pub fn of_header(self) -> AddressFamily {
        if self == Self::V4 { AddressFamily::Inet } else { AddressFamily::Inet6 }
    }

    fn version(self) -> IpVersion {
        if self == Self::V4 { IpVersion::V4 } else { IpVersion::V6 }
    }
}

/// A route of the kernel, single and multipath forms alike.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Route {
    pub table: u32,
    pub destination: IpNet,
    /// `None`: for packets of every source.
    pub source: Option<IpNet>,
    /// The own address that packets of this machine leave by it with (`RTA_PREFSRC`).
    pub preferred_source: Option<IpAddr>,
    pub kind: RouteType,
    /// `rtm_protocol`: who made it.
    pub protocol: u8,
    /// Lower wins.
    pub metric: u32,
    /// Bytes of the largest packet that may take it, where that is said (`RTAX_MTU`).
    pub mtu: Option<u32>,
    /// Of a router that advertises itself: 1 is high, 0 medium, -1 low (RFC 4191 §2.1). Higher wins among equal metrics.
    pub preference: i8,
    pub hops: Vec<Hop>,
}

/// One next hop of a route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Hop {
    /// Index of the outgoing link; 0 when the kernel names none.
    pub link: u32,
    /// `None`: the destination is on the link.
    pub gateway: Option<IpAddr>,
}

impl Netlink {
    /// Opens the socket of the calling thread's network namespace.
    pub fn connect() -> Result<Self, String> {
        let (mut connection, handle, _) =
            rtnetlink::new_connection().map_err(|e| format!("cannot open a netlink socket: {e}"))?;
        connection.set_forward_done(true);
        Ok(Self { handle, task: tokio::spawn(connection) })
    }

    /// Every link of this network namespace.
    pub async fn links(&self) -> Result<Vec<LinkMessage>, String> {
        let mut links = Vec::new();
        let done = dump(self.handle.link().get().execute(), |link| links.push(link)).await;
        done.map(|()| links).map_err(|sentence| format!("cannot read the kernel's links: {sentence}"))
    }

    /// Every address of every link.
    pub async fn addresses(&self) -> Result<Vec<AddressMessage>, String> {
        let mut addresses = Vec::new();
        let done = dump(self.handle.address().get().execute(), |address| addresses.push(address)).await;
        done.map(|()| addresses).map_err(|sentence| format!("cannot read the kernel's addresses: {sentence}"))
    }

    /// The routes of every table that are wanted: there may be a million others, which are never held together.
    pub async fn routes(&self, family: Family, wanted: impl Fn(&Route) -> bool) -> Result<Vec<Route>, String> {
        let mut request = RouteMessage::default();
        request.header.address_family = family.of_header();
        let mut routes = Vec::new();
        let take = |message| routes.extend(Route::read(&message).filter(&wanted));
        let done = dump(self.handle.route().get(request).execute(), take).await;
        done.map(|()| routes).map_err(|sentence| format!("cannot read the kernel's routes: {sentence}"))
    }

    /// Every policy rule, in the kernel's order.
    pub async fn rules(&self, family: Family) -> Result<Vec<RuleMessage>, String> {
        let mut rules = Vec::new();
        let done = dump(self.handle.rule().get(family.version()).execute(), |rule| rules.push(rule)).await;
        done.map(|()| rules).map_err(|sentence| format!("cannot read the kernel's policy rules: {sentence}"))
    }
}

/// Takes every message of a dump, to the kernel's word that there are no more (`NLMSG_DONE`). A dump that ends without
/// that word, or whose last word is an error, is no list of what is there: a link that it lacks may be up.
async fn dump<T>(messages: impl Stream<Item = Result<T, Error>>, mut take: impl FnMut(T)) -> Result<(), String> {
    let mut messages = pin!(messages);
    loop {
        match messages.next().await {
            Some(Ok(message)) => take(message),
            Some(Err(Error::UnexpectedMessage(message))) => {
                let NetlinkPayload::Done(done) = &message.payload else {
                    return Err(sentence(&Error::UnexpectedMessage(message)));
                };
                let code = done.code;
                let refused = || io::Error::from_raw_os_error(code.saturating_neg()).to_string();
                return if code < 0 { Err(refused()) } else { Ok(()) };
            }
            Some(Err(error)) => return Err(sentence(&error)),
            None => return Err("the answer broke off".to_owned()),
        }
    }
}

/// The name of a link, if the message carries one.
pub(crate) fn link_name(link: &LinkMessage) -> Option<&str> {
    link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some(name.as_str()),
        _ => None,
    })
}

/// The other names of a link (`ip link property add altname`). No two links share a name of any sort.
pub(crate) fn other_names(link: &LinkMessage) -> impl Iterator<Item = &str> {
    let properties = link.attributes.iter().filter_map(|attribute| match attribute {
        LinkAttribute::PropList(properties) => Some(properties),
        _ => None,
    });
    properties.flatten().filter_map(|property| match property {
        Prop::AltIfName(name) => Some(name.as_str()),
        _ => None,
    })
}

/// The link that has this name, be it one of its other names.
pub(crate) fn link_named<'a>(links: &'a [LinkMessage], name: &str) -> Option<&'a LinkMessage> {
    links.iter().find(|link| link_name(link).into_iter().chain(other_names(link)).any(|it| it == name))
}

/// The own address in a message, with its prefix length; `None` for one that failed duplicate detection. `IFA_LOCAL` is the
/// own one; `IFA_ADDRESS` is the peer's on a point-to-point link, and the only one for IPv6 (linux/if_addr.h).
pub(crate) fn own_address(message: &AddressMessage) -> Option<IpNet> {
    let (mut local, mut address) = (None, None);
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(ip) => local = Some(*ip),
            AddressAttribute::Address(ip) => address = Some(*ip),
            AddressAttribute::Flags(flags) if flags.contains(AddressFlags::Dadfailed) => return None,
            _ => {}
        }
    }
    IpNet::new(local.or(address)?, message.header.prefix_len).ok()
}

/// The system's words for a refused request.
pub(crate) fn sentence(error: &Error) -> String {
    match error {
        Error::NetlinkError(message) => message.to_io().to_string(),
        other => other.to_string(),
    }
}

/// The kind of error behind a refused request.
pub(crate) fn kind(error: &Error) -> Option<io::ErrorKind> {
    match error {
        Error::NetlinkError(message) => Some(message.to_io().kind()),
        _ => None,
    }
}

impl Route {
    /// `None` for a route of another family, such as MPLS.
    pub fn read(message: &RouteMessage) -> Option<Self> {
        let header = &message.header;
        let family = match header.address_family {
            AddressFamily::Inet => Family::V4,
            AddressFamily::Inet6 => Family::V6,
            _ => return None,
        };
        let destination = message.attributes.iter().find_map(|attribute| match attribute {
            RouteAttribute::Destination(address) => Some(route_address(address)),
            _ => None,
        });
        let destination = destination.unwrap_or(Some(family.everything().addr()))?;
        let mut route = Self {
            table: u32::from(header.table),
            destination: IpNet::new(destination, header.destination_prefix_length).ok()?,
            source: None,
            preferred_source: None,
            kind: header.kind,
            protocol: header.protocol.into(),
            metric: 0,
            mtu: None,
            preference: 0,
            hops: Vec::new(),
        };
        for attribute in &message.attributes {
            match attribute {
                RouteAttribute::Table(table) => route.table = *table,
                RouteAttribute::Priority(metric) => route.metric = *metric,
                RouteAttribute::Source(address) => {
                    let address = route_address(address)?;
                    route.source = IpNet::new(address, header.source_prefix_length).ok();
                }
                RouteAttribute::Metrics(metrics) => route.mtu = metrics.iter().find_map(mtu),
                RouteAttribute::PrefSource(address) => route.preferred_source = route_address(address),
                RouteAttribute::Preference(RoutePreference::High) => route.preference = 1,
                RouteAttribute::Preference(RoutePreference::Low) => route.preference = -1,
                RouteAttribute::MultiPath(hops) => route.hops = hops.iter().map(Hop::read).collect(),
                _ => {}
            }
        }
        if route.hops.is_empty() {
            let link = message.attributes.iter().find_map(|attribute| match attribute {
                RouteAttribute::Oif(index) => Some(*index),
                _ => None,
            });
            route.hops.push(Hop { link: link.unwrap_or(0), gateway: gateway(&message.attributes) });
        }
        Some(route)
    }

    /// Whether it leads everywhere that no other route leads to.
    pub fn is_default(&self) -> bool {
        self.destination.prefix_len() == 0 && self.kind == RouteType::Unicast
    }
}

impl Hop {
    fn read(hop: &RouteNextHop) -> Self {
        Self { link: hop.interface_index, gateway: gateway(&hop.attributes) }
    }
}

fn mtu(metric: &RouteMetric) -> Option<u32> {
    if let RouteMetric::Mtu(bytes) = metric { Some(*bytes).filter(|bytes| *bytes > 0) } else { None }
}

fn gateway(attributes: &[RouteAttribute]) -> Option<IpAddr> {
    attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Gateway(address) => route_address(address),
        RouteAttribute::Via(RouteVia::Inet(address)) => Some((*address).into()),
        RouteAttribute::Via(RouteVia::Inet6(address)) => Some((*address).into()),
        _ => None,
    })
}

fn route_address(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(address) => Some((*address).into()),
        RouteAddress::Inet6(address) => Some((*address).into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use rtnetlink::packet_core::{DoneMessage, NetlinkHeader, NetlinkMessage};

    /// The messages of a dump, then its end with this code.
    fn ended(messages: &[u8], code: i32) -> Vec<Result<u8, Error>> {
        let mut done = DoneMessage::default();
        done.code = code;
        let end = NetlinkMessage::new(NetlinkHeader::default(), NetlinkPayload::Done(done));
        let end = Err(Error::UnexpectedMessage(end));
        messages.iter().map(|message| Ok(*message)).chain([end]).collect()
    }

    async fn read(messages: Vec<Result<u8, Error>>) -> (Vec<u8>, Result<(), String>) {
        let mut taken = Vec::new();
        let done = dump(stream::iter(messages), |message| taken.push(message)).await;
        (taken, done)
    }

    #[tokio::test]
    async fn a_dump_is_whole_only_if_the_kernel_says_so() {
        assert_eq!(read(ended(&[1, 2], 0)).await, (vec![1, 2], Ok(())));
        assert_eq!(read(ended(&[], 0)).await, (vec![], Ok(())));
        assert_eq!(read(vec![Ok(1)]).await, (vec![1], Err("the answer broke off".to_owned())));
        assert_eq!(read(vec![]).await.1, Err("the answer broke off".to_owned()));
        let refused = read(ended(&[1], -libc::ENOBUFS)).await.1.unwrap_err();
        assert!(refused.starts_with("No buffer space available"), "{refused}");
        assert_eq!(read(vec![Ok(1), Err(Error::RequestFailed), Ok(2)]).await.0, [1]);
    }
}
