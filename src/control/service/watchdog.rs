//! Tells systemd's watchdog that the service lives: the control loop does so, and only when every worker has turned since it
//! last did. Must never know: what the service does.

use sd_notify::NotifyState;
use std::time::Duration;

/// How often it is fed, if systemd watches, and what was seen of the workers the last time.
#[derive(Debug)]
pub struct Watchdog {
    period: Option<Duration>,
    looks: Vec<u64>,
}

impl Watchdog {
    /// Asks the environment whether systemd watches this process (`WatchdogSec`).
    #[must_use]
    pub fn of_environment() -> Self {
        // Three chances a period, for a worker looks about once a second.
        Self { period: sd_notify::watchdog_enabled().map(|limit| limit / 3), looks: Vec::new() }
    }

    /// How often to feed it; `None`: nobody watches.
    #[must_use]
    pub fn period(&self) -> Option<Duration> {
        self.period
    }

    /// Feeds it if every worker has looked at its ports since the last time. `looks`: how often each has.
    pub fn feed(&mut self, looks: Vec<u64>) {
        if self.all_turned(looks)
            && let Err(error) = sd_notify::notify(&[NotifyState::Watchdog])
        {
            tracing::warn!("cannot feed systemd's watchdog: {error}");
        }
    }

    fn all_turned(&mut self, looks: Vec<u64>) -> bool {
        let turned =
            looks.len() != self.looks.len() || looks.iter().zip(&self.looks).all(|(now, before)| now != before);
        if turned {
            self.looks = looks;
        }
        turned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_fed_only_when_every_worker_has_turned() {
        let mut watchdog = Watchdog { period: None, looks: Vec::new() };
        assert!(watchdog.all_turned(vec![0, 0]));
        assert!(!watchdog.all_turned(vec![5, 0]), "the second stands still");
        assert!(!watchdog.all_turned(vec![9, 0]));
        assert!(watchdog.all_turned(vec![9, 1]));
        assert!(!watchdog.all_turned(vec![9, 2]), "the first stands still now");
    }
}
