//! Datagrams in fragments from and to a shared address, in any order.

use super::*;

/// A datagram of 80 bytes of UDP in three fragments.
fn fragments(from: &str, to: &str, ports: (u16, u16)) -> Vec<Vec<u8>> {
    let mut whole = packet(from, to, protocol::UDP, &udp(ports.0, ports.1, &[7; 72]));
    whole[6] = 0;
    let piece = |(at, more): (usize, bool)| {
        let payload = &whole[20 + at..(20 + at + 32).min(whole.len())];
        let mut piece = [&whole[..20], payload].concat();
        piece[2..4].copy_from_slice(&((20 + payload.len()) as u16).to_be_bytes());
        piece[6] = u8::from(more) << 5;
        piece[7] = (at / 8) as u8;
        fix_ip(&mut piece);
        piece
    };
    [(0, true), (32, true), (64, false)].map(piece).to_vec()
}

/// The datagram that these make, in order.
fn whole(pieces: &[Vec<u8>]) -> Vec<u8> {
    let mut pieces = pieces.to_vec();
    pieces.sort_by_key(|piece| piece[7]);
    let mut whole = pieces[0].clone();
    pieces[1..].iter().for_each(|piece| whole.extend_from_slice(&piece[20..]));
    let len = whole.len() as u16;
    whole[2..4].copy_from_slice(&len.to_be_bytes());
    whole[6] = 0;
    fix_ip(&mut whole);
    whole
}

/// What leaves, by the frame itself or out of the outbox, when these come.
fn pass(rig: &mut Rig, from: End, pieces: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut passed = Vec::new();
    for piece in pieces {
        let done = match from {
            End::Inside => rig.outbound(piece),
            End::Wan(id) => rig.inbound(id, piece),
        };
        passed.extend(matches!(done.verdict, Verdict::Forward(_)).then_some(done.packet));
        passed.extend(rig.sent().into_iter().map(|(_, _, packet)| packet));
    }
    passed
}

#[test]
fn c_70_fragments_in_any_order_have_the_port_of_their_first_both_ways() {
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0]] {
        let mut rig = rig();
        out(&mut rig, TWO, SERVER, protocol::UDP, &udp(20000, 53, b"x"));
        let shuffled = |pieces: Vec<Vec<u8>>| order.map(|at| pieces[at].clone());
        let gone = pass(&mut rig, End::Inside, &shuffled(fragments(ONE, SERVER, (20000, 53))));
        assert_eq!(gone.len(), 3, "{order:?}");
        let gone = whole(&gone);
        assert!(is_right(&gone), "{order:?}");
        let public = end(&gone, Side::Source);
        assert!(public.address == ip(SHARED) && public.port != 20000);
        let come = pass(&mut rig, End::Wan(A), &shuffled(fragments(SERVER, SHARED, (53, public.port))));
        assert_eq!(come.len(), 3, "{order:?}");
        let come = whole(&come);
        assert!(is_right(&come) && is_end(end(&come, Side::Destination), ONE, 20000), "{order:?}");
    }
}

#[test]
fn fragments_to_the_shared_address_that_belong_to_no_mapping_are_the_kernels() {
    let mut rig = rig();
    let pieces = fragments(SERVER, SHARED, (53, 500));
    for piece in [&pieces[2], &pieces[0], &pieces[1]] {
        assert_eq!(rig.inbound(A, piece).verdict, Verdict::Kernel);
    }
    rig.now = rig.now.plus_millis(10_000);
    rig.plane.tick(rig.now, &mut rig.outbox);
    assert_eq!(rig.totals().drops(Direction::Inbound).count(), 0);
    assert_eq!(rig.totals().drops(Direction::Outbound).count(), 0);
}

fn identification(packet: &[u8]) -> [u8; 2] {
    [packet[4], packet[5]]
}

/// Shows RFC 7857 §10.
#[test]
fn c_15_what_two_hosts_send_under_one_identification_has_two_outside() {
    let mut rig = rig();
    let sent = [ONE, TWO].map(|host| pass(&mut rig, End::Inside, &fragments(host, SERVER, (20000, 53))));
    for pieces in &sent {
        assert!(pieces.iter().all(|piece| identification(piece) == identification(&pieces[0])), "one datagram");
        assert!(is_right(&whole(pieces)));
    }
    let mut seen = vec![identification(&sent[0][0]), identification(&sent[1][0])];
    let mut datagram = packet(ONE, SERVER, protocol::UDP, &udp(20000, 53, b"whole"));
    assert_eq!(identification(&pass(&mut rig, End::Inside, &[datagram.clone()])[0]), [0x12, 0x34], "it is atomic");
    datagram[6] = 0;
    fix_ip(&mut datagram);
    seen.extend(pass(&mut rig, End::Inside, &vec![datagram; 9]).iter().map(|packet| identification(packet)));
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 11);
}
