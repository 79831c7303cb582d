//! C-21, C-26 and C-27 as stories: which segments open, close and revive a flow, told by how long it lives afterwards.

use super::script::{lives, lives_unanswered, plays};

const ESTABLISHED: u64 = 7440;
const TRANSITORY: u64 = 240;

const HANDSHAKE: &str = "> S 0
    < S. 0 ack 1
    > . 1 ack 1";

/// A conversation that goes on from its handshake.
fn after_handshake(lines: &str) -> String {
    format!("{HANDSHAKE}\n{lines}")
}

/// Shows RFC 7857 §2.3.
#[test]
fn c_21_a_connection_closes_with_the_second_fin_whoever_sends_the_first() {
    let cases = [
        "> F. 1 ack 1\n< . 1 ack 2\n< F. 1 ack 2\n> . 2 ack 2",
        "< F. 1 ack 1\n> . 1 ack 2\n> F. 1 ack 2\n< . 2 ack 2",
        "> F. 1 ack 1\n< F. 1 ack 1\n> . 2 ack 2\n< . 2 ack 2",
        "< FP. 1:5 ack 1\n> FP. 1:5 ack 6",
    ];
    for case in cases {
        lives(&after_handshake(case), TRANSITORY);
    }
}

/// Shows RFC 7857 §2.3.
#[test]
fn c_21_a_half_closed_connection_goes_on_for_the_half_that_is_open() {
    lives(&after_handshake("> F. 1 ack 1\n< . 1 ack 2"), ESTABLISHED);
    lives(&after_handshake("> F. 1 ack 1\n< . 1:101 ack 2\nwait 3600\n< . 101:201 ack 2\n> . 2 ack 201"), ESTABLISHED);
    lives(&after_handshake("< F. 1 ack 1\nwait 3600\n> . 1:101 ack 2"), ESTABLISHED);
}

const CLOSED: &str = "> F. 1 ack 1\n< F. 1 ack 2\n> . 2 ack 2";

/// Shows RFC 7857 §2.3.
#[test]
fn c_21_a_new_syn_from_either_side_or_both_opens_a_closed_connection_again() {
    let again = "> S 900\n< S. 700 ack 901\n> . 901 ack 701";
    let other = "< S 900\n> S. 700 ack 901\n< . 901 ack 701";
    let both = "> S 900\n< S 700\n> S. 900 ack 701\n< S. 700 ack 901";
    for opening in [again, other, both] {
        lives(&after_handshake(&format!("{CLOSED}\nwait 200\n{opening}")), ESTABLISHED);
    }
    for opening in ["> S 900", "< S 900"] {
        lives_unanswered(&after_handshake(&format!("{CLOSED}\nwait 200\n{opening}")), TRANSITORY);
    }
    let half = ["> S 900\n< S. 700 ack 901", "> S 900\n< S 700"];
    for opening in half {
        lives(&after_handshake(&format!("{CLOSED}\nwait 200\n{opening}")), TRANSITORY);
    }
}

/// Shows RFC 7857 §2.3.
#[test]
fn c_21_a_syn_ack_sent_twice_and_thrice_neither_opens_nor_closes() {
    lives("> S 0\n< S. 0 ack 1\n< S. 0 ack 1\n< S. 0 ack 1", TRANSITORY);
    lives("> S 0\n< S. 0 ack 1\n< S. 0 ack 1\n> . 1 ack 1\n< S. 0 ack 1\n> . 1 ack 1", ESTABLISHED);
}

/// Shows RFC 5382 REQ-2, RFC 7857 §2.3.
#[test]
fn c_21_what_is_sent_again_while_closing_does_not_revive() {
    lives(&after_handshake(&format!("{CLOSED}\nwait 100\n< F. 1 ack 2\n> . 2 ack 2\n< . 2 ack 2")), TRANSITORY);
}

/// Shows RFC 5382 REQ-2, RFC 5382 REQ-2a.
#[test]
fn c_26_two_syns_that_cross_make_one_connection() {
    let crossing = "> S 0\n< S 500\n> S. 0 ack 501\n< S. 500 ack 1\n> . 1:11 ack 501\n< . 501:511 ack 11";
    lives(crossing, ESTABLISHED);
    plays("> S 0\n< S 500\n< S. 500 ack 1\n> S. 0 ack 501\n< P. 501:601 ack 1");
}

#[test]
fn c_27_the_middle_of_a_connection_passes_without_its_handshake() {
    lives("> . 1000:1100 ack 5000\n< . 5000 ack 1100", ESTABLISHED);
    // Nothing is known of windows, so nothing is out of one.
    plays("> . 1000:1100 ack 5000\n< . 4000000000:4000000100 ack 7\n> . 12 ack 4000000100\n< F. 1 ack 1");
    lives_unanswered("> . 1000:1100 ack 5000", TRANSITORY);
}
