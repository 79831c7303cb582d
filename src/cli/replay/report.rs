//! What a replay counted, for people and for programs.
//! Must never know: files, how packets are judged.

use super::input::INSIDE;
use super::output::position;
use crate::cli::columns::Columns;
use crate::plane::counters::{Event, Totals};
use crate::plane::verdict::Verdict;
use crate::types::{Direction, End, Frame};
use crate::workers::turn::Observe;
use serde::Serialize;
use std::collections::BTreeMap;

/// Counts, filled while the replay runs.
#[derive(Debug, Default)]
pub struct Counts {
    received: Vec<u64>,
    verdicts: Verdicts,
    not_ip: u64,
    /// What became of the last packet.
    pub last: Option<Verdict>,
}

/// The whole report; its JSON form is this.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Packets read and written, the inside first, then the WANs in the order of the configuration.
    pub ends: Vec<Traffic>,
    /// By direction.
    pub verdicts: Verdicts,
    /// Dropped packets by direction (`outbound`, `inbound`), then by reason, those that were held first among them; zeros
    /// left out.
    pub drops: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    /// What else happened to packets (`clamped`, `fragmented` and so on), how often; zeros left out.
    pub events: BTreeMap<&'static str, u64>,
    /// Flows.
    pub flows: Flows,
    /// Ethernet frames in the inside capture that carry no IP and were left out: a TUN would not show them.
    pub not_ip: u64,
    /// From the first packet to the last.
    pub nanoseconds: u64,
    /// Where the clocks of the captures were wrong, and what was made of it; a sentence for each capture.
    pub clocks: Vec<String>,
    /// Why the capture could not be read to its end.
    pub damage: Option<String>,
}

/// One end.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// `inside`, or the WAN.
    pub name: String,
    /// Packets captured there.
    pub received: u64,
    /// Packets that the router sent there.
    pub sent: u64,
}

/// Flows of a replay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Flows {
    /// Made in all.
    pub created: u64,
    /// Of those, gone again by timeout.
    pub expired: u64,
}

/// What became of the packets, by direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdicts {
    /// Inside to a WAN.
    pub outbound: Ended,
    /// A WAN to inside.
    pub inbound: Ended,
}

/// What became of the packets of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ended {
    /// Sent on.
    pub forwarded: u64,
    /// Consumed: ARP, neighbour discovery.
    pub answered: u64,
    /// Kept until the next hop's MAC is known, or the first fragment has come.
    pub held: u64,
    /// Not flowpin's: what the kernel would have got.
    pub kernel: u64,
    /// Dropped at once, for the reasons under `drops`.
    pub dropped: u64,
}

impl Observe for Counts {
    fn verdict(&mut self, from: End, _: &Frame<'_>, verdict: Verdict) {
        self.received(from);
        let ended = match from {
            End::Inside => &mut self.verdicts.outbound,
            End::Wan(_) => &mut self.verdicts.inbound,
        };
        match verdict {
            Verdict::Forward(_) | Verdict::Fragmented(_) => ended.forwarded += 1,
            Verdict::Answered => ended.answered += 1,
            Verdict::Held => ended.held += 1,
            Verdict::Kernel => ended.kernel += 1,
            Verdict::Drop(_) => ended.dropped += 1,
        }
        self.last = Some(verdict);
    }
}

impl Counts {
    /// Counts a frame from inside that no TUN would show.
    pub fn not_ip(&mut self) {
        self.received(End::Inside);
        self.not_ip += 1;
    }

    fn received(&mut self, from: End) {
        let at = position(from);
        if self.received.len() <= at {
            self.received.resize(at + 1, 0);
        }
        if let Some(received) = self.received.get_mut(at) {
            *received += 1;
        }
    }

    /// The report of packets alone. `sent` is by end, the inside first.
    #[must_use]
    pub fn report(self, wans: &[String], sent: &[u64], totals: &Totals) -> Report {
        let names = std::iter::once(INSIDE).chain(wans.iter().map(String::as_str));
        let received = self.received.iter().copied().chain(std::iter::repeat(0));
        let ends = names.zip(received).zip(sent);
        Report {
            ends: ends
                .map(|((name, received), sent)| Traffic { name: name.to_owned(), received, sent: *sent })
                .collect(),
            verdicts: self.verdicts,
            drops: drops(totals),
            events: events(totals),
            not_ip: self.not_ip,
            ..Report::default()
        }
    }
}

fn drops(totals: &Totals) -> BTreeMap<&'static str, BTreeMap<&'static str, u64>> {
    let both = [("outbound", Direction::Outbound), ("inbound", Direction::Inbound)].map(|(name, direction)| {
        (name, totals.drops(direction).map(|(reason, packets)| (reason.name(), packets)).collect::<BTreeMap<_, _>>())
    });
    both.into_iter().filter(|(_, reasons)| !reasons.is_empty()).collect()
}

