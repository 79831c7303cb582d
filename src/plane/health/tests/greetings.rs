//! Probes that ask for more than a connection: a greeting by TLS, the time, a record of one type.

use super::super::hello;
use super::*;

/// The hello of a probe whose connection was taken.
fn greeted(rig: &mut Rig) -> Sent {
    let syn = tick(rig).remove(0);
    assert_eq!(syn.ports()[1], 443);
    taken(rig, A, &syn.answer());
    sent(rig).remove(0)
}

#[test]
fn a_server_that_greets_passes_and_one_that_takes_connections_only_does_not() {
    let cases: [(&[u8], Outcome); 4] = [
        (&[22, 3, 3, 0, 74, 2, 0, 0, 70, 3, 3], passed(20)),
        (&[21, 3, 3, 0, 2, 2, 112], Outcome::Failed(Failure::Alert(112))),
        (b"HTTP/1.1 302 Found\r\n", Outcome::Failed(Failure::Garbled)),
        (&[], SILENT),
    ];
    for (answer, wanted) in cases {
        for target in [SERVER, SERVER6] {
            let question = Question::Greet { port: 443, hello: hello(Some("example.com")) };
            let mut rig = Rig::new(probing(vec![spec(target, question)]));
            let asked = greeted(&mut rig);
            assert_eq!(asked.rest()[20..], *hello(Some("example.com")));
            wait(&mut rig, 20);
            let next = asked.number(4).wrapping_add(asked.rest().len() as u32 - 20);
            taken(&mut rig, A, &asked.segment(0x10, 7001, next, answer));
            wait(&mut rig, 780);
            let ended = tick(&mut rig);
            let ended = if answer.is_empty() { ended } else { vec![] };
            assert!(ended.iter().all(|segment| segment.rest()[13] == 0x14), "the connection is ended by a reset");
            assert_eq!(outcomes(&rig), [(0, wanted)], "{answer:?}");
        }
    }
}

#[test]
fn a_clock_that_is_set_passes_and_an_answer_to_somebody_elses_question_is_none() {
    for target in [SERVER, SERVER6] {
        let mut rig = Rig::new(probing(vec![spec(target, Question::Time)]));
        let asked = tick(&mut rig).remove(0);
        let [own, remote] = asked.ports();
        assert_eq!((remote, asked.rest().len()), (123, 56));
        let answer = |stratum: u8, token: &[u8]| {
            let mut message = vec![0; 48];
            (message[0], message[1]) = (0x24, stratum);
            message[24..32].copy_from_slice(token);
            asked.back(&udp(remote, own, &message))
        };
        rig.inbound(A, &answer(2, &[9; 8]));
        assert_eq!(outcomes(&rig), []);
        wait(&mut rig, 7);
        taken(&mut rig, A, &answer(2, &asked.rest()[48..56]));
        assert_eq!(outcomes(&rig), [(0, passed(7))]);
        let mut rig = Rig::new(probing(vec![spec(target, Question::Time)]));
        tick(&mut rig);
        taken(&mut rig, A, &answer(16, &asked.rest()[48..56]));
        assert_eq!(outcomes(&rig), [(0, Outcome::Failed(Failure::Unset))]);
    }
}

#[test]
fn an_answer_without_a_record_of_the_type_that_is_asked_for_fails() {
    let question = Question::Resolve { name: question("example.com", Some(28)).unwrap(), record: Some(28) };
    let mut rig = Rig::new(probing(vec![spec(SERVER, question)]));
    let asked = tick(&mut rig).remove(0);
    taken(&mut rig, A, &asked.resolved(0x81, 0x80, 1));
    assert_eq!(outcomes(&rig), [(0, Outcome::Failed(Failure::Dns(0)))], "a record of type A is none of type AAAA");
}
