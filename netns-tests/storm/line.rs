//! One line in one family by the rules: what its link, its probes and the operator make of it. Written from the
//! operator's manual, not from the judge. Must never know: flows.

use super::net::{self, INTERVAL, TIMEOUT};
use crate::model::flows::Drains;
use flowpin::health::Verb;
use flowpin::types::Standing;

/// What is broken about a link, the worst first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    Absent,
    NoCarrier,
    NoGateway,
    /// No prefix is lent.
    NoAddress,
}

/// What the probes make of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Found {
    /// Nothing yet.
    New,
    /// Its link was gone; it serves where nobody else does.
    Back,
    Up,
    Down,
}

#[derive(Clone, Debug)]
pub struct Line {
    fall: u32,
    rise: u32,
    hold: u64,
    pub verb: Verb,
    fault: Option<(Fault, u64)>,
    /// The fault has cost it its standing.
    fell_by_link: bool,
    /// It had a link once.
    seen: bool,
    found: Found,
    good: u32,
    bad: u32,
    /// When a cycle without an answer counts as bad.
    overdue: u64,
    falls: u32,
    fell: Option<u64>,
    /// Since when it is up, as people say.
    up: Option<u64>,
    patience: u64,
    silence: Option<u64>,
    /// How it stands, as people say, and since when.
    stood: Option<((Standing, &'static str), u64)>,
}

/// Milliseconds that a gateway may be gone.
const GATEWAY_GONE: u64 = 3000;
/// How much later than it could a dead path may be found.
const SLACK: u64 = 1000;
/// How long a cycle is waited for.
const PATIENCE: u64 = 2 * INTERVAL + TIMEOUT;

impl Line {
    pub fn new(said: &net::Line, fault: Option<Fault>) -> Self {
        let mut line = Self {
            fall: said.fall,
            rise: said.rise,
            hold: said.hold,
            verb: Verb::Auto,
            fault: None,
            fell_by_link: false,
            seen: false,
            found: Found::New,
            good: 0,
            bad: 0,
            overdue: PATIENCE,
            falls: 0,
            fell: None,
            up: None,
            patience: said.patience,
            silence: said.silence,
            stood: None,
        };
        line.link(0, fault);
        line
    }

    /// How the data plane is to treat it now, and its name for people.
    pub fn stands(&self, now: u64) -> (Standing, &'static str) {
        match (self.verb, self.fault) {
            (Verb::Down, _) => (Standing::HardDown, "down"),
            (_, Some((Fault::Absent, _))) => (Standing::HardDown, "absent"),
            (_, Some((Fault::NoCarrier, _))) => (Standing::HardDown, "link-down"),
            (_, Some((Fault::NoGateway, since))) if now < since + GATEWAY_GONE => (Standing::SoftDown, "no-gateway"),
            (_, Some((Fault::NoGateway, _))) => (Standing::HardDown, "no-gateway"),
            (_, Some((Fault::NoAddress, _))) => (Standing::HardDown, "no-address"),
            (Verb::Drain, None) => (Standing::SoftDown, "drained"),
            (Verb::Up, None) => (Standing::Up, "up"),
            (Verb::Auto, None) => match self.found {
                Found::New => (Standing::Up, "probing"),
                Found::Back => (Standing::Degraded, "probing"),
                Found::Up => (Standing::Up, "up"),
                Found::Down => (Standing::SoftDown, "down"),
            },
        }
    }

    /// Notes since when it is up. To be said after whatever happens.
    pub fn note(&mut self, now: u64) {
        let stands = self.stands(now);
        self.up = self.up.or(Some(now)).filter(|_| stands.1 == "up");
        self.stood = self.stood.filter(|(stood, _)| *stood == stands).or(Some((stands, now)));
    }

    /// What its flows are judged by that drain. Its path may have been dead for a while when its probes tell so.
    pub fn drains(&self, now: u64) -> Option<Drains> {
        let (stands, since) = self.stood.filter(|((standing, _), _)| *standing == Standing::SoftDown)?;
        debug_assert_eq!(stands, self.stands(now));
        let unnoticed = INTERVAL * (1 + u64::from(self.fall)) + SLACK;
        let dead_since = (stands.1 != "drained").then(|| since.saturating_sub(unnoticed));
        Some(Drains { silence: self.silence?, since, dead_since })
    }

    /// Whether it wants flows of worse lines back by now.
    pub fn wants(&self, now: u64) -> bool {
        self.up.is_some_and(|up| now >= up + self.patience)
    }

    /// What the kernel says of its link.
    pub fn link(&mut self, now: u64, fault: Option<Fault>) {
        let before = self.fault;
        if before.map(|(fault, _)| fault) != fault {
            self.fault = fault.map(|fault| (fault, now));
        }
        match fault {
            None if before.is_some() => {
                self.overdue = now + PATIENCE;
                if std::mem::take(&mut self.fell_by_link) {
                    (self.good, self.bad) = (0, 0);
                }
            }
            None => {}
            Some(Fault::NoGateway) => {}
            Some(_) => self.falls_by_link(now),
        }
        self.seen |= fault.is_none();
    }

    fn falls_by_link(&mut self, now: u64) {
        if std::mem::replace(&mut self.fell_by_link, true) {
            return;
        }
        match self.found {
            Found::New if !self.seen => return,
            Found::New | Found::Up => self.falls(now),
            Found::Back | Found::Down => self.fell = self.fell.map(|_| now),
        }
        self.found = Found::Back;
    }

    fn falls(&mut self, now: u64) {
        self.falls += 1;
        self.fell = Some(now);
    }

    /// A probe ended, and with it a cycle.
    pub fn probed(&mut self, now: u64, passed: bool) {
        if self.fault.is_none() {
            self.cycle(now, passed);
        }
    }

    fn cycle(&mut self, now: u64, good: bool) {
        self.overdue = now + PATIENCE;
        (self.good, self.bad) = if good { (self.good + 1, 0) } else { (0, self.bad + 1) };
        self.weigh(now);
    }

    /// When it may come back: after the hold, doubled with each further fall.
    fn held_until(&self) -> u64 {
        let hold = match self.falls {
            0 | 1 => self.hold,
            falls => (self.hold.max(1000) << (falls - 1).min(20)).min(300_000),
        };
        self.fell.map_or(0, |fell| fell + hold)
    }

    fn weigh(&mut self, now: u64) {
        if self.found != Found::Down && self.bad >= self.fall {
            if matches!(self.found, Found::New | Found::Up) {
                self.falls(now);
            }
            self.found = Found::Down;
        }
        let enough = if self.found == Found::New { 1 } else { self.rise };
        if self.found != Found::Up && self.good >= enough && now >= self.held_until() {
            self.found = Found::Up;
        }
    }

    /// When time alone changes something after `now`.
    pub fn due(&self, now: u64) -> Option<u64> {
        let due = match self.fault {
            None => [self.overdue, self.held_until()].into_iter().filter(|due| *due > now).min(),
            Some((Fault::NoGateway, since)) => Some(since + GATEWAY_GONE),
            Some(_) => None,
        };
        due.into_iter().chain(self.up.map(|up| up + self.patience)).filter(|due| *due > now).min()
    }

    /// It is `now`, one of the times that were due.
    pub fn pass(&mut self, now: u64) {
        match self.fault {
            None if now >= self.overdue => self.cycle(now, false),
            None => self.weigh(now),
            Some((Fault::NoGateway, since)) if now >= since + GATEWAY_GONE => self.falls_by_link(now),
            Some(_) => {}
        }
    }
}
