//! Probes that fetch a page.

use super::*;

fn fetch(body: Option<&str>) -> Question {
    let body = body.map(|body| body.as_bytes().into());
    Question::Fetch { port: 80, request: request(SERVER, "/x"), statuses: [200].into(), body }
}

/// The SYN of a probe, and the request that the server's SYN-ACK brought.
fn connected(rig: &mut Rig) -> (Sent, Sent) {
    let syn = tick(rig).remove(0);
    wait(rig, 10);
    taken(rig, A, &syn.answer());
    let get = sent(rig).remove(0);
    (syn, get)
}

/// The next byte that the server expects, after the request.
fn asked(get: &Sent) -> u32 {
    get.number(4).wrapping_add(get.rest().len() as u32 - 20)
}

#[test]
fn a_page_is_asked_for_in_the_segment_that_completes_the_handshake() {
    let mut rig = Rig::new(probing(vec![spec(SERVER, fetch(None))]));
    let (syn, get) = connected(&mut rig);
    assert_eq!((get.ports(), get.number(4), get.number(8)), (syn.ports(), syn.number(4).wrapping_add(1), 7001));
    assert_eq!(get.rest()[12..16], [0x50, 0x18, 0x20, 0]);
    assert_eq!(get.rest()[20..], *request(SERVER, "/x"));
    wait(&mut rig, 10);
    taken(&mut rig, A, &get.segment(0x18, 7001, asked(&get), b"HTTP/1.1 200 OK\r\n\r\n"));
    assert_eq!(outcomes(&rig), [(0, passed(20))]);
    let reset = sent(&mut rig).remove(0);
    assert_eq!((reset.rest()[13], reset.number(4), reset.number(8)), (0x14, asked(&get), 7020));
}

#[test]
fn a_page_may_come_in_pieces_in_disorder_and_twice() {
    for target in [SERVER, SERVER6] {
        let mut rig = Rig::new(probing(vec![spec(target, fetch(Some("all is well")))]));
        let (_, get) = connected(&mut rig);
        let page = b"HTTP/1.1 200 OK\r\n\r\nall is well";
        for (from, to, acked) in [(5, 20, 7001), (0, 10, 7011), (0, 10, 7011), (5, 20, 7021)] {
            taken(&mut rig, A, &get.segment(0x10, 7001 + from as u32, asked(&get), &page[from..to]));
            let said = sent(&mut rig);
            assert_eq!(said.iter().map(|it| (it.rest()[13], it.number(8))).collect::<Vec<_>>(), [(0x10, acked)]);
        }
        taken(&mut rig, A, &get.segment(0x11, 7021, asked(&get), &page[20..]));
        assert_eq!(outcomes(&rig), [(0, passed(10))]);
    }
}

#[test]
fn a_page_fails_for_its_status_its_body_or_a_reset() {
    let cases: [(u8, &[u8], Failure); 5] = [
        (0x18, b"HTTP/1.1 302 Found\r\n", Failure::Status(302)),
        (0x19, b"HTTP/1.1 200 OK\r\n\r\nplease log in", Failure::Body),
        (0x18, b"220 mail.example ESMTP\r\n", Failure::Garbled),
        (0x11, b"", Failure::Garbled),
        (0x14, b"", Failure::Refused),
    ];
    for (flags, answer, failure) in cases {
        let mut rig = Rig::new(probing(vec![spec(SERVER, fetch(Some("all is well")))]));
        let (_, get) = connected(&mut rig);
        taken(&mut rig, A, &get.segment(flags, 7001, asked(&get), answer));
        assert_eq!(outcomes(&rig), [(0, Outcome::Failed(failure))]);
    }
}

#[test]
fn a_page_that_never_ends_is_read_no_further_than_there_is_room() {
    let mut rig = Rig::new(probing(vec![spec(SERVER, fetch(Some("all is well")))]));
    let (_, get) = connected(&mut rig);
    let mut page = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    page.resize(9000, b'x');
    let mut seq = 7001;
    for piece in page.chunks(1000) {
        taken(&mut rig, A, &get.segment(0x10, seq, asked(&get), piece));
        seq += 1000;
    }
    assert_eq!(outcomes(&rig), [(0, Outcome::Failed(Failure::Body))]);
}

#[test]
fn a_server_that_connects_and_says_nothing_is_silent_and_told_that_it_is_over() {
    let mut rig = Rig::new(probing(vec![spec(SERVER, fetch(Some("all is well")))]));
    let (_, get) = connected(&mut rig);
    taken(&mut rig, A, &get.segment(0x10, 7001, asked(&get), &[]));
    wait(&mut rig, 790);
    let reset = tick(&mut rig).remove(0);
    assert_eq!((reset.rest()[13], reset.number(4), reset.number(8)), (0x14, asked(&get), 7001));
    assert_eq!(outcomes(&rig), [(0, SILENT)]);
}

#[test]
fn half_a_page_without_what_is_expected_is_a_wrong_page() {
    let mut rig = Rig::new(probing(vec![spec(SERVER, fetch(Some("all is well")))]));
    let (_, get) = connected(&mut rig);
    taken(&mut rig, A, &get.segment(0x18, 7001, asked(&get), b"HTTP/1.1 200 OK\r\n\r\nplease log in"));
    wait(&mut rig, 790);
    tick(&mut rig);
    assert_eq!(outcomes(&rig), [(0, Outcome::Failed(Failure::Body))]);
}

#[test]
fn segments_with_numbers_of_another_connection_do_not_count() {
    let mut rig = Rig::new(probing(vec![spec(SERVER, fetch(None))]));
    let (_, get) = connected(&mut rig);
    let (page, ack) = (b"HTTP/1.1 302 Found\r\n", asked(&get));
    for forged in [
        get.segment(0x18, 7001 + (1 << 30), ack, page),
        get.segment(0x18, 7001, ack.wrapping_add(1), page),
        get.segment(0x18, 7001, get.number(4).wrapping_sub(1), page),
        get.segment(0x14, 7002, ack, &[]),
        get.segment(0x08, 7001, ack, page),
    ] {
        rig.inbound(A, &forged);
    }
    assert_eq!(outcomes(&rig), []);
}
