//! The plot: a quiet time, a line that dies softly, one that dies hard, a third that is plugged in meanwhile, and both
//! mended. At each cut a stream and a download use the line, and a stream and a session another one.
//! Must never know: what is good or bad.

use super::scene::Scene;
use super::story::{Arrival, Bystanders, Cut, Download, How, Story, Stream, line_of, tenths};
use crate::lab::topology::Line;
use crate::lab::traffic::stream::{self, handover, missing};
use crate::lab::traffic::{self, Session};
use std::io::{self, ErrorKind};
use std::net::IpAddr;

/// Nanoseconds between two datagrams of a stream.
const PERIOD: u64 = 2_000_000;
/// Milliseconds that everybody uses the lines before a cut, and that the lines carry on after what was waited for.
const USE: u64 = 500;
const AFTERMATH: u64 = 1000;
/// Milliseconds until what was sent has arrived.
const ARRIVE: u64 = 200;

/// What `[wan.health]` says of every line of the play. Four answers in a row must be late for a machine that is busy with
/// other things to be taken for a dead line.
#[must_use]
pub fn health(pace: u32) -> String {
    let [interval, hold] = [200 * pace, 1000 * pace];
    format!(
        r#"[wan.health]
probes = [{{ icmp = "203.0.113.10" }}, {{ icmp = "2001:db8:ffff::10" }}]
interval = "{interval}ms"
timeout = "{interval}ms"
fall = 4
rise = 3
hold = "{hold}ms"
on_soft_down = {{ tcp = "reset", udp = "move" }}
"#
    )
}

/// Plays it, after so many quiet seconds.
///
/// # Errors
/// `Interrupted`: somebody wants it to end. Others: the lab itself fails.
pub fn perform(scene: &mut Scene<'_>, quiet_seconds: u64) -> io::Result<Story> {
    scene.pass(quiet_seconds * 1000)?;
    let calm = scene.look()?;
    let mut soft = cut(scene, Line::Fiber, How::Soft)?;
    soft.back = mend(scene, Line::Fiber, How::Soft)?;
    let mut hard = cut(scene, Line::Dsl, How::Hard)?;
    scene.lab.plug_in()?;
    scene.timeline.mark(Line::Lte, 'o');
    scene.tell(Line::Lte, "plugged in: its link, absent until now, is there".to_owned());
    let third = arrive(scene, Line::Lte)?;
    scene.pass(AFTERMATH)?;
    hard.back = mend(scene, Line::Dsl, How::Hard)?;
    scene.pass(AFTERMATH)?;
    Ok(Story { calm, cuts: vec![soft, hard], third })
}

/// Those who are there when a line is cut.
struct Company {
    other: Line,
    stream: stream::Stream,
    steady: stream::Stream,
    download: traffic::Download,
    session: Session,
}

impl Company {
    fn gather(scene: &Scene<'_>, line: Line) -> io::Result<Self> {
        let other = if line == Line::Fiber { Line::Dsl } else { Line::Fiber };
        let Scene { lab, sink, clock, .. } = scene;
        let period = PERIOD * u64::from(lab.options().pace);
        Ok(Self {
            other,
            stream: sink.stream(lab, period, line)?,
            steady: sink.stream(lab, period, other)?,
            download: traffic::Download::start(lab, *clock, line)?,
            session: Session::start(lab, scene.traffic.tally(), other)?,
        })
    }

    /// Whether those who used the line go on by another.
    fn goes_on(&self, scene: &Scene<'_>, line: Line) -> bool {
        let is_off = |public: Option<IpAddr>| public.is_some_and(|public| line_of(public) != Some(line.name()));
        let again = self.download.breaks().first().and_then(|it| it.again).map(|(_, by)| by);
        is_off(scene.sink.last(&self.stream).map(IpAddr::V4)) && is_off(again)
    }

    /// What the stream on the line went through.
    fn stream(&self, scene: &Scene<'_>, sent: u64) -> Stream {
        let heard = scene.sink.heard(&self.stream);
        let by = heard.last().and_then(|last| line_of(last.from.into()));
        Stream { gap_ms: handover(&heard).map(tenths), lost: missing(&heard, sent), by }
    }

    /// What the download on the line went through since it was cut.
    fn download(&self, began: f64) -> Download {
        let breaks = self.download.breaks();
        let Some(first) = breaks.first() else { return Download::default() };
        let told = if first.how == ErrorKind::ConnectionReset { "reset".to_owned() } else { first.how.to_string() };
        Download {
            told_ms: Some(tenths(first.at - began)),
            told: Some(told),
            is_reset: first.how == ErrorKind::ConnectionReset && breaks.len() == 1,
            again_ms: first.again.map(|(at, _)| tenths(at - first.at)),
            by: first.again.and_then(|(_, by)| line_of(by)),
        }
    }

