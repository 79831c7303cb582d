//! C-54, C-55: which too-big messages of others change what flowpin clamps, and that all of them are delivered.

use super::{CABLE4, CABLE6, FIBER4, FIBER6, Pair};
use crate::story::packets::{SYN, ip};
use crate::story::{self, Step, comes_in, goes_out};
use std::time::Duration;

impl Pair {
    /// A flow of 1400 bytes a packet: outbound on fiber; on cable, where IPv6 flows from inside do not go, from outside.
    fn flow(self) -> Vec<Step> {
        let out = |from, ttl| ip(from, self.server).ttl(ttl).udp((40000, 443), &vec![0; 1400 - self.udp_headers()]);
        let call = |to, ttl| ip(self.server, to).ttl(ttl).udp((443, 40000), b"who is there?");
        let called = comes_in(self.wan, &call(self.public, 64), &call(self.inside, 63));
        [called, goes_out(self.wan, &out(self.inside, 64), &out(self.public, 63))].concat()
    }

    fn udp_headers(self) -> usize {
        if self.is_v4() { 28 } else { 48 }
    }

    /// A router's word about a packet of that length from `from` with those ports: `mtu` bytes would pass.
    fn word(self, from: &str, to: &str, ttl: u8, about: (u16, usize), mtu: u32) -> Vec<u8> {
        let (port, length) = about;
        let quoted = ip(from, self.server).ttl(60).udp((40000, port), &vec![0; length - self.udp_headers()]);
        let quoted = &quoted[..self.udp_headers() + 20];
        let word = mtu.to_be_bytes();
        let error = |router, kind, code| ip(router, to).ttl(ttl).icmp(kind, code, word, quoted);
        if self.is_v4() { error("198.18.0.9", 3, 4) } else { error("2001:db8:99::1", 2, 0) }
    }

    /// It arrives and is delivered.
    fn told(self, about: (u16, usize), mtu: u32) -> [Step; 2] {
        let before = self.word(self.public, self.public, 64, about, mtu);
        comes_in(self.wan, &before, &self.word(self.inside, self.inside, 63, about, mtu))
    }

    /// Somebody connects from the server, and is told an MSS that may have been lowered.
    fn connection(self, port: u16, mss: u16) -> [Step; 2] {
        let syn = |to, ttl, mss: u16| {
            let option = [&[2, 4][..], &mss.to_be_bytes()].concat();
            ip(self.server, to).ttl(ttl).tcp((port, 80), SYN, &option, b"")
        };
        comes_in(self.wan, &syn(self.public, 64, 8960), &syn(self.inside, 63, mss))
    }

    /// The MSS that fits the WAN.
    fn usual(self) -> u16 {
        (if self.wan == story::At::Fiber { 1500 } else { 1400 }) - self.headers()
    }
}

const ABOUT: (u16, usize) = (443, 1400);

#[test]
fn c_54_messages_that_cannot_be_true_are_delivered_and_change_nothing() {
    let below = [(FIBER4, 0), (FIBER4, 67), (FIBER4, 575), (FIBER6, 0), (FIBER6, 1279), (FIBER6, 0x1_0514)];
    let above = [(FIBER4, 1400), (FIBER4, 1500), (FIBER4, 65_535), (FIBER6, 1400), (CABLE4, 1400), (CABLE6, 9000)];
    for (pair, mtu) in below.into_iter().chain(above) {
        let steps = [pair.flow(), pair.told(ABOUT, mtu).into(), pair.connection(5000, pair.usual()).into()];
        story::check(&format!("c-54-{mtu}"), steps.concat(), 2);
    }
}

/// Who is not on the path does not know a flow. Shows RFC 5508 REQ-4.
#[test]
fn c_54_messages_about_no_flow_of_this_wan_are_delivered_and_change_nothing() {
    for pair in [FIBER4, FIBER6, CABLE4, CABLE6] {
        let steps = [pair.flow(), pair.told((444, 1400), 1300).into(), pair.connection(5000, pair.usual()).into()];
        story::check("c-54-port", steps.concat(), 2);
    }
    // The flow of the same host and server is pinned to fiber; cable hears of it.
    let elsewhere = Pair { inside: FIBER4.inside, public: "198.51.100.2", ..CABLE4 };
    let steps = [
        FIBER4.flow(),
        elsewhere.told(ABOUT, 1300).into(),
        elsewhere.connection(5000, 1360).into(),
        FIBER4.connection(5001, 1460).into(),
    ];
    story::check("c-54-wan", steps.concat(), 3);
}

/// Shows RFC 5508 REQ-4.
#[test]
fn c_55_a_message_is_delivered_and_the_next_connection_there_announces_what_passes() {
    for pair in [FIBER4, FIBER6, CABLE4, CABLE6] {
        let steps = [
            pair.flow(),
            pair.connection(5000, pair.usual()).into(),
            pair.told(ABOUT, 1300).into(),
            pair.connection(5001, 1300 - pair.headers()).into(),
            vec![Step::Wait(Duration::from_secs(599))],
            pair.connection(5002, 1300 - pair.headers()).into(),
            vec![Step::Wait(Duration::from_secs(1))],
            pair.connection(5003, pair.usual()).into(),
        ];
        // The UDP flow ends after 300 s, the connections that nobody answers after 240.
        story::Story::new("c-55", steps.concat(), 5).with_expired(3).check();
    }
}

/// The least that every path carries is believed, to the byte.
#[test]
fn c_55_the_least_mtu_of_each_family_is_believed() {
    for (pair, least) in [(FIBER4, 576), (FIBER6, 1280), (CABLE4, 576), (CABLE6, 1280)] {
        let clamped = least - pair.headers();
        let steps = [pair.flow(), pair.told(ABOUT, least.into()).into(), pair.connection(5000, clamped).into()];
        story::check("c-55-least", steps.concat(), 2);
    }
}
