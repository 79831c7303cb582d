//! Where a flow began, in one byte of its record: on which side, and whether it hears its remote there to this day.
//!
//! A flow from outside that is no TCP connection goes along with a request of its remote on another WAN, for one outside port
//! may speak to several public addresses. So could a stranger who knows the ports lead a call away. A call or a stream holds
//! its line therefore: a flow that is assured, some seconds old, has never left its line and hears its remote there.
//! Must never know: records, WANs.

use crate::types::{Direction, Tick};

/// Seconds after which a flow holds its line.
pub(super) const SETTLED: u32 = 10;
/// Seconds without anything from its remote after which it does not.
const SILENCE: u32 = 3;
/// Seconds until the same number comes again: a flow that has been silent for as long is taken for one that hears, for
/// these three seconds.
const ROUND: u32 = 127;

/// A bit that says that the flow came from outside, above the second when something came in last where it began, from 1 to
/// 127; 0 if the flow has left that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Home(u8);

const INBOUND: u8 = 1 << 7;

impl Home {
    /// Of a flow that begins.
    pub(super) fn new(now: Tick, origin: Direction) -> Self {
        Self(second(now)).of(origin)
    }

    /// The side that spoke first.
    pub(super) fn origin(self) -> Direction {
        if self.0 & INBOUND == 0 { Direction::Outbound } else { Direction::Inbound }
    }

    /// The same, where that side has begun it again.
    pub(super) fn of(self, origin: Direction) -> Self {
        Self(self.0 & !INBOUND | if origin == Direction::Inbound { INBOUND } else { 0 })
    }

    /// The flow leaves the line on which it began.
    pub(super) fn left(self) -> Self {
        Self(self.0 & INBOUND)
    }

    /// Something came in where the flow is.
    pub(super) fn heard(self, now: Tick) -> Self {
        if self.0 & !INBOUND == 0 { self } else { Self(self.0 & INBOUND | second(now)) }
    }

    /// Whether something came in lately where the flow began.
    pub(super) fn hears(self, now: Tick) -> bool {
        let (now, then) = (u32::from(second(now)), u32::from(self.0 & !INBOUND));
        then != 0 && (now + ROUND - then) % ROUND < SILENCE
    }
}

fn second(now: Tick) -> u8 {
    u8::try_from(now.secs() % ROUND + 1).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Direction::{Inbound, Outbound};

    #[test]
    fn it_is_heard_for_three_seconds_whenever_that_is_and_never_away() {
        for origin in [Inbound, Outbound] {
            for start in (0..300).chain([u64::from(u32::MAX) - 300]) {
                let home = Home::new(Tick::from_secs(start), origin);
                let heard: Vec<_> = (0..125).filter(|after| home.hears(Tick::from_secs(start + after))).collect();
                assert_eq!(heard, [0, 1, 2], "{start}");
                assert!(home.heard(Tick::from_secs(start + 9)).hears(Tick::from_secs(start + 10)));
                assert!(!home.left().heard(Tick::from_secs(start)).hears(Tick::from_secs(start)));
            }
        }
    }

    #[test]
    fn its_origin_stays_until_somebody_begins_it_again() {
        let now = Tick::from_secs(126);
        for (origin, other) in [(Inbound, Outbound), (Outbound, Inbound)] {
            let home = Home::new(now, origin);
            for home in [home, home.left(), home.heard(now), home.left().heard(now), home.of(other).of(origin)] {
                assert_eq!(home.origin(), origin);
            }
            assert_eq!(home.of(other).origin(), other);
            assert!(home.of(other).hears(now));
        }
    }
}
