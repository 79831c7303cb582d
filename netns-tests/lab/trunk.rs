//! The tagging peer of a tagged fiber: carries frames between the ISP's `access` and `trunk` links, pushing a tag one way
//! and taking it off the other. This kernel need not know 802.1Q. Must never know: any single claim.

use super::run;
use flowpin::lab::Namespace;
use pnet::datalink::{self, Channel, Config, DataLinkReceiver, DataLinkSender};
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Carries frames until it is dropped.
pub struct Trunk {
    stop: Arc<AtomicBool>,
}

impl Trunk {
    /// Tags what ISP a sends; `None` sends it untagged.
    pub fn start(ispa: &Namespace, tag: Option<u16>) -> Self {
        offloads(ispa, "customer", false);
        let stop = Arc::new(AtomicBool::new(false));
        let ((access_out, access_in), (trunk_out, trunk_in)) =
            ispa.run(|| (open("access"), open("trunk"))).expect("the namespace can be entered");
        let push = move |frame: &[u8]| match tag {
            Some(tag) => [&frame[..12], &[0x81, 0x00], &tag.to_be_bytes(), &frame[12..]].concat(),
            None => frame.to_vec(),
        };
        carry(access_in, trunk_out, push, Arc::clone(&stop));
        // The kernel has taken the tag out of the bytes before a packet socket sees them.
        carry(trunk_in, access_out, <[u8]>::to_vec, Arc::clone(&stop));
        Self { stop }
    }
}

impl Drop for Trunk {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Switches every offload of a link on or off.
pub fn offloads(namespace: &Namespace, link: &str, on: bool) {
    let state = if on { "on" } else { "off" };
    let offloads = ["tx", "sg", "tso", "gso", "gro"].map(|offload| [offload, state]);
    run(namespace, "ethtool", &[&["-K", link], offloads.as_flattened()].concat());
}

fn open(link: &str) -> (Box<dyn DataLinkSender>, Box<dyn DataLinkReceiver>) {
    let interface =
        datalink::interfaces().into_iter().find(|interface| interface.name == link).expect("the link is there");
    let config = Config {
        read_buffer_size: 65_536,
        write_buffer_size: 65_536,
        read_timeout: Some(Duration::from_millis(100)),
        ..Config::default()
    };
    match datalink::channel(&interface, config) {
        Ok(Channel::Ethernet(sender, receiver)) => (sender, receiver),
        Ok(_) => unreachable!("the default channel is Ethernet"),
        Err(error) => panic!("{link}: {error}"),
    }
}

fn carry(
    mut from: Box<dyn DataLinkReceiver>,
    mut to: Box<dyn DataLinkSender>,
    change: impl Fn(&[u8]) -> Vec<u8> + Send + 'static,
    stop: Arc<AtomicBool>,
) {
    std::thread::spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            match from.next() {
                Ok(frame) => drop(to.send_to(&change(frame), None)),
                Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock) => {}
                Err(_link_is_gone) => return,
            }
        }
    });
}
