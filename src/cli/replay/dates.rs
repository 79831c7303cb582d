//! The dates of one capture's packets, put right where a clock was wrong: a packet that is dated far from those around it
//! counts as of the time of the one before it, and where a clock was set back time goes on from there.
//! Must never know: files, what the packets are.

/// Nanoseconds by which the packets of a capture may be out of order; several queues or interfaces are by milliseconds.
const TOLERANCE: u64 = 10_000_000_000;

/// The dates of one capture's packets, in nanoseconds.
#[derive(Debug, Default)]
pub struct Dates {
    /// Packets so far.
    packets: u64,
    /// The latest time so far.
    last: Option<u64>,
    /// What is added to each date, since the clock was set back.
    shift: u64,
    first: Option<(u64, Fault)>,
    /// Faults in all.
    faults: u64,
}

/// What is wrong with a date, and by how many nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    Ahead(u64),
    Behind(u64),
    SetBack(u64),
}

impl Dates {
    /// The time of the packet dated `date`, behind which one dated `next` stands in the capture.
    pub fn time(&mut self, date: u64, next: Option<u64>) -> u64 {
        self.packets += 1;
        let (date, next) = (date.saturating_add(self.shift), next.map(|next| next.saturating_add(self.shift)));
        let is_far = |one: u64, before: u64| one > before.saturating_add(TOLERANCE);
        // Before the first packet there is nothing to compare it with but the second.
        let last = self.last.unwrap_or_else(|| date.min(next.unwrap_or(date)));
        let fault = if is_far(date, last) && next.is_some_and(|next| is_far(date, next) && !is_far(last, next)) {
            Some(Fault::Ahead(date - last))
        } else if is_far(last, date) && next.is_some_and(|next| is_far(last, next)) {
            self.shift = self.shift.saturating_add(last - date);
            Some(Fault::SetBack(last - date))
        } else if is_far(last, date) {
            Some(Fault::Behind(last - date))
        } else {
            None
        };
        if let Some(fault) = fault {
            self.first.get_or_insert((self.packets, fault));
            self.faults += 1;
        }
        let time = if fault.is_some() { last } else { date };
        self.last = Some(last.max(time));
        time
    }

    /// What was wrong, as a sentence; `None` if nothing was.
    #[must_use]
    pub fn complaint(&self) -> Option<String> {
        let (packet, fault) = self.first?;
        let counts = "the packets around it, and counts as of the time of the one before it";
        let sentence = match fault {
            Fault::Ahead(by) => format!("packet {packet} is dated {} s ahead of {counts}", by / 1_000_000_000),
            Fault::Behind(by) => format!("packet {packet} is dated {} s before {counts}", by / 1_000_000_000),
            Fault::SetBack(by) => format!(
                "the clock is set back by {} s at packet {packet}, and time goes on from there",
                by / 1_000_000_000
            ),
        };
        Some(match self.faults - 1 {
            0 => sentence,
            more => format!("{sentence}; {more} more of the kind"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The times of packets dated in these seconds, and what is said of them.
    fn times(dates: &[u64]) -> (Vec<u64>, Option<String>) {
        let mut capture = Dates::default();
        let seconds = |second: u64| second * 1_000_000_000;
        let nexts = dates.iter().skip(1).map(|next| Some(seconds(*next))).chain([None]);
        let times = dates.iter().zip(nexts).map(|(date, next)| capture.time(seconds(*date), next) / 1_000_000_000);
        (times.collect(), capture.complaint())
    }

    #[test]
    fn dates_in_order_or_a_little_out_of_it_are_times() {
        for dates in [&[5][..], &[5, 6, 5, 14, 4, 20], &[5, 9000, 9001, 90_000]] {
            assert_eq!(times(dates), (dates.to_vec(), None));
        }
    }

    #[test]
    fn a_packet_whose_clock_is_wrong_holds_up_none_behind_it() {
        let rows: [(&[u64], &[u64], &str); 5] = [
            (&[5, 6, 9000, 7, 8], &[5, 6, 6, 7, 8], "packet 3 is dated 8994 s ahead of the packets around it, and"),
            (&[9000, 7, 8], &[7, 7, 8], "packet 1 is dated 8993 s ahead of the packets around it, and counts as of"),
            (
                &[5000, 5000, 7, 5001],
                &[5000, 5000, 5000, 5001],
                "packet 3 is dated 4993 s before the packets around it, and",
            ),
            (&[5, 9000, 6, 9000, 7], &[5, 5, 6, 6, 7], "packet 2 is dated 8995 s ahead of the packets around it, and"),
            (&[5, 6, 7, 9000], &[5, 6, 7, 9000], ""),
        ];
        for (dates, expected, said) in rows {
            let (times, complaint) = times(dates);
            assert_eq!(times, expected, "{dates:?}");
            assert!(complaint.clone().unwrap_or_default().starts_with(said), "{dates:?}: {complaint:?}");
            assert_eq!(complaint.is_none(), said.is_empty(), "{dates:?}");
        }
        assert!(times(&[5, 9000, 6, 9000, 7]).1.unwrap().ends_with("the one before it; 1 more of the kind"));
    }

    #[test]
    fn time_goes_on_behind_a_clock_that_was_set_back() {
        let (times, complaint) = times(&[5000, 5001, 1000, 1001, 1003]);
        assert_eq!(times, [5000, 5001, 5001, 5002, 5004]);
        assert_eq!(complaint.unwrap(), "the clock is set back by 4001 s at packet 3, and time goes on from there");
    }
}
