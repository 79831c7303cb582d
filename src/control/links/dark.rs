//! Which links are known to carry nothing, so that the loss of one can be told from what is said of it again and again.
//! Must never know: who wants to know, how messages come.

use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::LinkFlags;
use std::collections::BTreeSet;

/// The indices of the links that are known to have no carrier. Where a message was missed, the worst is a loss that is
/// taken for old.
#[derive(Debug, Default)]
pub(super) struct DarkLinks(BTreeSet<u32>);

impl DarkLinks {
    /// The index of the link that a message says to have no carrier or to be gone, if none said so before.
    pub fn lost(&mut self, message: &RouteNetlinkMessage) -> Option<u32> {
        match message {
            RouteNetlinkMessage::NewLink(link) if link.header.flags.contains(LinkFlags::LowerUp) => {
                self.0.remove(&link.header.index);
                None
            }
            RouteNetlinkMessage::NewLink(link) => self.0.insert(link.header.index).then_some(link.header.index),
            RouteNetlinkMessage::DelLink(link) => (!self.0.remove(&link.header.index)).then_some(link.header.index),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtnetlink::packet_route::link::LinkMessage;
    use rtnetlink::packet_route::route::RouteMessage;

    fn link(index: u32, flags: LinkFlags) -> LinkMessage {
        let mut link = LinkMessage::default();
        (link.header.index, link.header.flags) = (index, flags);
        link
    }

    #[test]
    fn a_link_that_loses_its_carrier_or_goes_is_a_loss_once() {
        use RouteNetlinkMessage::{DelLink, NewLink, NewRoute};
        let (dark, bright) = (LinkFlags::Up, LinkFlags::Up | LinkFlags::LowerUp);
        let rows = [
            (NewLink(link(3, bright)), None),
            (NewLink(link(3, dark)), Some(3)),
            (NewLink(link(3, dark)), None),
            (NewRoute(RouteMessage::default()), None),
            (NewLink(link(4, dark)), Some(4)),
            (NewLink(link(3, bright)), None),
            (NewLink(link(3, dark)), Some(3)),
            (DelLink(link(3, dark)), None),
            (DelLink(link(5, bright)), Some(5)),
        ];
        let mut dark_links = DarkLinks::default();
        for (message, expected) in rows {
            assert_eq!(dark_links.lost(&message), expected, "{message:?}");
        }
        assert_eq!(dark_links.0, BTreeSet::from([4]));
    }
}
