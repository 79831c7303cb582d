//! C-24: a pair of ports is used again while somebody remembers what was there before. What Linux tests its connection
//! tracking with, in packets of our own: nothing may be taken for invalid.

use super::script::{Script, lives, lives_unanswered, plays};

const ESTABLISHED: u64 = 7440;

/// Shows RFC 5382 REQ-2, RFC 5961 §4.2, RFC 5961 §9.3.
#[test]
fn c_24_a_syn_answered_by_a_challenge_ack_leads_to_a_connection() {
    // The called one still has the old connection; the caller resets it and calls again.
    let call = "> S 0\n< . 145824453 ack 643160523\n> R 643160523\n> S 0\n< S. 0 ack 1\n> . 1 ack 1";
    lives(call, ESTABLISHED);
    plays(&format!("{call}\n> P. 1:101 ack 1\n< . 1 ack 101"));
}

/// Shows RFC 5382 REQ-2.
#[test]
fn c_24_an_old_syn_ack_does_not_stop_the_right_one() {
    let call = "> S 0\n< S. 145824453 ack 643160523\nwait 1\n> S 0\n< S. 145758918 ack 1\n> P. 1:2 ack 145758919";
    lives(call, ESTABLISHED);
    // The same with the RST that a caller sends for it.
    lives("> S 0\n< S. 145824453 ack 643160523\n> R 643160523\nwait 1\n> S 0\n< S. 9 ack 1\n> . 1 ack 10", ESTABLISHED);
}

/// Shows RFC 5382 REQ-2, RFC 5961 §4.2, RFC 5961 §9.3.
#[test]
fn c_24_a_syn_inside_a_connection_is_challenged_and_then_starts_over() {
    let first = "> S 0\n< S. 0 ack 1\n> . 1 ack 1\n> P. 1:101 ack 1\n< . 1 ack 101";
    let second = "> S 2000\n< . 1 ack 101\n> R. 101 ack 1\nwait 1\n> S 2000";
    lives_unanswered(&format!("{first}\n{second}"), 240);
    lives(&format!("{first}\n{second}\n< S. 3000 ack 2001\n> . 2001 ack 3001"), ESTABLISHED);
    // Unanswered, the SYN changes nothing.
    lives(&format!("{first}\n> S 2000\n< . 1 ack 101"), ESTABLISHED);
}

/// Shows RFC 5382 REQ-2.
#[test]
fn c_24_data_that_were_acknowledged_long_ago_pass_once_more() {
    let mut lines = vec!["> S 0".to_owned(), "< S. 0 ack 1".to_owned(), "> . 1 ack 1".to_owned()];
    for from in (1..67161).step_by(1460).map(|from: u32| (from, from + 1000)) {
        lines.push(format!("> P. {}:{} ack 1", from.0, from.1));
        lines.push(format!("< . 1 ack {}", from.1));
    }
    lines.push("> P. 1:1001 ack 1".to_owned());
    lines.push("< . 1 ack 67161".to_owned());
    lives(&lines.join("\n"), ESTABLISHED);
}

/// Shows RFC 5382 REQ-2.
#[test]
fn c_24_a_rst_that_is_not_exact_and_one_out_of_the_window_pass_too() {
    let closing =
        "> S 0\n< S. 0 ack 1\n> . 1 ack 1\n< . 1:1001 ack 1\n> . 1 ack 1001\n< F. 1001 ack 1\n> R. 1 ack 1002\n< R 501";
    lives(closing, 240);
    let open = "> S 0\n< S. 0 ack 1\n> . 1 ack 1\n< R 0\n< R 1000000\n< R 42\n> P. 1:1001 ack 1\n< . 1 ack 1001";
    lives(open, ESTABLISHED);
}

/// Shows RFC 5382 REQ-2.
#[test]
fn c_24_a_port_that_was_silent_for_too_long_starts_as_new() {
    let lines = "> S 0\n< S. 0 ack 1\n> . 1 ack 1\nafter 7440\n~~ . 1:2 ack 1";
    Script { lines, flows: 2, expired: 1 }.play(None);
}
