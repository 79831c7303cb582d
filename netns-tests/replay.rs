//! `flowpin replay`: captures in, the same bytes out, always. What comes out is compared with packets built from scratch,
//! never with what came out before. `captures/` holds both sides of each story for people to open;
//! `FLOWPIN_WRITE_CAPTURES=1` writes them anew from the stories.

mod cases;

use crate::story::{
    At, ENDS, INTERFACES, SERVER, START, STEP, Scratch, Step, TAG, assert_same, blocks, code, from_station, packets,
    pcapng, stderr, stdout,
};
use std::path::{Path, PathBuf};

fn captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("netns-tests/captures")
}

#[test]
fn every_capture_comes_out_as_a_router_must_send_it() {
    let scratch = Scratch::new("stories");
    for case in cases::all() {
        let (name, wanted) = (case.name.as_str(), case.expected(true));
        let file = scratch.file(&format!("{name}.in.pcapng"), &case.input());
        let file = file.to_str().unwrap();
        let output = scratch.replay(&["--in", file, "--out", "all.pcapng", "--drop-comments", "--json"]);
        assert_eq!(code(&output), 0, "{name}: {}", stderr(&output));
        assert_same(name, &scratch.read("all.pcapng"), &wanted);
        case.assert_counts(&stdout(&output));
        let again = scratch.replay(&["--in", file, "--out", "again.pcapng", "--drop-comments", "--json"]);
        assert_eq!(scratch.read("again.pcapng"), wanted, "{name}: the same again");
        assert_eq!(again.stdout, output.stdout, "{name}: the same report again");
        scratch.replay(&["--in", file, "--out", "sent.pcapng"]);
        assert_same(name, &scratch.read("sent.pcapng"), &case.expected(false));
    }
}

#[test]
fn the_captures_that_people_open_are_these_stories() {
    for case in cases::all() {
        for (kind, bytes) in [("in", case.input()), ("out", case.expected(true))] {
            let path = captures().join(format!("{}.{kind}.pcapng", case.name));
            if std::env::var_os("FLOWPIN_WRITE_CAPTURES").is_some() {
                std::fs::write(&path, &bytes).unwrap();
            }
            let committed = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert_same(&case.name, &committed, &bytes);
        }
    }
}

#[test]
fn one_capture_per_end_gives_one_capture_per_end() {
    let scratch = Scratch::new("ends");
    let case = cases::all().into_iter().find(|case| case.name == "udp").unwrap();
    let mut ends =
        ENDS.map(|name| pcapng::file(&[(name, if name == "inside" { pcapng::RAW } else { pcapng::ETHERNET })]));
    let mut wanted = [pcapng::RAW, pcapng::ETHERNET, pcapng::ETHERNET].map(classic);
    let mut time = START;
    for step in &case.steps {
        match step {
            Step::In(at, bytes) => {
                ends[*at as usize].extend(pcapng::packet(0, time, bytes, None));
                time += STEP;
            }
            Step::Out(at, bytes) => wanted[*at as usize].extend(record(time - STEP, bytes)),
            Step::Drop(_) | Step::GiveUp(_) | Step::Wait(_) => {}
        }
    }
    for (name, bytes) in ENDS.iter().zip(&ends) {
        scratch.file(&format!("{name}.in"), bytes);
    }
    let args = ["--wan", "cable=cable.in", "--inside", "inside.in", "--wan", "fiber=fiber.in", "--out-dir", "out/deep"];
    let output = scratch.replay(&args);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    for (name, wanted) in ENDS.iter().zip(&wanted) {
        assert_eq!(&scratch.read(&format!("out/deep/{name}.pcap")), wanted, "{name}");
    }
    let entries = std::fs::read_dir(scratch.path.join("out/deep")).unwrap().count();
    assert_eq!(entries, 3, "nothing else is left there");
}

/// The header of a classic pcap with nanoseconds, little-endian, snap length 262144.
fn classic(link: u8) -> Vec<u8> {
    let mut header = vec![0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0];
    header.extend([link, 0, 0, 0]);
    header
}

