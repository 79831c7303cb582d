//! C-22 and C-23: a RST is delivered and believed for four minutes only if nobody speaks on.

use super::script::{Script, lives, plays};

const ESTABLISHED: u64 = 7440;
const TRANSITORY: u64 = 240;

const DOWNLOAD: &str = "> S 0
    < S. 0 ack 1
    > . 1 ack 1
    < . 1:1001 ack 1
    < . 1001:2001 ack 1
    < . 2001:3001 ack 1
    > . 1 ack 1001
    > . 1 ack 2001
    > . 1 ack 3001";

fn download_then(lines: &str) -> String {
    format!("{DOWNLOAD}\n{lines}")
}

/// Shows RFC 7857 §2.2.
#[test]
fn c_22_a_rst_of_either_side_is_translated_and_the_flow_kept_for_4_minutes() {
    lives(&download_then("< R. 3001 ack 1"), TRANSITORY);
    lives(&download_then("> R 1"), TRANSITORY);
}

/// Shows RFC 7857 §2.2, RFC 7857 §7.1.
#[test]
fn c_22_more_rsts_do_not_prolong_a_life() {
    Script { lines: "> S 0\n< S. 0 ack 1\nwait 100\n< R. 1 ack 1\nwait 141\n~~ . 5 ack 5", flows: 2, expired: 1 }
        .play(None);
    // Two minutes after the first RST another one passes, and the flow still ends four minutes after the first.
    lives(&download_then("< R. 3001 ack 1\nwait 120\n> R 1\n< R. 3001 ack 1\nbefore 119\n< . 3001 ack 1"), ESTABLISHED);
    let forgotten = download_then("< R. 3001 ack 1\nwait 120\n< R. 3001 ack 1\nwait 121\n~~ . 1 ack 3001");
    Script { lines: &forgotten, flows: 2, expired: 1 }.play(None);
}

/// Shows RFC 7857 §2.2.
#[test]
fn c_22_when_a_rst_got_lost_behind_the_router_its_peers_data_are_delivered() {
    lives(&download_then("> R 1\nwait 239\n< . 3001:4001 ack 1"), ESTABLISHED);
    lives(&download_then("< R. 3001 ack 1\nwait 239\n> . 1:100 ack 3001\n< . 3001:3002 ack 100"), ESTABLISHED);
}

/// Shows RFC 5961 §3.2, RFC 5961 §9.1, RFC 5961 §9.2.
#[test]
fn c_23_blind_rsts_end_nothing_and_reach_the_host_as_they_were_sent() {
    // Far below the window, far above it, inside it, and one short of the right number: the host knows better.
    let blind = "< R 0\n< R 1000000\n< R 42\n> P. 1:1001 ack 3001\n< . 3001 ack 1001\n< R. 3000 ack 1001";
    lives(&download_then(&format!("{blind}\n> . 1001 ack 3001")), ESTABLISHED);
    lives(&download_then(&format!("{blind}\n< . 3001:3101 ack 1001")), ESTABLISHED);
    lives(&download_then(&format!("{blind}\n< R. 3001 ack 1001")), TRANSITORY);
}

/// Shows RFC 5961 §3.2, RFC 7857 §2.2.
#[test]
fn c_23_a_rst_from_outside_without_the_right_number_does_not_shorten_a_silence() {
    // A number that nobody waits for, whoever called; the host would not even answer most of them.
    let idle = "! R 0\n! R 1000000\n! R 42\n! R 4294967295";
    lives(&download_then(idle), ESTABLISHED);
    lives(&format!("> . 1000:1100 ack 5000\n< . 5000 ack 1100\n{idle}"), ESTABLISHED);
    // Data from nowhere do not make a number right.
    lives(&download_then("! . 70000:70100 ack 1\n! R 70100"), ESTABLISHED);
    // The right one does: what the inside host has acknowledged, or what has reached it since.
    lives("> S 0\n< S. 0 ack 1\n> . 1 ack 1\n> . 1:11 ack 1\n< . 1:11 ack 11\n> R 11", TRANSITORY);
    lives("> S 0\n< S. 0 ack 1\n> . 1 ack 1\n< . 1:11 ack 1\n< . 11:21 ack 1\n< R 21", TRANSITORY);
    lives("> S 0\n< S. 0 ack 1\n> . 1 ack 1\n< F. 1 ack 1\n< R 2", TRANSITORY);
}

/// Shows RFC 5961 §3.2.
#[test]
fn c_23_a_rst_of_an_endpoint_without_memory_passes_while_its_flow_closes() {
    // One side closes with unread data; the other has forgotten everything and answers with a number of long ago.
    plays(&download_then("> P. 1:1001 ack 3001\n< F. 3001 ack 1001\n> . 1001 ack 3002\n> R. 1001 ack 3002\n< R 2001"));
    lives(&download_then("< F. 3001 ack 1\n> R. 1 ack 3002\nwait 1\n> . 1 ack 3002"), ESTABLISHED);
}

/// Shows RFC 5961 §3.2, RFC 5961 §5.2.
#[test]
fn c_23_a_rst_before_a_gap_or_behind_an_ack_of_nothing_ends_nothing() {
    // Data behind a hole, and a RST with the number in front of it.
    lives(
        &download_then("< . 4001:5001 ack 1\n> . 1 ack 3001\n< R 3001\n< . 3001:4001 ack 1\n> . 1 ack 5001"),
        ESTABLISHED,
    );
    // Somebody acknowledges what was never sent, to move the window, and resets there.
    lives(&download_then("< . 3001 ack 60000\n< R 60000\n> . 1:2 ack 3001\n< . 3001 ack 2"), ESTABLISHED);
}