    /// What the others noticed.
    fn bystanders(&self, scene: &Scene<'_>, sent: u64) -> Bystanders {
        let heard = scene.sink.heard(&self.steady);
        let lost = missing(&heard, sent).max(missing(&self.steady.answers(), sent));
        let typed = self.session.typed();
        let (keys, slowest_ms, broken) = (typed.keys, tenths(typed.slowest), typed.broken);
        Bystanders { wan: self.other.name(), sent, lost, keys, slowest_ms, broken }
    }
}

fn cut(scene: &mut Scene<'_>, line: Line, how: How) -> io::Result<Cut> {
    let company = Company::gather(scene, line)?;
    scene.pass(USE)?;
    let before = scene.status()?.events;
    let began = strike(scene, line, how)?;
    let noticed_ms = notice(scene, line, began)?;
    scene.until(|scene| Ok(company.goes_on(scene, line)))?;
    scene.pass(AFTERMATH)?;
    let sent = [&company.stream, &company.steady].map(stream::Stream::sent);
    scene.pass(ARRIVE)?;
    let after = scene.status()?.events;
    let [moved, reset] = ["moved", "reset"].map(|name| {
        let [before, after] = [&before, &after].map(|events| events.get(name).copied().unwrap_or(0));
        after.saturating_sub(before)
    });
    let cut = Cut {
        wan: line.name(),
        how,
        noticed_ms,
        moved,
        reset,
        stream: company.stream(scene, sent[0]),
        download: company.download(began),
        bystanders: company.bystanders(scene, sent[1]),
        back: Arrival::default(),
    };
    words_for(&cut).into_iter().for_each(|words| scene.tell(line, words));
    Ok(cut)
}

/// Cuts a line. When it began.
fn strike(scene: &mut Scene<'_>, line: Line, how: How) -> io::Result<f64> {
    scene.traffic.tally().cut(line);
    let began = scene.now();
    let words = match how {
        How::Soft => {
            scene.lab.swallow(line, true)?;
            "cut softly: its ISP swallows everything, the link and the gateway live"
        }
        How::Hard => {
            scene.lab.cut(line)?;
            "cut hard: the ISP's end is off, the link has no carrier"
        }
    };
    scene.timeline.mark(line, 'x');
    scene.tell(line, words.to_owned());
    Ok(began)
}

/// Waits until flowpin says that a line is down. Milliseconds since it was cut.
fn notice(scene: &mut Scene<'_>, line: Line, began: f64) -> io::Result<Option<f64>> {
    let is_noticed = scene.until(|scene| Ok(scene.wan(line)?.health.iter().all(|it| it.state.ends_with("down"))))?;
    let noticed_ms = is_noticed.then(|| tenths(scene.now() - began));
    scene.traffic.tally().noticed(line);
    if let Some(ms) = noticed_ms {
        let reason = scene.wan(line)?.health.first().map(|it| it.reason.clone()).unwrap_or_default();
        scene.tell(line, format!("noticed after {ms} ms: {reason}"));
    }
    Ok(noticed_ms)
}

/// What those went through who were there.
fn words_for(cut: &Cut) -> Vec<String> {
    let Cut { moved, reset, stream, download, bystanders, .. } = cut;
    let or_never = |ms: Option<f64>| ms.map_or("never".to_owned(), |ms| format!("{ms} ms"));
    let told = download.told.as_deref().unwrap_or("told nothing");
    let by = |by: Option<&'static str>| by.unwrap_or("no other line");
    vec![
        format!("{moved} flows moved, {reset} connections reset"),
        format!("a UDP stream went on by {}: silent for {}", by(stream.by), or_never(stream.gap_ms)),
        format!(
            "a download was {told} after {}, and had bytes by {} {} later",
            or_never(download.told_ms),
            by(download.by),
            or_never(download.again_ms)
        ),
        match &bystanders.broken {
            None => format!(
                "a session on {} typed {} keys meanwhile, the slowest echo took {} ms",
                bystanders.wan, bystanders.keys, bystanders.slowest_ms
            ),
            Some(why) => format!("a session on {} broke: {why}", bystanders.wan),
        },
    ]
}

fn mend(scene: &mut Scene<'_>, line: Line, how: How) -> io::Result<Arrival> {
    match how {
        How::Soft => scene.lab.swallow(line, false)?,
        How::Hard => scene.lab.mend(line)?,
    }
    scene.timeline.mark(line, 'o');
    scene.tell(line, "mended".to_owned());
    let arrival = arrive(scene, line)?;
    scene.traffic.tally().mended(line);
    scene.pass(AFTERMATH)?;
    Ok(arrival)
}

/// Waits until a line is up, and used.
fn arrive(scene: &mut Scene<'_>, line: Line) -> io::Result<Arrival> {
    let began = scene.now();
    let is_up = scene.until(|scene| Ok(scene.wan(line)?.health.iter().all(|it| it.state == "up")))?;
    let up_ms = is_up.then(|| tenths(scene.now() - began));
    let flows = scene.flows_by(line);
    let is_used = scene.until(|scene| Ok(scene.flows_by(line) > flows))?;
    if let (Some(ms), true) = (up_ms, is_used) {
        scene.tell(line, format!("up after {ms} ms, and new flows use it"));
    }
    Ok(Arrival { up_ms, is_used })
}
