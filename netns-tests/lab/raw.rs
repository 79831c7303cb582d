//! Frames of a test's own making, sent on one link. Must never know: any single claim.

use flowpin::lab::Namespace;
use pnet::datalink::{self, Channel, Config, DataLinkReceiver, DataLinkSender};

/// The sending end of a packet socket on one link.
pub struct Raw {
    sender: Box<dyn DataLinkSender>,
    /// Open as long as the sender: the two share a socket.
    _receiver: Box<dyn DataLinkReceiver>,
}

impl Raw {
    /// Opens a link of a namespace.
    pub fn open(namespace: &Namespace, link: &str) -> Self {
        let opened = namespace.run(|| {
            let found = datalink::interfaces().into_iter().find(|interface| interface.name == link);
            datalink::channel(&found.expect("the link is there"), Config::default())
        });
        match opened.expect("the namespace can be entered") {
            Ok(Channel::Ethernet(sender, _receiver)) => Self { sender, _receiver },
            Ok(_) => unreachable!("the default channel is Ethernet"),
            Err(error) => panic!("{link}: {error}"),
        }
    }

    /// Sends one frame, the link header first.
    pub fn send(&mut self, frame: &[u8]) {
        self.sender.send_to(frame, None).expect("the link takes the frame").expect("the link is up");
    }
}

/// The first 14 bytes of a frame.
pub fn ethernet(to: [u8; 6], from: [u8; 6], ethertype: u16) -> Vec<u8> {
    [&to[..], &from, &ethertype.to_be_bytes()].concat()
}
