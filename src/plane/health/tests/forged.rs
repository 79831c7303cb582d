//! Answers that are none: forged, broken, on another WAN, of a flow.

use super::*;

#[test]
fn c_94_an_answer_on_another_wan_does_not_count() {
    let mut rig = Rig::new(probing(all()));
    let asked = tick(&mut rig);
    for probe in &asked {
        rig.inbound(B, &probe.answer());
        rig.inbound(B, &probe.unreachable(usize::MAX));
    }
    assert!(outcomes(&rig).is_empty());
    wait(&mut rig, 800);
    rig.plane.tick(rig.now, &mut rig.outbox);
    assert_eq!(outcomes(&rig), (0..6).map(|probe| (probe, SILENT)).collect::<Vec<_>>());
}

#[test]
fn c_94_a_forged_answer_does_not_count() {
    let mut rig = Rig::new(probing(all()));
    let asked = tick(&mut rig);
    // From another host.
    for probe in &asked {
        let other = if probe.headers.is_v4() { "203.0.113.66" } else { "2001:db8:ffff::66" };
        let elsewhere =
            Sent { headers: Headers { destination: ip(other), ..probe.headers }, packet: probe.packet.clone() };
        rig.inbound(A, &elsewhere.answer());
    }
    // Echo: identifier, sequence number, data.
    for probe in &asked[..2] {
        for at in [4, 5, 6, 7, 8, 11] {
            let mut rest = [&[if probe.headers.is_v4() { 0 } else { 129 }, 0, 0, 0], &probe.rest()[4..]].concat();
            rest[at] ^= 1;
            rig.inbound(A, &probe.back(&rest));
        }
    }
    // TCP: both ports, the number that is acknowledged, and a reset without it.
    for probe in &asked[2..4] {
        let ack = probe.number(4).wrapping_add(1);
        for (at, flags) in [(0, 0x12), (3, 0x12), (8, 0x12), (11, 0x12), (11, 0x14), (8, 0x14)] {
            let mut rest = parse(&probe.segment(flags, 7000, ack, &[]), &Offload::NONE)
                .map(|headers| probe.segment(flags, 7000, ack, &[])[usize::from(headers.l4)..].to_vec())
                .unwrap();
            rest[at] ^= 1;
            rest[16..18].fill(0);
            rig.inbound(A, &probe.back(&rest));
        }
        rig.inbound(A, &probe.segment(0x04, 7000, ack, &[]));
    }
    // DNS: both ports, the number, the question.
    for probe in &asked[4..] {
        let good = probe.answer()[usize::from(probe.headers.l4)..].to_vec();
        for at in [0, 3, 8, 9, 21] {
            let mut rest = good.clone();
            rest[at] ^= 1;
            rest[6..8].fill(0);
            rig.inbound(A, &probe.back(&rest));
        }
    }
    // Errors that quote something else.
    for probe in &asked {
        let mut other = probe.clone();
        let at = usize::from(probe.headers.l4) + if probe.headers.protocol == protocol::UDP { 7 } else { 5 };
        other.packet[at] ^= 1;
        rig.inbound(A, &other.unreachable(usize::MAX));
    }
    assert_eq!(outcomes(&rig), []);
    for probe in &asked {
        taken(&mut rig, A, &probe.answer());
    }
    assert_eq!(outcomes(&rig).len(), 6, "the real ones still do");
}

#[test]
fn an_answer_with_a_wrong_checksum_does_not_count() {
    let mut rig = Rig::new(probing(all()));
    for probe in tick(&mut rig) {
        let mut answer = probe.answer();
        *answer.last_mut().unwrap() ^= 1;
        rig.inbound(A, &answer);
    }
    assert_eq!(outcomes(&rig), []);
}

#[test]
fn a_flow_of_an_inside_host_to_the_same_server_is_not_mistaken() {
    let mut rig = Rig::new(probing(all()));
    let asked = tick(&mut rig);
    let [own, remote] = asked[2].ports();
    let other = if own == 50_000 { 50_001 } else { 50_000 };
    let segment = crate::plane::packet::sample::tcp(remote, other, 0x12, &[], &[]);
    let done = rig.inbound(A, &packet(SERVER, "192.0.2.12", protocol::TCP, &segment));
    assert_eq!(done.verdict, Verdict::Forward(End::Inside));
}

proptest! {
    /// Whatever comes back, cut and spoiled anywhere, has a verdict and leaves the probes in order.
    #[test]
    fn no_broken_answer_breaks_anything(
        which in 0..6usize,
        is_error: bool,
        cut in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        whole: bool,
    ) {
        let mut rig = Rig::new(probing(all()));
        let probe = tick(&mut rig).remove(which);
        let mut back = if is_error { probe.unreachable(usize::MAX) } else { probe.answer() };
        for (at, value) in edits {
            let at = at.index(back.len());
            back[at] = value;
        }
        if whole {
            crate::plane::packet::sample::fix_ip(&mut back);
            crate::plane::packet::sample::fix_transport(&mut back);
        } else {
            back.truncate(cut.index(back.len()).max(1));
        }
        rig.inbound(A, &back);
        prop_assert!(outcomes(&rig).len() <= 1);
        wait(&mut rig, 1000);
        prop_assert_eq!(tick(&mut rig).iter().filter(|it| it.headers.destination == probe.headers.destination).count() >= 3, true);
    }
}
