//! A world of two WANs, in steps of a millisecond, and a judge that gets what its probes find. The claims are beside.

mod hand;
mod laws;
mod loss;
mod times;
mod traffic;

use super::super::{Change, Evidence, FlowEvidence, LinkHealth, Probe, Reason, Rules, State, Verb};
use super::*;
use crate::types::{Failure, Outcome};

const A: WanId = WanId(0);
const B: WanId = WanId(1);
const V4: Family = Family::V4;

/// A thing that is sent: the WAN, the probe's place, the millisecond.
type Sent = (WanId, u16, u64);

/// Two WANs with the same rules, and who answers on them, in so many milliseconds.
struct World {
    judge: Judge,
    rules: Rules,
    ms: u64,
    answers: Box<dyn FnMut(Sent) -> Option<u64>>,
    /// Whether a cycle that failed as a whole is asked again at once.
    is_prompt: bool,
    /// When each WAN's next cycle is sent.
    next: [u64; 2],
    under_way: Vec<(u64, Probed)>,
    due: Option<Tick>,
    /// Every change, as `1234 a4 up -> down`.
    log: Vec<String>,
    changes: Vec<Change>,
}

/// Rules with so many probes for IPv4, none for IPv6.
fn probed(count: u16) -> Rules {
    let probe = |place| Probe::new(V4, &format!("icmp 203.0.113.{place}"));
    Rules { probes: (0..count).map(probe).collect(), ..Rules::default() }
}

/// The same, asked every 100 ms, with 80 ms to answer.
fn quick(count: u16) -> Rules {
    Rules { interval_ms: 100, timeout_ms: 80, ..probed(count) }
}

impl World {
    fn new(rules: Rules, answers: impl FnMut(Sent) -> Option<u64> + 'static) -> Self {
        let judge = Judge::new([rules.clone(), rules.clone()].into_iter().collect(), Tick(0));
        let (due, answers) = (Some(Tick(0)), Box::new(answers));
        let (under_way, log, changes) = (Vec::new(), Vec::new(), Vec::new());
        Self { judge, rules, ms: 0, answers, is_prompt: false, next: [0; 2], under_way, due, log, changes }
    }

    fn now(&self) -> Tick {
        Tick::from_millis(self.ms)
    }

    /// Lets the world go on until this millisecond, from one event to the next.
    fn run(&mut self, until: u64) {
        while self.ms < until {
            self.deliver();
            for wan in [A, B] {
                self.ask(wan);
            }
            if self.due.is_some_and(|due| due <= self.now()) {
                self.due = self.judge.tick(self.now());
                assert!(self.due.is_none_or(|due| due > self.now()), "a tick that comes at once comes for ever");
            }
            self.note();
            let answers = self.under_way.iter().map(|(ms, _)| *ms);
            let due = self.due.map(|due| due.0.div_ceil(1_000_000));
            let next = answers.chain(self.next).chain(due).min().unwrap_or(until);
            self.ms = next.clamp(self.ms + 1, until);
        }
    }

    fn ask(&mut self, wan: WanId) {
        if self.next[wan.index()] > self.ms {
            return;
        }
        self.next[wan.index()] = self.ms + self.rules.interval_ms;
        for place in 0..u16::try_from(self.rules.probes.len()).unwrap() {
            let trip = (self.answers)((wan, place, self.ms)).filter(|trip| *trip < self.rules.timeout_ms);
            let passed = trip.map(|ms| Outcome::Passed { round_trip: ms * 1_000_000 });
            let outcome = passed.unwrap_or(Outcome::Failed(Failure::Silent));
            let ms = self.ms + trip.unwrap_or(self.rules.timeout_ms);
            self.under_way.push((ms, Probed { wan, probe: place, epoch: 1, at: Tick::from_millis(ms), outcome }));
        }
    }

