//! The last outcomes of one probe, and their statistics: loss, round trips, jitter.
//! Must never know: limits, cycles, time.

use crate::types::Outcome;
use std::collections::VecDeque;

/// The most outcomes that a window may hold.
const MOST: usize = 1000;

/// The last outcomes of one probe, bounded.
#[derive(Clone, Debug)]
pub(super) struct Window {
    size: usize,
    /// Round trips in nanoseconds; `None`: failed.
    outcomes: VecDeque<Option<u64>>,
}

/// The statistics of a window. Times are nanoseconds, 0 while nothing passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Statistics {
    /// Outcomes in the window.
    pub outcomes: u64,
    /// Outcomes that failed, for whatever reason.
    pub lost: u64,
    /// The shortest round trip.
    pub least: u64,
    /// The mean round trip.
    pub mean: u64,
    /// The mean difference between one round trip and the next.
    pub jitter: u64,
}

impl Statistics {
    /// Thousandths that failed.
    #[must_use]
    pub fn loss(&self) -> u64 {
        (self.lost * 1000).checked_div(self.outcomes).unwrap_or(0)
    }
}

impl Window {
    /// An empty window of `size` outcomes, 1 to 1000.
    pub fn new(size: usize) -> Self {
        Self { size: size.clamp(1, MOST), outcomes: VecDeque::new() }
    }

    /// Adds an outcome; the oldest leaves a full window.
    pub fn push(&mut self, outcome: Outcome) {
        self.keep(self.size - 1);
        self.outcomes.push_back(match outcome {
            Outcome::Passed { round_trip } => Some(round_trip),
            Outcome::Failed(_) => None,
        });
    }

    /// Forgets all but the newest `count`.
    pub fn keep(&mut self, count: usize) {
        self.outcomes.drain(..self.outcomes.len().saturating_sub(count));
    }

    /// Forgets the `count` outcomes before the newest.
    pub fn forget_before_newest(&mut self, count: usize) {
        let newest = self.outcomes.len().saturating_sub(1);
        self.outcomes.drain(newest.saturating_sub(count)..newest);
    }

    /// Whether it holds enough to be judged: half of its size.
    pub fn is_telling(&self) -> bool {
        self.outcomes.len() >= self.size.div_ceil(2)
    }

    /// Its statistics.
    pub fn statistics(&self) -> Statistics {
        let trips = || self.outcomes.iter().flatten().copied();
        let (outcomes, passed) = (self.outcomes.len() as u64, trips().count() as u64);
        let steps = trips().zip(trips().skip(1)).map(|(one, next)| one.abs_diff(next));
        Statistics {
            outcomes,
            lost: outcomes - passed,
            least: trips().min().unwrap_or(0),
            mean: mean(trips(), passed),
            jitter: mean(steps, passed.saturating_sub(1)),
        }
    }
}

fn mean(values: impl Iterator<Item = u64>, count: u64) -> u64 {
    let sum: u128 = values.map(u128::from).sum();
    sum.checked_div(u128::from(count)).and_then(|mean| u64::try_from(mean).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Failure;

    fn window(size: usize, outcomes: &[u64]) -> Window {
        let mut window = Window::new(size);
        for trip in outcomes {
            let lost = Outcome::Failed(Failure::Silent);
            window.push(if *trip == 0 { lost } else { Outcome::Passed { round_trip: *trip } });
        }
        window
    }

    #[test]
    fn a_window_knows_loss_round_trips_and_jitter() {
        type Row = (&'static [u64], (u64, u64, u64, u64, u64), u64);
        let rows: [Row; 6] = [
            (&[], (0, 0, 0, 0, 0), 0),
            (&[0], (1, 1, 0, 0, 0), 1000),
            (&[7], (1, 0, 7, 7, 0), 0),
            (&[10, 20, 0, 60], (4, 1, 10, 30, 25), 250),
            (&[99, 10, 20, 0, 60], (4, 1, 10, 30, 25), 250),
            (&[u64::MAX, u64::MAX, u64::MAX], (3, 0, u64::MAX, u64::MAX, 0), 0),
        ];
        for (outcomes, expected, loss) in rows {
            let seen = window(4, outcomes).statistics();
            assert_eq!((seen.outcomes, seen.lost, seen.least, seen.mean, seen.jitter), expected, "{outcomes:?}");
            assert_eq!(seen.loss(), loss, "{outcomes:?}");
        }
    }

    #[test]
    fn a_window_tells_from_half_of_its_size_on_and_is_bounded() {
        assert!(!window(5, &[1, 1]).is_telling() && window(5, &[1, 1, 1]).is_telling());
        assert_eq!(window(0, &[1, 2]).statistics().least, 2, "at least one");
        assert_eq!(window(usize::MAX, &[0; 3000]).statistics().outcomes, 1000);
        let mut kept = window(9, &[0, 0, 0, 5, 6]);
        kept.keep(2);
        assert_eq!((kept.statistics().lost, kept.statistics().least), (0, 5));
        let mut cut = window(9, &[7, 0, 9, 0, 0, 5]);
        cut.forget_before_newest(2);
        assert_eq!((cut.statistics().outcomes, cut.statistics().lost, cut.statistics().least), (4, 1, 5));
        cut.forget_before_newest(usize::MAX);
        assert_eq!((cut.statistics().outcomes, cut.statistics().least), (1, 5), "the newest stays");
        window(9, &[]).forget_before_newest(1);
    }
}
