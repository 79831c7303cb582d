//! Conversations over TCP in a line per segment, as `> S. 0:100 ack 1`: the caller's `>` or the called one's `<`, flags (a
//! full stop is ACK), sequence numbers from and to, acknowledgment. Each plays in both families, and both with a caller
//! inside, by fiber, and with one outside, on cable, whose flow would take fiber if it were forgotten.
//! Must never know: any single claim.

use crate::story::packets::ip;
use crate::story::{At, HOST6, SERVER, SERVER6, Step, Story, arrives, leaves};
use At::{Cable, Fiber, Inside};
use std::time::Duration;

/// What is played.
#[derive(Clone, Copy)]
pub struct Script<'a> {
    /// The lines.
    pub lines: &'a str,
    /// Flows made, and how many of them have timed out at the end.
    pub flows: u64,
    pub expired: u64,
}

/// Who talks, seen from inside.
#[derive(Clone, Copy)]
struct Cast {
    host: &'static str,
    /// The host's address on fiber and on cable.
    public: [&'static str; 2],
    server: &'static str,
    /// The caller is inside.
    inside_calls: bool,
}

const CAST: [Cast; 4] = [
    Cast { host: "10.250.250.2", public: ["192.0.2.2", "198.51.100.2"], server: SERVER, inside_calls: true },
    Cast { host: "10.250.250.2", public: ["192.0.2.2", "198.51.100.2"], server: SERVER, inside_calls: false },
    Cast { host: HOST6, public: PUBLIC6, server: SERVER6, inside_calls: true },
    Cast { host: HOST6, public: PUBLIC6, server: SERVER6, inside_calls: false },
];
const PUBLIC6: [&str; 2] = ["2001:db8:a:c81::100", "2001:db8:b:be01:27ea::100"];

/// The ports of caller and called one.
const PORTS: (u16, u16) = (40000, 443);

/// A conversation that is one flow to its end.
#[track_caller]
pub fn plays(lines: &str) {
    Script { lines, flows: 1, expired: 0 }.play(None);
}

/// The flow of this conversation lives for so many seconds of silence and not a millisecond longer.
#[track_caller]
pub fn lives(lines: &str, seconds: u64) {
    lives_with(None, lines, seconds);
}

/// The same where nobody has answered the last line: what strangers began lives for half a minute at the most.
#[track_caller]
pub fn lives_unanswered(lines: &str, seconds: u64) {
    let last = lines.lines().last().unwrap().trim();
    let is_from_inside = |cast: &Cast| cast.inside_calls == last.starts_with('>');
    lives_among(is_from_inside, None, lines, seconds);
    lives_among(|cast| !is_from_inside(cast), None, lines, 30);
}

/// The same under another configuration.
#[track_caller]
pub fn lives_with(config: Option<&str>, lines: &str, seconds: u64) {
    lives_among(|_| true, config, lines, seconds);
}

#[track_caller]
fn lives_among(who: impl Fn(&Cast) -> bool + Copy, config: Option<&str>, lines: &str, seconds: u64) {
    let alive = format!("{lines}\nbefore {seconds}\n~ . 5:9 ack 5");
    Script { lines: &alive, flows: 1, expired: 0 }.play_with(who, config);
    let dead = format!("{lines}\nafter {seconds}\n~~ . 5:9 ack 5");
    Script { lines: &dead, flows: 2, expired: 1 }.play_with(who, config);
}

impl Script<'_> {
    /// Plays it with everybody.
    #[track_caller]
    pub fn play(self, config: Option<&str>) {
        self.play_with(|_| true, config);
    }

    #[track_caller]
    fn play_with(self, who: impl Fn(&Cast) -> bool, config: Option<&str>) {
        for cast in CAST.into_iter().filter(who) {
            let steps = cast.steps(self.lines);
            let story = Story::new("tcp", steps, self.flows).with_expired(self.expired);
            let story = match config {
                Some(config) => story.with_config(config),
                None => story,
            };
            story.check();
        }
    }
}

impl Cast {
    fn steps(self, lines: &str) -> Vec<Step> {
        let mut steps = Vec::new();
        // Milliseconds of the last segment, and of the next if nobody waits.
        let (mut last, mut next) = (0u64, 0u64);
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (first, rest) = line.split_once(' ').unwrap();
            let seconds = || rest.parse::<u64>().unwrap();
            let due = match first {
                "wait" => next + seconds() * 1000,
                // A flow's end is the first full second when its time is up.
                "before" => last.div_ceil(1000) * 1000 + seconds() * 1000 - 1,
                "after" => last.div_ceil(1000) * 1000 + seconds() * 1000,
                _ => {
                    steps.extend(self.segment(first, rest));
                    (last, next) = (next, next + 1);
                    continue;
                }
            };
            steps.push(Step::Wait(Duration::from_millis(due - next)));
            next = due;
        }
        steps
    }

    /// One segment on its way. `~` comes from inside, `~~` too, as a flow that nobody knows; `!` comes from outside.
    fn segment(self, who: &str, rest: &str) -> [Step; 2] {
        let from_inside = who.starts_with('~') || (who != "!" && (who == ">") == self.inside_calls);
        let known = if self.inside_calls { Fiber } else { Cable };
        let wan = if who == "~~" { Fiber } else { known };
        let public = self.public[if wan == Fiber { 0 } else { 1 }];
        let from_caller = from_inside == self.inside_calls;
        let ports = if from_caller { PORTS } else { (PORTS.1, PORTS.0) };
        let segment = |source: &str, destination: &str, ttl| {
            let (flags, numbers, options, payload) = read(rest);
            ip(source, destination).ttl(ttl).segment(ports, flags, numbers, &options, &vec![0x5a; payload])
        };
        if from_inside {
            let before = segment(self.host, self.server, 64);
            [arrives(Inside, &before), leaves(wan, &segment(public, self.server, 63))]
        } else {
            let before = segment(self.server, public, 64);
            [arrives(wan, &before), leaves(Inside, &segment(self.server, self.host, 63))]
        }
    }
}

/// Flags, sequence and acknowledgment number, options, bytes of payload.
fn read(line: &str) -> (u8, (u32, u32), Vec<u8>, usize) {
    let mut words = line.split_whitespace();
    let flags = words.next().unwrap().chars().fold(0, |flags, letter| flags | flag(letter));
    let range = words.next().unwrap();
    let (from, to) = range.split_once(':').unwrap_or((range, range));
    let (from, to): (u32, u32) = (from.parse().unwrap(), to.parse().unwrap());
    let ack = if words.next() == Some("ack") { words.next().unwrap().parse().unwrap() } else { 0 };
    // An MSS that every link here can take: the clamp has rules of its own.
    let options = if flags & flag('S') != 0 { vec![2, 4, 0x03, 0xe8, 1, 1, 4, 2] } else { vec![] };
    (flags, (from, ack), options, to.wrapping_sub(from) as usize)
}

fn flag(letter: char) -> u8 {
    match letter {
        'F' => 1,
        'S' => 2,
        'R' => 4,
        'P' => 8,
        '.' => 16,
        _ => panic!("no flag is called {letter}"),
    }
}
