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

/// The same answers from another host.
fn from_elsewhere(asked: &[Sent]) -> Vec<Vec<u8>> {
    let answer = |probe: &Sent| {
        let other = if probe.headers.is_v4() { "203.0.113.66" } else { "2001:db8:ffff::66" };
        let headers = Headers { destination: ip(other), ..probe.headers };
        Sent { headers, packet: probe.packet.clone() }.answer()
    };
    asked.iter().map(answer).collect()
}

/// Echoes with another identifier, sequence number or data.
fn other_echoes(probe: &Sent) -> Vec<Vec<u8>> {
    let answer = |at: usize| {
        let mut rest = [&[if probe.headers.is_v4() { 0 } else { 129 }, 0, 0, 0], &probe.rest()[4..]].concat();
        rest[at] ^= 1;
        probe.back(&rest)
    };
    [4, 5, 6, 7, 8, 11].map(answer).into()
}

/// Segments with another port on either side or another number that is acknowledged, and a reset without one.
fn other_segments(probe: &Sent) -> Vec<Vec<u8>> {
    let ack = probe.number(4).wrapping_add(1);
    let segment = |(at, flags): (usize, u8)| {
        let mut rest = probe.segment(flags, 7000, ack, &[])[usize::from(probe.headers.l4)..].to_vec();
        rest[at] ^= 1;
        rest[16..18].fill(0);
        probe.back(&rest)
    };
    let mut segments = [(0, 0x12), (3, 0x12), (8, 0x12), (11, 0x12), (11, 0x14), (8, 0x14)].map(segment).to_vec();
    segments.push(probe.segment(0x04, 7000, ack, &[]));
    segments
}

/// Answers of DNS with another port on either side, another number, another question.
fn other_resolutions(probe: &Sent) -> Vec<Vec<u8>> {
    let good = probe.answer()[usize::from(probe.headers.l4)..].to_vec();
    let answer = |at: usize| {
        let mut rest = good.clone();
        rest[at] ^= 1;
        rest[6..8].fill(0);
        probe.back(&rest)
    };
    [0, 3, 8, 9, 21].map(answer).into()
}

/// An error that quotes something else.
fn other_error(probe: &Sent) -> Vec<u8> {
    let mut other = probe.clone();
    let at = usize::from(probe.headers.l4) + if probe.headers.protocol == protocol::UDP { 7 } else { 5 };
    other.packet[at] ^= 1;
    other.unreachable(usize::MAX)
}

#[test]
fn c_94_a_forged_answer_does_not_count() {
    let mut rig = Rig::new(probing(all()));
    let asked = tick(&mut rig);
    let of_its_kind = asked.iter().flat_map(|probe| match probe.headers.protocol {
        protocol::TCP => other_segments(probe),
        protocol::UDP => other_resolutions(probe),
        _ => other_echoes(probe),
    });
    let errors = asked.iter().map(other_error);
    for forged in from_elsewhere(&asked).into_iter().chain(of_its_kind).chain(errors) {
        rig.inbound(A, &forged);
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
