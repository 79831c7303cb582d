//! Reads the thresholds of `[wan.health]`: `quorum`, `fall`, `rise`, `max_loss`, `max_latency` and `hold`.
//! Must never know: how they are applied, what the probes are.

use super::probes;
use super::reader::{Faults, Table, Wrong};
use crate::config::diagnostics::quote;
use crate::config::settings::Thresholds;

/// Milliseconds at the most, of a limit and of a hold.
const MOST: u32 = 3_600_000;

/// The keys of `[wan.health]` that say so, or their defaults.
pub(super) fn thresholds(table: &mut Table<'_>, faults: &mut Faults) -> Thresholds {
    let default = Thresholds::default();
    let mut count = |key, default| {
        let said = table.take(key).and_then(|item| item.number(1..=1000, faults));
        said.and_then(|said| u32::try_from(said.value).ok()).unwrap_or(default)
    };
    let (quorum, fall, rise) =
        (count("quorum", default.quorum), count("fall", default.fall), count("rise", default.rise));
    let max_loss = table.take("max_loss").and_then(|item| item.parse(thousandths, faults));
    let mut time = |key, least| table.take(key).and_then(|item| probes::milliseconds(&item, (least, MOST), faults));
    let (max_latency, hold) = (time("max_latency", 1), time("hold", 0));
    Thresholds {
        quorum,
        fall,
        rise,
        max_loss: max_loss.map_or(default.max_loss, |loss| loss.value),
        max_latency: max_latency.map_or(default.max_latency, |time| time.value),
        hold: hold.map_or(default.hold, |time| time.value),
    }
}

/// A share such as "20%" or "2.5%", in thousandths.
fn thousandths(text: &str) -> Result<u32, Wrong> {
    let read = |text: &str| {
        let (whole, tenth) = text.strip_suffix('%')?.split_once('.').unwrap_or((text.strip_suffix('%')?, "0"));
        let is_plain =
            |digits: &str, most| (1..=most).contains(&digits.len()) && digits.bytes().all(|c| c.is_ascii_digit());
        let digits = (is_plain(whole, 3) && is_plain(tenth, 1)).then(|| format!("{whole}{tenth}"))?;
        digits.parse().ok().filter(|thousandths| *thousandths <= 1000)
    };
    read(text)
        .ok_or_else(|| Wrong::new(format!("{} is no share", quote(text)), "write one such as \"20%\" or \"2.5%\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_read_to_the_tenth_of_a_per_cent() {
        let rows = [("20%", Some(200)), ("2.5%", Some(25)), ("0%", Some(0)), ("100%", Some(1000)), ("100.1%", None)];
        for (text, expected) in rows.into_iter().chain(["20", "%", ".5%", "5.%", "-1%", "1e1%"].map(|it| (it, None))) {
            assert_eq!(thousandths(text).ok(), expected, "{text}");
        }
    }
}
