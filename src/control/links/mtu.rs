//! What the kernel says beside the link's own MTU of how large packets on it may be.
//! Must never know: what is done about it.

use crate::control::netlink::{Family, Route, TABLE_MAIN};
use crate::types::{MtuTeller, ToldMtu};
use rtnetlink::packet_route::link::{AfSpecInet6, AfSpecUnspec, LinkAttribute, LinkMessage};

/// By `Family`, the least of what is told; `None` where nothing is narrower than the link, which carries `mtu` bytes.
pub(super) fn told(link: &LinkMessage, mtu: u32, routes: &[Route]) -> [Option<ToldMtu>; 2] {
    let least = |bytes: Option<u32>, by| {
        let bytes = bytes.filter(|bytes| *bytes < mtu)?;
        Some(ToldMtu { bytes: u16::try_from(bytes).unwrap_or(u16::MAX), by })
    };
    let by_route = |family| least(of_default(link.header.index, family, routes), MtuTeller::Route);
    // The kernel writes what an advertisement says into the route too: the first of equals is named.
    let six = [least(advertised(link), MtuTeller::Advertisement), by_route(Family::V6)];
    [by_route(Family::V4), six.into_iter().flatten().min_by_key(|told| told.bytes)]
}

/// `net.ipv6.conf.LINK.mtu`: the link's own, or less where a router has said so.
fn advertised(link: &LinkMessage) -> Option<u32> {
    let families = link.attributes.iter().filter_map(|attribute| match attribute {
        LinkAttribute::AfSpecUnspec(families) => Some(families),
        _ => None,
    });
    let six = families.flatten().filter_map(|family| match family {
        AfSpecUnspec::Inet6(six) => Some(six),
        _ => None,
    });
    let settings = six.flatten().find_map(|attribute| match attribute {
        AfSpecInet6::DevConf(settings) => Some(settings.mtu6),
        _ => None,
    });
    settings.and_then(|mtu| u32::try_from(mtu).ok()).filter(|mtu| *mtu > 0)
}

/// The metric of the best default route over a link.
fn of_default(link: u32, family: Family, routes: &[Route]) -> Option<u32> {
    let over = routes.iter().filter(|route| route.is_default() && Family::of(&route.destination) == family);
    let over = over.filter(|route| route.hops.iter().any(|hop| hop.link == link));
    over.min_by_key(|route| (route.table != TABLE_MAIN, route.table, route.metric))?.mtu
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::netlink::Hop;
    use rtnetlink::packet_route::link::Inet6DevConf;
    use rtnetlink::packet_route::route::RouteType;

    /// A link of 1500 bytes with this IPv6 setting.
    fn link(mtu6: i32) -> LinkMessage {
        let mut message = LinkMessage::default();
        message.header.index = 3;
        let mut settings = Inet6DevConf::default();
        settings.mtu6 = mtu6;
        let six = AfSpecUnspec::Inet6(vec![AfSpecInet6::DevConf(settings)]);
        message.attributes.push(LinkAttribute::AfSpecUnspec(vec![six]));
        message
    }

    fn default_route(destination: &str, metric: u32, mtu: Option<u32>) -> Route {
        Route {
            table: TABLE_MAIN,
            destination: destination.parse().unwrap(),
            source: None,
            preferred_source: None,
            kind: RouteType::Unicast,
            protocol: 4,
            metric,
            preference: 0,
            mtu,
            hops: vec![Hop { link: 3, gateway: None }],
        }
    }

    #[test]
    fn the_least_of_what_is_told_counts_in_its_family_and_what_is_no_less_than_the_link_does_not() {
        let say = |bytes, by| Some(ToldMtu { bytes, by });
        let routes = |v4, v6| [default_route("0.0.0.0/0", 0, v4), default_route("::/0", 1024, v6)];
        assert_eq!(told(&link(1500), 1500, &routes(None, Some(1500))), [None, None]);
        assert_eq!(told(&link(1480), 1500, &routes(None, Some(1480))), [None, say(1480, MtuTeller::Advertisement)]);
        let narrower = told(&link(1480), 1500, &routes(Some(1400), Some(1300)));
        assert_eq!(narrower, [say(1400, MtuTeller::Route), say(1300, MtuTeller::Route)]);
        let worse = [default_route("0.0.0.0/0", 5, Some(1300)), default_route("0.0.0.0/0", 1, None)];
        assert_eq!(told(&link(0), 1500, &worse), [None, None], "only the best route counts");
    }
}
