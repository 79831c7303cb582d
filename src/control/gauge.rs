//! What the workers have counted, read again and again: what the flows show since the last reading, and how much passes.
//! Must never know: clocks, workers, who asks.

use crate::health::{Evidence, FlowEvidence};
use crate::plane::counters::{ReachabilityCounts, Totals};
use crate::types::{Direction, Family, Tick, WanId};
use std::collections::VecDeque;

/// The readings that are needed again.
#[derive(Debug, Default)]
pub struct Gauge {
    last: Option<(Tick, Totals)>,
    /// Readings to compare the last with, oldest first: the first is at least [`SPAN_MS`] old once there was one, and no
    /// two are closer than [`APART_MS`].
    marks: VecDeque<(Tick, Totals)>,
}

/// How much passes in a second.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rate {
    /// Packets; a super-frame counts as its segments.
    pub packets: u64,
    /// Bits of IP packets.
    pub bits: u64,
}

/// Milliseconds that a rate is taken over at least.
const SPAN_MS: u64 = 1000;
const APART_MS: u64 = 100;

impl Gauge {
    /// Takes a reading of all workers together, and tells what each of `wans` WANs shows since the one before. The first
    /// shows nothing. Counters that went back have started anew, and show nothing once.
    pub fn read(&mut self, now: Tick, totals: Totals, wans: u8) -> Evidence {
        let (earlier, before) = self.last.replace((now, totals)).unwrap_or((now, totals));
        self.mark(now, totals);
        let traffic =
            |wan, family| shown(earlier, &before.reachability(wan, family), &totals.reachability(wan, family));
        let of = |index| Family::ALL.map(|family| traffic(WanId(index), family));
        Evidence { wans: (0..wans).map(of).collect() }
    }

    fn mark(&mut self, now: Tick, totals: Totals) {
        if self.marks.back().is_none_or(|(at, _)| now.since(*at) >= APART_MS * 1_000_000) {
            self.marks.push_back((now, totals));
        }
        while self.marks.get(1).is_some_and(|(at, _)| now.since(*at) >= SPAN_MS * 1_000_000) {
            self.marks.pop_front();
        }
    }

    /// How much passed between inside and a WAN in the last second, or since the last but one reading if that is longer
    /// ago.
    #[must_use]
    pub fn rate(&self, wan: WanId, direction: Direction) -> Rate {
        let (Some((now, last)), Some((then, first))) = (&self.last, self.marks.front()) else { return Rate::default() };
        let (new, old) = (last.forwarded(wan, direction), first.forwarded(wan, direction));
        let span = now.since(*then);
        let bits = new.bytes.saturating_sub(old.bytes).saturating_mul(8);
        Rate { packets: per_second(new.packets.saturating_sub(old.packets), span), bits: per_second(bits, span) }
    }
}

/// What the difference between two readings says. The reply came at some time between them: the earlier one is sure.
fn shown(earlier: Tick, before: &ReachabilityCounts, after: &ReachabilityCounts) -> FlowEvidence {
    let more =
        |of: fn(&ReachabilityCounts) -> u64| u32::try_from(of(after).saturating_sub(of(before))).unwrap_or(u32::MAX);
    let has_replied = more(|counts| counts.replied) > 0;
    let (tried, answered) = (more(|counts| counts.tried), more(|counts| counts.answered));
    FlowEvidence { replied: has_replied.then_some(earlier), tried, answered }
}

/// `count` things in `span` nanoseconds, rounded to whole ones.
fn per_second(count: u64, span: u64) -> u64 {
    if span == 0 {
        return 0;
    }
    let (count, span) = (u128::from(count), u128::from(span));
    u64::try_from((count * 1_000_000_000 + span / 2) / span).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::counters::Counters;
    use crate::plane::counters::Reachability;

    const A: WanId = WanId(0);
    const B: WanId = WanId(1);

    fn at(ms: u64) -> Tick {
        Tick::from_millis(ms)
    }

    #[test]
    fn a_reading_shows_what_was_counted_since_the_one_before_and_a_reply_is_as_old_as_that() {
        let (mut gauge, counters) = (Gauge::default(), Counters::default());
        counters.reachability(A, Family::V4, Reachability::Replied);
        let nothing = Evidence { wans: vec![[FlowEvidence::default(); 2]; 2] };
        assert_eq!(gauge.read(at(1000), counters.snapshot(), 2), nothing, "nobody knows when that was");
        counters.reachability(B, Family::V6, Reachability::Tried);
        counters.reachability(B, Family::V6, Reachability::Tried);
        counters.reachability(B, Family::V6, Reachability::Answered);
        let mut due = nothing.clone();
        due.wans[1][1] = FlowEvidence { replied: Some(at(1000)), tried: 2, answered: 1 };
        assert_eq!(gauge.read(at(1200), counters.snapshot(), 2), due);
        assert_eq!(gauge.read(at(1400), counters.snapshot(), 2), nothing);
    }

    #[test]
    fn counters_that_start_anew_show_nothing_and_then_what_is_new() {
        let mut gauge = Gauge::default();
        let counted = |times| {
            let counters = Counters::default();
            (0..times).for_each(|_| counters.reachability(A, Family::V4, Reachability::Replied));
            counters.forward(A, Direction::Inbound, times, times * 100);
            counters.snapshot()
        };
        let replied = |evidence: Evidence| evidence.wans[0][0].replied;
        gauge.read(at(0), counted(100), 1);
        assert_eq!(replied(gauge.read(at(200), counted(3), 1)), None);
        assert_eq!(gauge.rate(A, Direction::Inbound), Rate::default());
        assert_eq!(replied(gauge.read(at(400), counted(4), 1)), Some(at(200)));
    }

    #[test]
    fn a_rate_is_that_of_about_the_last_second_however_often_it_is_read() {
        for apart in [7, 200, 1000] {
            let (mut gauge, counters) = (Gauge::default(), Counters::default());
            assert_eq!(gauge.rate(A, Direction::Outbound), Rate::default());
            // 1000 packets of 100 bytes a second for five seconds, then silence.
            let mut rates = Vec::new();
            for ms in 0..9000 {
                if ms % apart == 0 {
                    gauge.read(at(ms), counters.snapshot(), 1);
                    rates.push((ms, gauge.rate(A, Direction::Outbound)));
                }
                if ms < 5000 {
                    counters.forward(A, Direction::Outbound, 1, 100);
                }
            }
            let full = Rate { packets: 1000, bits: 800_000 };
            let within = |from, to| rates.iter().filter(move |(ms, _)| (from..to).contains(ms));
            assert!(within(1, 5000).all(|(_, rate)| *rate == full), "every {apart} ms");
            assert!(within(7100, 9000).all(|(_, rate)| *rate == Rate::default()), "every {apart} ms");
            assert_eq!(gauge.rate(A, Direction::Inbound), Rate::default());
            assert!(gauge.marks.len() <= 12, "{}", gauge.marks.len());
        }
    }
}
