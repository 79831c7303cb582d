//! How long it takes until a line that is dead behind its carrier is known to be: the whole way from the probe to the
//! snapshot, in simulated time, for a fault at every millisecond between two questions.

use super::*;
use crate::config::settings::{Health, HealthProbe, Mtu, ProbeKind, ProbeTarget};
use crate::plane::outbox::Outbox;
use crate::plane::packet::numbers::protocol;
use crate::plane::packet::sample::{fix_transport, packet};
use crate::plane::{Plane, Shared};
use crate::types::{End, Frame, HEADROOM, Offload};

/// A router with one WAN, and what it sends.
struct World {
    controller: Controller,
    plane: Plane,
    outbox: Outbox,
    now: Tick,
}

impl World {
    fn new(health: Health) -> Self {
        let mut settings = settings();
        settings.wans.set(CABLE, None);
        (settings.wans[0].mtu, settings.wans[0].nptv6, settings.wans[0].health) = (Mtu::Auto, None, health);
        let link = LinkState { addresses: vec!["192.0.2.2/24".parse().unwrap()], mtu: 1500, ..good(1) };
        let controller = start_with(settings, vec![link]);
        let plane = Plane::new(Arc::clone(controller.policy()), Arc::new(Shared::new(10, 0)), true);
        Self { controller, plane, outbox: Outbox::new(), now: at(0) }
    }

    /// The answers to what the plane wants to send now.
    fn answers(&mut self) -> Vec<Vec<u8>> {
        let mut answers = Vec::new();
        self.outbox.drain(|batch| {
            let asked = batch.iter().filter(|frame| frame.goes_to(End::Wan(FIBER)));
            answers.extend(asked.filter_map(|frame| answer(frame.link(), frame.packet())));
        });
        answers
    }

    fn hear(&mut self, bytes: &[u8]) {
        let mut buffer = [&[0; HEADROOM - 14], bytes].concat();
        let end = buffer.len();
        let mut frame = Frame::new(&mut buffer, HEADROOM - 14, HEADROOM, end, Offload::NONE).unwrap();
        self.plane.process(self.now, End::Wan(FIBER), &mut frame, &mut self.outbox);
    }

    /// Goes on until the line is known to be down. Nothing is answered from `fault` on. When that is, in milliseconds.
    fn run(&mut self, fault: u64) -> u64 {
        while !self.controller.policy().wans().all(|(_, wan)| wan.standing[0] == Standing::SoftDown) {
            let next = self.plane.tick(self.now, &mut self.outbox);
            for answer in self.answers().iter().filter(|_| self.now < at(fault)).collect::<Vec<_>>() {
                self.hear(answer);
            }
            let probed: Vec<_> = self.plane.shared().health.outcomes().collect();
            let effects = self.controller.handle(Event::Probed(probed), self.now);
            if let Some(policy) = effects.policy {
                self.plane.adopt(policy);
            } else {
                self.now = effects.wake.map_or(next, |wake| wake.min(next));
            }
            assert!(self.now < at(fault + 60_000), "never");
        }
        self.now.millis()
    }
}

/// The gateway's answer to an ARP request, or its and the hosts' behind it to an echo request.
fn answer(link: &[u8], body: &[u8]) -> Option<Vec<u8>> {
    const GATEWAY: [u8; 6] = [2, 0, 0, 0, 1, 1];
    let link = |ethertype: &[u8]| [&link[6..12], &GATEWAY, ethertype].concat();
    if body[..8] == [0, 1, 8, 0, 6, 4, 0, 1] {
        let answer = [&body[..7], &[2], &GATEWAY, &body[24..28], &body[8..18]].concat();
        return Some([link(&[8, 6]), answer].concat());
    }
    let ends = |at: usize| std::net::Ipv4Addr::from_octets(body[at..at + 4].try_into().unwrap()).to_string();
    let is_echo = body[0] == 0x45 && body[9] == protocol::ICMP && body[20] == 8;
    is_echo.then(|| {
        let mut answer = packet(&ends(16), &ends(12), protocol::ICMP, &[&[0, 0, 0, 0], &body[24..]].concat());
        fix_transport(&mut answer);
        [link(&[8, 0]), answer].concat()
    })
}

/// The least, the median and the longest of the milliseconds from a fault to its notice, for every phase of the fault.
fn times(health: &Health) -> [u64; 3] {
    let interval = u64::from(health.interval);
    let quiet = 5 * interval;
    let time = |phase| World::new(health.clone()).run(quiet + phase) - quiet - phase;
    let mut times: Vec<_> = (1..=interval).map(time).collect();
    times.sort_unstable();
    [times[0], times[times.len() / 2], times[times.len() - 1]]
}

fn ping(interval: u32, timeout: u32) -> Health {
    let target = ProbeTarget::Host(std::net::IpAddr::from([203, 0, 113, 10]));
    Health { probes: vec![HealthProbe { target, kind: ProbeKind::Icmp, source: None }], interval, timeout }
}

#[test]
fn a_dead_line_is_known_within_three_seconds_in_the_median_by_default() {
    let expected = [2400, 2900, 3399];
    assert_eq!(times(&Health::default()), expected, "its gateway is silent");
    assert_eq!(times(&ping(1000, 800)), expected, "a black hole behind it");
}

#[test]
fn a_black_hole_is_known_within_350_ms_where_questions_are_100_ms_apart() {
    assert_eq!(times(&ping(100, 80)), [240, 290, 339]);
}