    fn deliver(&mut self) {
        for (_, probed) in self.under_way.extract_if(.., |(ms, _)| *ms <= self.ms) {
            self.judge.handle_probe(&probed);
            self.due = Some(Tick(0));
            if self.is_prompt && matches!(probed.outcome, Outcome::Failed(_)) {
                self.next[probed.wan.index()] = self.ms;
            }
        }
    }

    /// Writes down what changed.
    fn note(&mut self) {
        for change in self.judge.changes() {
            let wan = ["a", "b"][change.wan.index()];
            let family = ["4", "6"][change.family.index()];
            self.log.push(format!("{} {wan}{family} {} -> {}", change.at.millis(), change.from, change.to));
            self.changes.push(change);
        }
    }

    fn link(&mut self, wan: WanId, facts: LinkHealth) {
        self.judge.handle_link(self.now(), wan, facts);
        self.due = Some(Tick(0));
        self.note();
    }

    fn by_hand(&mut self, wan: WanId, verb: Verb, why: &str) {
        self.judge.handle_operator(self.now(), wan, verb, why);
        self.note();
    }

    /// What was written down since this was asked last.
    fn news(&mut self) -> Vec<String> {
        mem::take(&mut self.log)
    }

    fn shown(&self, wan: WanId) -> (State, Standing) {
        let shown = self.judge.condition(wan, V4).unwrap();
        (shown.state, shown.standing)
    }

    fn reason(&self, wan: WanId) -> String {
        self.judge.condition(wan, V4).unwrap().reason.to_string()
    }
}

/// Whether a thing with this number is lost, if `thousandths` are: the same each time.
fn is_lost(seed: u64, number: u64, thousandths: u64) -> bool {
    let mut mixed = (seed << 40 ^ number).wrapping_add(0x9e37_79b9_7f4a_7c15);
    for multiplier in [0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb] {
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(multiplier);
    }
    (mixed ^ (mixed >> 31)) % 1000 < thousandths
}

#[test]
fn a_router_that_starts_takes_flows_before_anything_is_known() {
    let world = World::new(probed(1), |_| Some(30));
    assert_eq!(world.shown(A), (State::Probing, Standing::Up));
    assert_eq!(world.judge.standing(A, Family::V6), Standing::Up, "nothing probes it");
    assert_eq!(world.judge.standing(WanId(9), V4), Standing::HardDown, "there is none such");
}

#[test]
fn the_first_answer_is_enough_at_start_and_fall_bad_cycles_are_down() {
    let mut world = World::new(probed(1), |(wan, _, _)| (wan == A).then_some(30));
    world.run(5000);
    assert_eq!(world.news(), ["30 a4 probing -> up", "2800 b4 probing -> down"]);
    let down = world.judge.condition(B, V4).unwrap();
    assert_eq!((down.since.millis(), down.standing), (2800, Standing::SoftDown));
    assert_eq!(world.reason(B), "3 bad cycles in a row (icmp 203.0.113.0: no answer); up after 5 good cycles and 10 s");
}

#[test]
fn a_link_without_carrier_or_gateway_is_down_at_once_and_its_families_apart() {
    let mut world = World::new(probed(1), |_| Some(30));
    world.link(A, LinkHealth::GOOD);
    world.run(1500);
    world.link(A, LinkHealth { next_hop: [true, false], ..LinkHealth::GOOD });
    assert_eq!(world.news()[2..], ["1500 a6 up -> no-gateway"], "IPv6 alone");
    world.link(A, LinkHealth { carrier: false, ..LinkHealth::GOOD });
    world.link(A, LinkHealth { present: false, ..LinkHealth::GOOD });
    let down = ["a4 up -> link-down", "a6 no-gateway -> link-down", "a4 link-down -> absent", "a6 link-down -> absent"];
    assert_eq!(world.news(), down.map(|change| format!("1500 {change}")));
    assert_eq!(world.shown(A), (State::Absent, Standing::HardDown));
    let traces: Vec<_> = world.changes.iter().map(|change| change.trace.0).collect();
    assert_eq!(traces, [1, 2, 3, 4, 4, 5, 5], "one cause, one trace");
}

