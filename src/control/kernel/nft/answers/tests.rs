//! Answers in every order and of every batch: only those to the own one count, and the earliest refusal is told.

use super::*;

/// `NLMSG_NOOP`, `NLMSG_DONE`, `NLMSG_OVERRUN` (linux/netlink.h).
const NLMSG_NOOP: u16 = 1;
const NLMSG_DONE: u16 = 3;
const NLMSG_OVERRUN: u16 = 4;

/// A message of that type, to that request, with a code and `more` bytes behind it.
fn message(kind: u16, sequence: u32, code: i32, more: usize) -> Vec<u8> {
    let length = u32::try_from(HEADER + 4 + more).unwrap();
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend_from_slice(&kind.to_ne_bytes());
    bytes.extend_from_slice(&[0; 2]);
    bytes.extend_from_slice(&sequence.to_ne_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&code.to_ne_bytes());
    bytes.resize((HEADER + 4 + more).next_multiple_of(4), 0);
    bytes
}

/// A confirmation quotes the header of the request.
fn confirmed(sequence: u32) -> Vec<u8> {
    message(NLMSG_ERROR, sequence, 0, 16)
}

/// A refusal quotes the whole request.
fn refused(sequence: u32, code: i32) -> Vec<u8> {
    message(NLMSG_ERROR, sequence, -code, 90)
}

/// What the answers to the batch come to that begins with this sequence number and has three messages.
fn outcome(begin: u32, datagrams: &[Vec<u8>]) -> String {
    let mut answers = Answers::to(begin, 3);
    datagrams.iter().for_each(|datagram| answers.read(datagram));
    let code = |error: io::Error| error.raw_os_error().unwrap();
    match answers.outcome() {
        Ok(()) => "done".to_owned(),
        Err(Refusal::Message(message, error)) => format!("message {message}: {}", code(error)),
        Err(Refusal::Batch(error)) => format!("batch: {}", code(error)),
        Err(Refusal::Unanswered) => "unanswered".to_owned(),
    }
}

#[test]
fn every_message_confirmed_is_success_in_one_datagram_or_in_many() {
    let datagrams = [confirmed(8), confirmed(9), confirmed(10)];
    assert_eq!(outcome(7, &datagrams), "done");
    assert_eq!(outcome(7, &[datagrams.concat()]), "done");
    assert_eq!(outcome(7, &datagrams[..2]), "unanswered");
    assert_eq!(outcome(7, &[]), "unanswered");
}

#[test]
fn a_refusal_counts_with_more_answers_before_and_behind_it() {
    assert_eq!(outcome(7, &[refused(8, 2), confirmed(9), confirmed(10)]), "message 0: 2");
    assert_eq!(outcome(7, &[confirmed(8), refused(9, 2), confirmed(10)]), "message 1: 2");
    assert_eq!(outcome(7, &[[confirmed(8), confirmed(9), refused(10, 1)].concat()]), "message 2: 1");
}

#[test]
fn the_earliest_refused_message_is_told_however_answers_come() {
    assert_eq!(outcome(7, &[confirmed(8), refused(9, 22), refused(10, 2)]), "message 1: 22");
    assert_eq!(outcome(7, &[refused(10, 2), refused(9, 22), confirmed(8)]), "message 1: 22");
}

#[test]
fn answers_to_an_older_batch_are_nobodys() {
    let stale = [confirmed(3), refused(4, 2), confirmed(5), refused(6, 95)];
    let own = [confirmed(8), confirmed(9), confirmed(10)];
    assert_eq!(outcome(7, &[&stale[..], &own].concat()), "done");
    assert_eq!(outcome(7, &stale), "unanswered");
    assert_eq!(outcome(7, &[confirmed(12), refused(13, 2)]), "unanswered", "nor those to a later one");
}

#[test]
fn the_begin_and_the_end_stand_for_the_batch_as_a_whole() {
    let own = [confirmed(8), confirmed(9), confirmed(10)];
    assert_eq!(outcome(7, &[&own[..], &[refused(7, 12)]].concat()), "batch: 12", "the commit itself failed");
    assert_eq!(outcome(7, &[&own[..], &[refused(11, 22)]].concat()), "batch: 22");
    assert_eq!(outcome(7, &[refused(7, 95)]), "batch: 95", "there is no nf_tables");
    assert_eq!(outcome(7, &[confirmed(7), confirmed(11)]), "unanswered", "they were not asked to be confirmed");
}

#[test]
fn sequence_numbers_go_round() {
    assert_eq!(outcome(u32::MAX - 1, &[confirmed(u32::MAX), confirmed(0), confirmed(1)]), "done");
    assert_eq!(outcome(u32::MAX, &[confirmed(0), refused(1, 2), confirmed(2)]), "message 1: 2");
}

#[test]
fn a_refusal_is_read_though_what_it_quotes_is_cut_off() {
    let mut long = message(NLMSG_ERROR, 9, -2, 70_000);
    long.truncate(1 << 16);
    assert_eq!(outcome(7, &[confirmed(8), long.clone(), confirmed(10)]), "message 1: 2");
    long.truncate(HEADER + 3);
    assert_eq!(outcome(7, &[confirmed(8), long, confirmed(10)]), "unanswered", "before its code it says nothing");
}

#[test]
fn what_is_no_answer_is_passed_over() {
    let others = [
        message(NLMSG_NOOP, 8, -5, 0),
        message(NLMSG_DONE, 9, -5, 0),
        message(NLMSG_OVERRUN, 10, -5, 0),
        message(10 << 8, 9, -5, 40),
        vec![1, 2, 3],
        vec![0; 64],
        Vec::new(),
    ];
    let multipart = [&others[..5], &[confirmed(9)]].concat().concat();
    assert_eq!(outcome(7, &others), "unanswered");
    let own = [confirmed(8), confirmed(9), confirmed(10)];
    assert_eq!(outcome(7, &[&others[..], &own].concat()), "done");
    assert_eq!(outcome(7, &[confirmed(8), multipart, confirmed(10)]), "unanswered", "bytes that lie hide the rest");
}
