//! Claims about hosts of the links.

use super::*;

const A: WanId = WanId(0);
const LINK: Link = (Some(1), MAC);
const MAC: Mac = Mac([2, 0, 0, 0, 0xee, 9]);
const OTHER: Mac = Mac([2, 0, 0, 0, 0xbb, 9]);

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn host(number: u8) -> IpAddr {
    [192, 0, 2, number].into()
}

fn at(ms: u64) -> Tick {
    Tick::from_millis(50_000 + ms)
}

/// The hosts of WAN a, and whom they are asked about, until `until` in steps of 50 ms; `answers` says who has which MAC.
struct Run {
    hosts: Hosts,
    now: u64,
    refused: u32,
}

impl Run {
    fn new() -> Self {
        Self { hosts: Hosts::default(), now: 0, refused: 0 }
    }

    fn until(&mut self, until: u64, answers: impl Fn(IpAddr, Option<Mac>) -> Option<Mac>) -> Vec<(u64, Question)> {
        let mut asked = Vec::new();
        while self.now <= until {
            let now = at(self.now);
            if self.hosts.take_due(now) {
                let (questions, refused) = self.hosts.step(now, A);
                self.refused += refused;
                for question in questions {
                    asked.push((self.now, question));
                    if let Some(mac) = answers(question.0, question.1) {
                        self.says(question.0, mac, true);
                    }
                }
            }
            self.now += 50;
        }
        asked
    }

    fn says(&self, host: IpAddr, mac: Mac, is_answer: bool) {
        self.hosts.learn(at(self.now), A, Said { next_hop: host, mac, is_answer });
    }

    fn begin(&self, host: IpAddr, by: &str) -> Result<(), Full> {
        self.hosts.begin(at(self.now), (A, LINK), host, ip(by))
    }

    fn find(&self, host: IpAddr) -> Option<Resolution> {
        self.hosts.find(at(self.now), A, host)
    }
}

fn nobody(_: IpAddr, _: Option<Mac>) -> Option<Mac> {
    None
}

#[test]
fn a_host_is_asked_until_it_answers_and_then_again_as_long_as_something_is_sent_to_it() {
    let mut run = Run::new();
    assert_eq!(run.find(host(1)), None);
    run.begin(host(1), "10.250.250.2").unwrap();
    assert_eq!(run.find(host(1)), Some(Resolution::Asked));
    assert_eq!(run.until(200, nobody), [(100, (host(1), None))]);
    run.says(host(1), MAC, true);
    assert_eq!(run.find(host(1)), Some(Resolution::Known(MAC)));
    assert_eq!(run.until(20_000, nobody), []);
    run.find(host(1));
    let asked = run.until(31_000, |_, known| known);
    assert_eq!(asked, [(30_250, (host(1), Some(MAC)))], "the one who is known, alone");
    assert_eq!(run.until(70_000, nobody), [], "nothing was sent since");
    assert_eq!(run.find(host(1)), None);
    assert_eq!(run.hosts.count(A), 0);
}

#[test]
fn a_host_that_does_not_answer_is_given_up_for_a_second_and_asked_anew_after_that() {
    let mut run = Run::new();
    run.begin(host(1), "10.250.250.2").unwrap();
    let asked: Vec<_> = run.until(3_100, nobody).into_iter().map(|(ms, _)| ms).collect();
    assert_eq!(asked, [100, 1_100, 2_100]);
    assert_eq!(run.find(host(1)), Some(Resolution::Failed));
    run.until(4_100, nobody);
    assert_eq!(run.find(host(1)), None);
}

#[test]
fn a_host_that_falls_silent_is_asked_with_everybody_and_given_up() {
    let mut run = Run::new();
    run.begin(host(1), "10.250.250.2").unwrap();
    run.says(host(1), MAC, true);
    let in_use = |run: &mut Run, until| {
        let mut asked = Vec::new();
        while run.now < until {
            run.find(host(1));
            asked.extend(run.until(run.now + 500, nobody));
        }
        asked
    };
    let asked = in_use(&mut run, 33_400);
    let due = [(30_000, Some(MAC)), (31_000, Some(MAC)), (31_000, None), (32_000, Some(MAC)), (32_000, None)];
    assert_eq!(asked, due.map(|(ms, known)| (ms, (host(1), known))));
    assert_eq!(run.find(host(1)), Some(Resolution::Failed));
}

#[test]
fn what_nobody_asked_for_is_no_answer_and_what_is_claimed_is_used_only_if_the_known_one_is_silent() {
    let mut run = Run::new();
    run.says(host(1), OTHER, true);
    assert_eq!(run.find(host(1)), None, "what strangers say makes no entry");
    run.begin(host(1), "10.250.250.2").unwrap();
    run.says(host(1), MAC, true);
    run.says(host(1), OTHER, true);
    let both = run.until(400, |_, known| known);
    assert_eq!(both.iter().map(|(_, (_, known))| *known).collect::<Vec<_>>(), [Some(MAC), Some(OTHER)]);
    assert_eq!((run.find(host(1)), run.refused), (Some(Resolution::Known(MAC)), 1));
    run.now = 2_000;
    run.says(host(1), OTHER, false);
    run.until(2_400, |_, known| known.filter(|mac| *mac == OTHER));
    assert_eq!(run.find(host(1)), Some(Resolution::Known(OTHER)));
}

#[test]
fn who_tries_every_address_of_a_network_leaves_the_others_their_room() {
    let mut run = Run::new();
    run.begin(host(250), "10.250.250.3").unwrap();
    run.says(host(250), MAC, true);
    let begun = (0..200).filter(|number| run.begin(host(*number), "10.250.250.2").is_ok()).count();
    assert_eq!(begun, MOST_OF_SOURCE);
    assert!(run.begin(host(201), "10.250.250.3").is_ok(), "another inside host");
    run.now += PATIENCE_MS;
    assert!(run.begin(host(202), "10.250.250.2").is_ok(), "in the place of its oldest");
    let kept = (0..16).filter(|number| run.find(host(*number)).is_some()).count();
    assert_eq!((kept, run.find(host(202))), (MOST_OF_SOURCE - 1, Some(Resolution::Asked)));
    for source in 0..100u8 {
        (0..20).for_each(|number| _ = run.begin(ip(&format!("198.51.{source}.{number}")), &format!("10.0.0.{source}")));
    }
    let table = run.hosts.read(A).unwrap();
    assert_eq!(table.hosts.len(), MOST_SILENT + 1);
    drop(table);
    assert_eq!(run.find(host(250)), Some(Resolution::Known(MAC)), "who has answered stays");
}

#[test]
fn of_too_many_that_answer_the_one_goes_that_was_longest_without_a_packet() {
    let mut run = Run::new();
    let of = |number: u32| IpAddr::from((0xc612_0000 + number).to_be_bytes());
    for number in 0..u32::try_from(MOST).unwrap() {
        run.now = u64::from(number);
        run.begin(of(number), "10.250.250.2").unwrap();
        run.says(of(number), MAC, true);
    }
    run.now = 5_000;
    run.find(of(0));
    run.begin(of(5_000), "10.250.250.2").unwrap();
    assert_eq!((run.find(of(1)), run.find(of(0))), (None, Some(Resolution::Known(MAC))));
}

#[test]
fn another_link_has_other_hosts() {
    let run = Run::new();
    run.hosts.follow(A, LINK);
    run.begin(host(1), "10.250.250.2").unwrap();
    run.hosts.follow(A, LINK);
    assert!(run.find(host(1)).is_some());
    run.hosts.follow(A, (Some(2), MAC));
    assert!(run.find(host(1)).is_none());
}
