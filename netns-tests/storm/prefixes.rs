//! The prefixes that a line is lent, by the rules: what the kernel lists holds, and a while longer; what an operator says
//! holds for its time; what was named last is for new flows. Must never know: flows.

/// The prefixes of a line, by number.
#[derive(Clone, Debug, Default)]
pub struct Prefixes {
    held: Vec<Held>,
    first: Option<u8>,
    turns: u64,
}

#[derive(Clone, Debug)]
struct Held {
    prefix: u8,
    listed: bool,
    /// Until then by hand; `u64::MAX`: until another is said.
    hand: u64,
    grace: u64,
    turn: u64,
}

/// Milliseconds that a prefix outlives the kernel's last word on it, if another took its place; and if none did.
const GRACE: u64 = 3000;
const ALONE: u64 = 600_000;

impl Held {
    fn is_firm(&self, now: u64) -> bool {
        self.listed || now < self.hand
    }

    fn holds(&self, now: u64) -> bool {
        self.is_firm(now) || now < self.grace
    }
}

impl Prefixes {
    /// The kernel lists these, the best first.
    pub fn listed(&mut self, now: u64, all: &[u8]) {
        let first = all.first().copied();
        let was = |prefix: u8| self.held.iter().any(|held| held.prefix == prefix && held.holds(now));
        let is_new: Vec<bool> = all.iter().map(|prefix| !was(*prefix)).collect();
        let grace = if all.is_empty() { ALONE } else { GRACE };
        for held in &mut self.held {
            if held.listed && !all.contains(&held.prefix) {
                held.grace = if now < held.hand { 0 } else { now + grace };
            }
            held.listed = all.contains(&held.prefix);
        }
        for prefix in all {
            let held = self.find(*prefix);
            (held.listed, held.grace) = (true, 0);
        }
        if let Some(prefix) = first.filter(|_| first != self.first || is_new[0]).filter(|_| first != self.first) {
            self.prefer(prefix);
        }
        self.first = first;
    }

    /// An operator says this one, for so long.
    pub fn set(&mut self, now: u64, prefix: u8, millis: Option<u64>) {
        for held in self.held.iter_mut().filter(|held| held.hand == u64::MAX && held.prefix != prefix) {
            held.hand = 0;
            if !held.listed {
                held.grace = now + GRACE;
            }
        }
        let held = self.find(prefix);
        (held.hand, held.grace) = (millis.map_or(u64::MAX, |millis| now + millis), 0);
        self.prefer(prefix);
    }

    fn prefer(&mut self, prefix: u8) {
        self.turns += 1;
        let turn = self.turns;
        self.find(prefix).turn = turn;
    }

    fn find(&mut self, prefix: u8) -> &mut Held {
        let at = self.held.iter().position(|held| held.prefix == prefix).unwrap_or_else(|| {
            self.held.push(Held { prefix, listed: false, hand: 0, grace: 0, turn: 0 });
            self.held.len() - 1
        });
        &mut self.held[at]
    }

    /// What holds, that for new flows first, the others in no order.
    pub fn valid(&self, now: u64) -> Vec<u8> {
        let mut held: Vec<_> = self.held.iter().filter(|held| held.holds(now)).collect();
        held.sort_by_key(|held| std::cmp::Reverse((held.is_firm(now), held.turn)));
        let mut valid: Vec<_> = held.iter().map(|held| held.prefix).collect();
        if let Some((_, old)) = valid.split_first_mut() {
            old.sort_unstable();
        }
        valid
    }

    /// When time alone changes something after `now`.
    pub fn due(&self, now: u64) -> Option<u64> {
        let ends = self.held.iter().flat_map(|held| [held.hand, held.grace]);
        ends.filter(|end| *end > now && *end < u64::MAX).min()
    }
}
