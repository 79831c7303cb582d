//! Which links are known to be dead, so that the loss of one can be told from what is said of it again and again.
//! Must never know: who wants to know, how messages come.

use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::LinkFlags;
use std::collections::BTreeSet;

/// The indices of the links that are known to have no carrier. Where a message was missed, the worst is a loss that is
/// taken for old.
#[derive(Debug, Default)]
pub(super) struct Dead(BTreeSet<u32>);

impl Dead {
    /// Whether a message says that a link has no carrier or is gone, and none said so before.
    pub fn is_news(&mut self, message: &RouteNetlinkMessage) -> bool {
        match message {
            RouteNetlinkMessage::NewLink(link) if link.header.flags.contains(LinkFlags::LowerUp) => {
                self.0.remove(&link.header.index);
                false
            }
            RouteNetlinkMessage::NewLink(link) => self.0.insert(link.header.index),
            RouteNetlinkMessage::DelLink(link) => !self.0.remove(&link.header.index),
            _ => false,
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
            (NewLink(link(3, bright)), false),
            (NewLink(link(3, dark)), true),
            (NewLink(link(3, dark)), false),
            (NewRoute(RouteMessage::default()), false),
            (NewLink(link(4, dark)), true),
            (NewLink(link(3, bright)), false),
            (NewLink(link(3, dark)), true),
            (DelLink(link(3, dark)), false),
            (DelLink(link(5, bright)), true),
        ];
        let mut dead = Dead::default();
        for (message, expected) in rows {
            assert_eq!(dead.is_news(&message), expected, "{message:?}");
        }
        assert_eq!(dead.0, BTreeSet::from([4]));
    }
}