/// Those events that are no verdict.
fn events(totals: &Totals) -> BTreeMap<&'static str, u64> {
    let others = totals.happened().filter(|(event, _)| !matches!(event, Event::Answered | Event::Held | Event::Kernel));
    others.map(|(event, count)| (event.name(), count)).collect()
}

impl Report {
    /// The report as text.
    #[must_use]
    pub fn render(&self) -> String {
        let packets: u64 = self.ends.iter().map(|end| end.received).sum();
        let mut text = format!(
            "{packets} packets over {}.{:03} s, {} flows made, {} expired\n\n",
            self.nanoseconds / 1_000_000_000,
            self.nanoseconds / 1_000_000 % 1_000,
            self.flows.created,
            self.flows.expired,
        );
        let mut ends = Columns::new(&["END", ">RECEIVED", ">SENT"]);
        for end in &self.ends {
            ends.row([end.name.clone(), end.received.to_string(), end.sent.to_string()]);
        }
        text += &format!("{}\n{}", ends.render(), self.verdicts.render());
        if !self.drops.is_empty() {
            let mut columns = Columns::new(&["DROPPED", "REASON", ">PACKETS"]);
            for (direction, reasons) in &self.drops {
                for (reason, packets) in reasons {
                    columns.row([(*direction).to_owned(), (*reason).to_owned(), packets.to_string()]);
                }
            }
            text += &format!("\n{}", columns.render());
        }
        if !self.events.is_empty() {
            let mut columns = Columns::new(&["EVENT", ">COUNT"]);
            for (event, count) in &self.events {
                columns.row([(*event).to_owned(), count.to_string()]);
            }
            text += &format!("\n{}", columns.render());
        }
        if self.not_ip > 0 {
            text += &format!("\n{} frames of the inside capture carry no IP and were left out\n", self.not_ip);
        }
        for sentence in &self.clocks {
            text += &format!("\n{sentence}\n");
        }
        text
    }
}

impl Verdicts {
    fn render(&self) -> String {
        let (out, inn) = (&self.outbound, &self.inbound);
        let mut columns = Columns::new(&["VERDICT", ">OUTBOUND", ">INBOUND"]);
        for (name, out, inn) in [
            ("forwarded", out.forwarded, inn.forwarded),
            ("answered", out.answered, inn.answered),
            ("held", out.held, inn.held),
            ("kernel's", out.kernel, inn.kernel),
            ("dropped", out.dropped, inn.dropped),
        ] {
            columns.row([name.to_owned(), out.to_string(), inn.to_string()]);
        }
        columns.render()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::counters::Counters;
    use crate::plane::verdict::DropReason;
    use crate::types::{Offload, WanId};

    #[test]
    fn the_report_counts_by_end_direction_and_reason() {
        let mut counts = Counts::default();
        let mut bytes = [0; 4];
        let frame = Frame::new(&mut bytes, 0, 0, 4, Offload::NONE).unwrap();
        let wan = End::Wan(WanId(1));
        counts.verdict(End::Inside, &frame, Verdict::Forward(wan));
        counts.verdict(wan, &frame, Verdict::Drop(DropReason::TtlExpired));
        counts.verdict(wan, &frame, Verdict::Drop(DropReason::TtlExpired));
        counts.verdict(wan, &frame, Verdict::Kernel);
        counts.not_ip();
        let wans = ["fiber".to_owned(), "cable".to_owned()];
        let counters = Counters::default();
        (0..2).for_each(|_| counters.count_drop(Direction::Inbound, DropReason::TtlExpired));
        counters.event(Event::Fragmented);
        counters.event(Event::Kernel);
        let report = Report {
            flows: Flows { created: 1, expired: 0 },
            nanoseconds: 1_234_567_890,
            clocks: vec!["day.pcap: packet 3 is odd".to_owned()],
            ..counts.report(&wans, &[2, 0, 1], &counters.snapshot())
        };
        assert_eq!(
            report.render(),
            "\
5 packets over 1.234 s, 1 flows made, 0 expired

END     RECEIVED  SENT
inside         2     2
fiber          0     0
cable          3     1

VERDICT    OUTBOUND  INBOUND
forwarded         1        0
answered          0        0
held              0        0
kernel's          0        1
dropped           0        2

DROPPED  REASON       PACKETS
inbound  ttl-expired        2

EVENT       COUNT
fragmented      1

1 frames of the inside capture carry no IP and were left out

day.pcap: packet 3 is odd
"
        );
    }
}
