//! The claims about lines that are cut, mended and plugged in. No claim is about how long anything took: that is said.
//! Must never know: how anything was measured.

use super::claim::{Check, check};
use crate::cli::lab::story::{Arrival, Cut, How, Story};

/// All of them.
pub fn claims(story: &Story) -> Vec<Check> {
    let mut claims: Vec<Check> = story.cuts.iter().map(stream).collect();
    let of_all = |ok: fn(&Cut) -> bool| story.cuts.iter().all(ok);
    let said = |words: fn(&Cut) -> String| story.cuts.iter().map(words).collect::<Vec<_>>().join("; ");
    claims.push(check(
        "a download is reset when its line is cut, and redials by another at once",
        of_all(|it| it.download.is_reset && it.download.by.is_some_and(|by| by != it.wan)),
        || said(download),
    ));
    claims.push(check(
        "a session and a stream on another line lose nothing",
        of_all(|it| it.bystanders.broken.is_none() && it.bystanders.keys > 0 && it.bystanders.lost == 0),
        || said(bystanders),
    ));
    let mended = story.cuts.iter().all(|it| is_used(&it.back));
    claims.push(check("new flows come back to a line that is mended", mended, || {
        said(|it| format!("{} up after {}", it.wan, milliseconds(it.back.up_ms)))
    }));
    claims.push(check("new flows use a third line once it is plugged in", is_used(&story.third), || {
        format!("up after {}", milliseconds(story.third.up_ms))
    }));
    claims
}

fn stream(cut: &Cut) -> Check {
    let how = match cut.how {
        How::Soft => "into a black hole",
        How::Hard => "by its carrier",
    };
    let went_on = cut.stream.by.is_some_and(|by| by != cut.wan) && cut.stream.gap_ms.is_some();
    check(&format!("a UDP stream goes on by another line when its own is cut {how}"), went_on, || {
        let (gap, noticed) = (milliseconds(cut.stream.gap_ms), milliseconds(cut.noticed_ms));
        format!("gap {gap}, {} datagrams lost; noticed after {noticed}", cut.stream.lost)
    })
}

fn download(cut: &Cut) -> String {
    let told = cut.download.told.as_deref().unwrap_or("told nothing");
    let (after, again) = (milliseconds(cut.download.told_ms), milliseconds(cut.download.again_ms));
    format!("{} {told} after {after}, bytes again {again} later", cut.wan)
}

fn bystanders(cut: &Cut) -> String {
    let there = &cut.bystanders;
    match &there.broken {
        Some(why) => format!("the session on {} broke: {why}", there.wan),
        None => format!(
            "{} {} keys, the slowest echo {} ms, {} of {} datagrams lost",
            there.wan, there.keys, there.slowest_ms, there.lost, there.sent
        ),
    }
}

fn is_used(arrival: &Arrival) -> bool {
    arrival.up_ms.is_some() && arrival.is_used
}

fn milliseconds(time: Option<f64>) -> String {
    time.map_or("no time".to_owned(), |ms| format!("{ms} ms"))
}
