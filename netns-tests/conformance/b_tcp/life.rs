//! C-20: how long a silent flow lives, to the second, in both families, whoever called.

use super::script::{lives, lives_unanswered, lives_with};
use crate::story::packets::ip;
use crate::story::{self, At, HOST6, SERVER, SERVER6, Story, comes_in, goes_out};
use At::{Cable, Fiber};
use std::time::Duration;

const HANDSHAKE: &str = "> S 0
    < S. 0 ack 1
    > . 1 ack 1";

/// Shows RFC 5382 REQ-5.
#[test]
fn c_20_an_established_connection_lives_for_2_hours_and_4_minutes_of_silence() {
    lives(HANDSHAKE, 7440);
}

/// Shows RFC 5382 REQ-5, RFC 7857 §2.1.
#[test]
fn c_20_an_opening_connection_lives_for_4_minutes_of_silence() {
    lives_unanswered("> S 0", 240);
    lives("> S 0\n< S. 0 ack 1", 240);
    lives("> S 0\n< S. 0 ack 1\nwait 100\n> S 0\n< S. 0 ack 1", 240);
}

/// Shows RFC 5382 REQ-5, RFC 7857 §2.1.
#[test]
fn c_20_a_closing_connection_lives_for_4_minutes_of_silence() {
    lives(&format!("{HANDSHAKE}\n> F. 1 ack 1\n< F. 1 ack 2\n> . 2 ack 2"), 240);
}

/// Times that nobody else has, all different.
fn other_times() -> String {
    let times = "tcp_established = 700\ntcp_opening = 10\ntcp_closing = \"20s\"\nudp = 30\nicmp = 1\nother = 50\nunanswered = 25\n";
    format!("{}\n[timeouts]\n{times}", story::config())
}

/// Shows RFC 5382 REQ-5, RFC 7857 §2.1.
#[test]
fn c_20_the_times_of_tcp_are_set_one_by_one() {
    let config = other_times();
    lives_with(Some(&config), HANDSHAKE, 700);
    lives_with(Some(&config), "> S 0", 10);
    lives_with(Some(&config), &format!("{HANDSHAKE}\n> F. 1 ack 1\n< F. 1 ack 2"), 20);
}

/// A packet between two hosts with a TTL.
type Packet = fn(&str, &str, u8) -> Vec<u8>;

/// A call from outside on cable is answered there after almost so many seconds; at that time the flow is forgotten, and
/// the answer takes fiber like anything new. The same after the call has been answered once.
fn lives_for(config: &str, [unanswered, answered]: [u64; 2], call: Packet, answer: Packet) {
    speaks_within(config, unanswered, false, call, answer);
    speaks_within(config, answered, true, call, answer);
}

fn speaks_within(config: &str, seconds: u64, is_answered: bool, call: Packet, answer: Packet) {
    let casts = [
        ("10.250.250.2", "192.0.2.2", "198.51.100.2", SERVER),
        (HOST6, "2001:db8:a:c81::100", "2001:db8:b:be01:27ea::100", SERVER6),
    ];
    for (host, fiber, cable, server) in casts {
        for (late, wan, public, flows) in [(false, Cable, cable, 1), (true, Fiber, fiber, 2)] {
            let answer_on = |wan, public| goes_out(wan, &answer(host, server, 64), &answer(public, server, 63));
            let mut steps = comes_in(Cable, &call(server, cable, 64), &call(server, host, 63)).to_vec();
            // The call comes at 0 ms, its first answer at 1 ms, and a life ends with a full second.
            let mut end = Duration::from_secs(seconds);
            if is_answered {
                steps.extend(answer_on(Cable, cable));
                end += Duration::from_millis(999);
            }
            let pause = end - Duration::from_millis(if late { 1 } else { 2 });
            steps.push(story::Step::Wait(pause));
            steps.extend(answer_on(wan, public));
            Story::new("c-20", steps, flows).with_expired(flows - 1).with_config(config).check();
        }
    }
}

fn udp_call(from: &str, to: &str, ttl: u8) -> Vec<u8> {
    ip(from, to).ttl(ttl).udp((53, 4000), b"call")
}

fn udp_answer(from: &str, to: &str, ttl: u8) -> Vec<u8> {
    ip(from, to).ttl(ttl).udp((4000, 53), b"answer")
}

fn ping(from: &str, to: &str, ttl: u8) -> Vec<u8> {
    ip(from, to).ttl(ttl).echo(if from.contains(':') { 128 } else { 8 }, 7, b"ping")
}

fn pong(from: &str, to: &str, ttl: u8) -> Vec<u8> {
    ip(from, to).ttl(ttl).echo(if from.contains(':') { 129 } else { 0 }, 7, b"ping")
}

fn gre(from: &str, to: &str, ttl: u8) -> Vec<u8> {
    ip(from, to).ttl(ttl).raw(47, &[0, 0, 8, 0])
}

/// Shows RFC 4787 REQ-5.
#[test]
fn c_20_a_udp_flow_lives_for_5_minutes_of_silence() {
    lives_for(&story::config(), [30, 300], udp_call, udp_answer);
}

/// Shows RFC 5508 REQ-2, RFC 7857 §11.
#[test]
fn c_20_an_echo_lives_for_60_seconds_of_silence() {
    lives_for(&story::config(), [30, 60], ping, pong);
}

#[test]
fn c_20_a_flow_of_another_protocol_lives_for_5_minutes_of_silence() {
    lives_for(&story::config(), [30, 300], gre, gre);
}

/// Shows RFC 4787 REQ-5b, RFC 5508 REQ-2a.
#[test]
fn c_20_the_other_times_are_set_one_by_one_down_to_a_second() {
    let config = other_times();
    lives_for(&config, [25, 30], udp_call, udp_answer);
    lives_for(&config, [1, 1], ping, pong);
    lives_for(&config, [25, 50], gre, gre);
}

/// Shows RFC 4787 REQ-6, RFC 4787 REQ-6a.
#[test]
fn c_20_packets_of_either_direction_keep_a_flow_alive() {
    let out = |from: &str, ttl| udp_answer(from, SERVER, ttl);
    let inn = |to: &str, ttl| udp_call(SERVER, to, ttl);
    let call = comes_in(Cable, &inn("198.51.100.2", 64), &inn("10.250.250.2", 63));
    let answer = goes_out(Cable, &out("10.250.250.2", 64), &out("198.51.100.2", 63));
    let wait = |seconds| story::Step::Wait(Duration::from_secs(seconds));
    let mut steps = Vec::new();
    for (packet, silence) in [(&call, 29), (&call, 29), (&answer, 299), (&answer, 299), (&call, 299), (&answer, 299)] {
        steps.extend(packet.iter().cloned());
        steps.push(wait(silence));
    }
    story::check("c-20", steps, 1);
}