fn record(time: u64, bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    let words = [(time / 1_000_000_000) as u32, (time % 1_000_000_000) as u32, length, length];
    [&words.map(u32::to_le_bytes).concat(), bytes].concat()
}

#[test]
fn an_inside_capture_may_be_ethernet_and_what_is_not_ip_there_is_left_out() {
    let scratch = Scratch::new("ethernet");
    let packet = packets::ip("10.250.250.2", "203.0.113.10").udp((1, 2), b"hi");
    let mut file = classic(pcapng::ETHERNET);
    file.extend(record(START, &packets::ethernet([2; 6], [4; 6], None, &packet)));
    file.extend(record(START + 1, &[&[0xff; 6][..], &[4; 6], &[8, 6], &[0; 28]].concat()));
    scratch.file("lan.pcap", &file);
    let output = scratch.replay(&["--inside", "lan.pcap"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.contains("inside         2     0\nfiber          0     1\n"), "{text}");
    assert!(text.ends_with("1 frames of the inside capture carry no IP and were left out\n"), "{text}");
}

const COOKED: u8 = 113;

/// A packet as tcpdump captures it on a link of this kind (`ARPHRD_*`); `went` is 0 for one that came in, 4 for one that was
/// sent.
fn cooked(went: u8, hardware: u16, packet: &[u8]) -> Vec<u8> {
    [&[0, went][..], &hardware.to_be_bytes(), &[0; 10], &[8, 0], packet].concat()
}

#[test]
fn a_wan_that_was_captured_without_a_link_layer_is_replayed_as_such_a_line_beside_an_ethernet() {
    let scratch = Scratch::new("bare");
    let asks = packets::ip("10.250.250.2", SERVER).udp((1, 2), b"hi");
    let asked = packets::ip("192.0.2.2", SERVER).ttl(63).udp((1, 2), b"hi");
    let answer = packets::ip(SERVER, "192.0.2.2").udp((2, 1), b"ho");
    let answered = packets::ip(SERVER, "10.250.250.2").ttl(63).udp((2, 1), b"ho");
    let (odd, ppp) = ([0x75, 0, 0], 512);
    let to_cable = packets::ip(SERVER, "198.51.100.2").udp((9, 9), b"x");
    let from_cable = packets::ip(SERVER, "10.250.250.2").ttl(63).udp((9, 9), b"x");
    let frame = from_station(At::Cable, Some(TAG), &to_cable);
    let capture = |interfaces: &[(&str, u8)], packets: &[(u32, u64, &[u8], Option<&str>)]| {
        let mut file = pcapng::file(interfaces);
        packets
            .iter()
            .for_each(|(at, ms, bytes, note)| file.extend(pcapng::packet(*at, START + ms * STEP, bytes, *note)));
        file
    };
    let ends = |fiber| [("inside", pcapng::RAW), ("fiber", fiber), ("cable", pcapng::ETHERNET)];
    let raw: [(u32, u64, &[u8], _); 4] =
        [(0, 0, &asks, None), (1, 1, &answer, None), (1, 2, &odd, None), (2, 3, &frame, None)];
    scratch.file("raw.pcapng", &capture(&ends(pcapng::RAW), &raw));
    let [sent, came, strange] = [cooked(4, ppp, &asked), cooked(0, ppp, &answer), cooked(0, ppp, &odd)];
    let all: [(u32, u64, &[u8], _); 5] =
        [(0, 0, &asks, None), (1, 0, &sent, None), (1, 1, &came, None), (1, 2, &strange, None), (2, 3, &frame, None)];
    scratch.file("cooked.pcapng", &capture(&ends(COOKED), &all));
    let dropped =
        [("dropped:inside", pcapng::RAW), ("dropped:fiber", pcapng::RAW), ("dropped:cable", pcapng::ETHERNET)];
    let wanted: [(u32, u64, &[u8], _); 4] = [
        (1, 0, &asked, None),
        (0, 1, &answered, None),
        (4, 2, &odd, Some("dropped: bad-ip-header")),
        (0, 3, &from_cable, None),
    ];
    let wanted = capture(&[ends(pcapng::RAW), dropped].concat(), &wanted);
    for name in ["raw.pcapng", "cooked.pcapng"] {
        let output = scratch.replay(&["--in", name, "--out", "out.pcapng", "--drop-comments"]);
        assert_eq!(code(&output), 0, "{name}: {}", stderr(&output));
        assert_same(name, &scratch.read("out.pcapng"), &wanted);
    }
}

#[test]
fn one_packet_whose_clock_is_far_ahead_is_named_and_time_goes_on_behind_it() {
    let scratch = Scratch::new("clock");
    let second = |number: u64| START + number * 1_000_000_000;
    let packet = packets::ip("10.250.250.2", "203.0.113.10").udp((1, 2), b"hi");
    let mut file = classic(pcapng::RAW);
    for time in [second(0), second(1), second(86_400 * 365), second(2), second(90)] {
        file.extend(record(time, &packet));
    }
    scratch.file("lan.pcap", &file);
    let output = scratch.replay(&["--inside", "lan.pcap"]);
    let text = stdout(&output);
    assert!(text.starts_with("5 packets over 90.000 s, 1 flows made, 0 expired\n"), "{text}");
    let odd = "lan.pcap: packet 3 is dated 31535999 s ahead of the packets around it, and counts as of the time of the";
    assert!(text.contains(odd), "{text}");
}

#[test]
fn a_damaged_capture_ends_with_its_place_and_with_what_came_before() {
    let scratch = Scratch::new("damaged");
    let case = cases::all().into_iter().find(|case| case.name == "tcp").unwrap();
    let whole = case.input();
    let sound: usize = blocks(&whole)[..5].iter().map(|block| block.len()).sum();
    scratch.file("cut.pcapng", &whole[..sound + 30]);
    let output = scratch.replay(&["--in", "cut.pcapng", "--out", "out.pcapng", "--json"]);
    assert_eq!(code(&output), 1);
    let sentence = format!("cut.pcapng: the capture is damaged at byte {sound}, at packet 2: it ends in the middle");
    assert!(stderr(&output).starts_with(&format!("flowpin: {sentence}")), "{}", stderr(&output));
    let report: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert!(report["damage"].as_str().unwrap().starts_with(&sentence), "{report}");
    assert_eq!(report["ends"][0], serde_json::json!({"name": "inside", "received": 1, "sent": 0}));
    let wanted = case.expected(false);
    let first: usize = blocks(&wanted)[..5].iter().map(|block| block.len()).sum();
    assert_same("damaged", &scratch.read("out.pcapng"), &wanted[..first]);
    assert_eq!(scratch.names(), ["cut.pcapng", "out.pcapng"]);
}

#[test]
fn an_interface_that_is_no_end_is_named_with_the_ends() {
    let scratch = Scratch::new("names");
    scratch.file("eth0.pcapng", &pcapng::file(&[("inside", pcapng::RAW), ("eth0", pcapng::ETHERNET)]));
    let output = scratch.replay(&["--in", "eth0.pcapng", "--out", "out.pcapng"]);
    assert_eq!(code(&output), 1);
    let sentence = "interface 2 is named \"eth0\", but the ends of this configuration are inside, fiber, cable";
    assert!(stderr(&output).contains(sentence), "{}", stderr(&output));
    let any = [pcapng::file(&[("fiber", COOKED)]), pcapng::packet(0, START, &cooked(0, 1, &[]), None)].concat();
    scratch.file("any.pcapng", &any);
    let output = scratch.replay(&["--in", "any.pcapng"]);
    assert_eq!(code(&output), 1);
    let sentence = "interface 1 is Linux cooked (captured on `any`), but a WAN is Ethernet or raw IP";
    assert!(stderr(&output).contains(sentence), "{}", stderr(&output));
    let mut both = pcapng::file(&[("fiber", pcapng::RAW), ("fiber", pcapng::ETHERNET)]);
    both.extend(pcapng::packet(1, START, &[0; 60], None));
    scratch.file("both.pcapng", &both);
    let output = scratch.replay(&["--in", "both.pcapng"]);
    assert_eq!(code(&output), 1);
    let sentence = "interface 2 is Ethernet, and \"fiber\" began as another kind of link";
    assert!(stderr(&output).contains(sentence), "{}", stderr(&output));
    scratch.file("nameless.pcap", &classic(pcapng::RAW));
    let output = scratch.replay(&["--in", "nameless.pcap"]);
    assert!(stderr(&output).contains("interface 1 has no name"), "{}", stderr(&output));
    assert_eq!(scratch.names(), ["any.pcapng", "both.pcapng", "eth0.pcapng", "nameless.pcap"], "nothing was written");
}

#[test]
fn what_cannot_be_replayed_is_refused_in_one_sentence() {
    let scratch = Scratch::new("refusals");
    scratch.file("text.pcapng", b"hello, world");
    scratch.file("empty.pcapng", b"");
    scratch.file("good.pcapng", &pcapng::file(&INTERFACES));
    let cases: [(&[&str], i32, &str); 8] = [
        (&["--in", "text.pcapng"], 1, "text.pcapng: this is neither pcap nor pcapng"),
        (&["--in", "empty.pcapng"], 1, "empty.pcapng: the file is empty"),
        (&["--in", "gone.pcapng"], 1, "gone.pcapng: cannot be opened"),
        (&["--in", "good.pcapng", "--out", "good.pcapng"], 1, "good.pcapng: this is also read"),
        (&["--in", "good.pcapng", "--out", "."], 1, "this is a directory"),
        (&["--in", "good.pcapng", "--out", "no/such/place"], 1, "no/such/place: cannot be written"),
        (&["--wan", "lte=good.pcapng"], 2, "there is no such WAN in"),
        (&["--out", "x.pcapng"], 2, "--in"),
    ];
    for (args, wanted, sentence) in cases {
        let output = scratch.replay(args);
        assert_eq!(code(&output), wanted, "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(sentence), "{args:?}: {}", stderr(&output));
        assert_eq!(stdout(&output), "", "{args:?}");
    }
    assert_eq!(scratch.names(), ["empty.pcapng", "good.pcapng", "text.pcapng"], "nothing was written");
    let output = scratch.replay(&["--in", "good.pcapng", "--out", "out.pcapng"]);
    assert_eq!(code(&output), 0, "a capture without packets is a capture: {}", stderr(&output));
    assert_eq!(scratch.read("out.pcapng"), pcapng::file(&INTERFACES));
}

#[test]
fn flows_age_by_the_clock_of_the_capture() {
    let scratch = Scratch::new("time");
    let packet = packets::ip("10.250.250.2", "203.0.113.10").udp((1, 2), b"hi");
    let second = 1_000_000_000;
    // UDP lives five minutes, then fifty years pass in one step, then time seems to run backwards.
    let times = [START, START + 299 * second, START + 600 * second, START + 1_600_000_000 * second, START];
    let mut file = pcapng::file(&INTERFACES);
    let mut wanted = pcapng::file(&INTERFACES);
    let sent = packets::ip("192.0.2.2", "203.0.113.10").ttl(63).udp((1, 2), b"hi");
    let sent = packets::ethernet([2, 0xf1, 0, 0, 1, 1], [2, 0xf1, 0, 0, 0, 1], None, &sent);
    let mut now = 0;
    for time in times {
        file.extend(pcapng::packet(0, time, &packet, None));
        now = time.max(now);
        wanted.extend(pcapng::packet(1, now, &sent, None));
    }
    scratch.file("in.pcapng", &file);
    let output = scratch.replay(&["--in", "in.pcapng", "--out", "out.pcapng", "--json"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_same("time", &scratch.read("out.pcapng"), &wanted);
    let report: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(report["flows"], serde_json::json!({"created": 3, "expired": 2}), "{report}");
}