#[test]
fn a_gateway_that_is_gone_for_a_moment_is_no_fall_and_one_that_stays_away_is() {
    let mut world = World::new(probed(1), |_| Some(30));
    world.link(A, LinkHealth::GOOD);
    world.run(1500);
    let _ = world.news();
    world.link(A, LinkHealth { next_hop: [false, true], ..LinkHealth::GOOD });
    assert_eq!(world.shown(A), (State::NoGateway, Standing::SoftDown));
    world.run(4400);
    assert_eq!(world.shown(A), (State::NoGateway, Standing::SoftDown));
    world.link(A, LinkHealth::GOOD);
    assert_eq!(world.shown(A), (State::Up, Standing::Up), "as before, without a hold");
    world.link(A, LinkHealth { next_hop: [false, true], ..LinkHealth::GOOD });
    world.run(7500);
    assert_eq!(world.shown(A), (State::NoGateway, Standing::HardDown));
    world.link(A, LinkHealth::GOOD);
    assert_eq!(world.shown(A), (State::Probing, Standing::Degraded));
}

#[test]
fn what_was_not_heard_without_a_gateway_says_nothing() {
    let mut world = World::new(Rules { fall: 1, ..probed(1) }, |_| Some(30));
    world.link(A, LinkHealth::GOOD);
    world.run(1500);
    world.link(A, LinkHealth { next_hop: [false, true], ..LinkHealth::GOOD });
    world.judge.tick(Tick::from_millis(4499));
    world.link(A, LinkHealth::GOOD);
    world.judge.tick(Tick::from_millis(4499));
    assert_eq!(world.shown(A), (State::Up, Standing::Up));
}

#[test]
fn a_link_that_is_back_serves_where_nobody_else_does_until_it_has_risen_and_the_hold_is_over() {
    let mut world = World::new(probed(1), |_| Some(30));
    world.link(A, LinkHealth::GOOD);
    world.run(1500);
    world.link(A, LinkHealth { carrier: false, ..LinkHealth::GOOD });
    world.run(3500);
    world.link(A, LinkHealth::GOOD);
    assert_eq!(world.shown(A), (State::Probing, Standing::Degraded));
    assert_eq!(world.reason(A), "the link is back; up after 5 good cycles and 10 s");
    let _ = world.news();
    world.run(20_000);
    assert_eq!(world.news(), ["11500 a4 probing -> up", "11500 a6 probing -> up"]);
}

#[test]
fn a_link_that_comes_late_at_start_has_not_fallen() {
    let mut world = World::new(probed(1), |(_, _, ms)| (ms >= 4000).then_some(30));
    world.link(A, LinkHealth { present: false, ..LinkHealth::GOOD });
    world.run(3500);
    world.link(A, LinkHealth { next_hop: [false; 2], ..LinkHealth::GOOD });
    world.link(A, LinkHealth::GOOD);
    world.run(4100);
    assert_eq!(world.news().last().unwrap(), "4030 a4 probing -> up");
}

#[test]
fn a_change_shows_the_evidence_that_it_rests_on() {
    let mut world = World::new(probed(2), |(_, place, ms)| (place == 0 && ms < 3000).then_some(30));
    world.rules.quorum = 1;
    world.run(6000);
    let change = world.changes.iter().rfind(|change| change.wan == A).unwrap();
    assert_eq!((change.at.millis(), change.from, change.to), (5800, State::Up, State::Down));
    let [first, second] = &change.evidence[..] else { panic!("two probes") };
    assert_eq!((first.window.outcomes, first.window.lost, first.window.least), (6, 3, 30_000_000));
    assert_eq!((second.window.outcomes, second.window.lost, second.window.least), (6, 6, 0));
    assert_eq!(first.last, Some((Tick::from_millis(5800), Outcome::Failed(Failure::Silent))));
    let Reason::Unanswered { cycles: 3, failed, .. } = &change.reason else { panic!("{}", change.reason) };
    assert_eq!(failed.len(), 2);
}
