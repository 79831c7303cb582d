//! What each kind of probe asks, and what passes or fails it.

use super::*;

#[test]
fn every_kind_passes_with_its_round_trip_in_both_families() {
    let mut rig = Rig::new(probing(all()));
    let asked = tick(&mut rig);
    assert_eq!(asked.len(), 6);
    wait(&mut rig, 30);
    for probe in &asked {
        taken(&mut rig, A, &probe.answer());
    }
    assert_eq!(outcomes(&rig), (0..6).map(|probe| (probe, passed(30))).collect::<Vec<_>>());
    assert_eq!(rig.plane.shared().table.len(), 0, "probes are no flows");
    assert_eq!(sent(&mut rig).len(), 2, "connections are ended");
    wait(&mut rig, 770);
    assert!(tick(&mut rig).is_empty() && outcomes(&rig).is_empty(), "nothing is missed, nothing asked twice");
    wait(&mut rig, 200);
    assert_eq!(tick(&mut rig).len(), 6, "a second after the first");
}

#[test]
fn questions_to_a_host_far_away_leave_with_an_owned_address() {
    let mut rig = Rig::new(probing(all()));
    let ends: Vec<_> = tick(&mut rig).iter().map(|probe| probe.ends().0).collect();
    let [owned, owned6] = ["192.0.2.12", "2001:db8:a:c80::1"];
    assert_eq!(ends, [owned, owned6, owned, owned6, owned, owned6]);
}

#[test]
fn a_probe_carries_the_address_that_is_set_for_it_while_the_wan_has_it() {
    let from = |source: &str| {
        let said = ProbeSpec { source: Some(ip(source)), ..spec(SERVER, Question::Echo) };
        assert_eq!(said.to_string(), format!("icmp {SERVER} from {source}"));
        tick(&mut Rig::new(probing(vec![said])))[0].ends().0.to_string()
    };
    assert_eq!(["192.0.2.13", "192.0.2.200", "192.0.2.99"].map(from), ["192.0.2.13", "192.0.2.200", "192.0.2.12"]);
}

#[test]
fn a_question_of_each_kind_byte_by_byte() {
    let mut rig = Rig::new(probing(all()));
    let asked = tick(&mut rig);
    let echo = asked[0].rest();
    assert_eq!((asked[0].packet.len(), &echo[..2]), (84, &[8, 0][..]));
    assert!(asked[0].headers.dont_fragment && asked[0].headers.ttl == 64);
    let syn = &asked[2];
    assert_eq!(syn.ports()[1], 443);
    assert!(syn.ports()[0] >= 49_152);
    assert_eq!(syn.rest()[8..16], [0, 0, 0, 0, 0x60, 2, 0x20, 0]);
    assert_eq!(syn.rest()[18..], [0, 0, 2, 4, 0x02, 0x18], "536 bytes a segment");
    assert_eq!(asked[3].rest()[20..], [2, 4, 0x04, 0xc4], "1220 bytes a segment");
    let query = &asked[4].rest()[8..];
    assert_eq!(query[2..12], [1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(query[12..], *question("example.com", None).unwrap());
}

#[test]
fn a_connection_is_ended_by_a_reset_with_the_number_that_the_server_expects() {
    let mut rig = Rig::new(probing(vec![spec(SERVER, Question::Connect { port: 443 })]));
    let syn = tick(&mut rig).remove(0);
    let answer = syn.answer();
    taken(&mut rig, A, &answer);
    let reset = sent(&mut rig).remove(0);
    let next = syn.number(4).wrapping_add(1);
    assert_eq!((reset.ports(), reset.number(4), reset.number(8), reset.rest()[13]), (syn.ports(), next, 7001, 0x14));
    taken(&mut rig, A, &answer);
    assert_eq!(sent(&mut rig).len(), 1, "who repeats itself is told again");
    assert_eq!(outcomes(&rig), [(0, passed(0))]);
}

#[test]
fn each_kind_fails_for_its_own_reason() {
    let mut rig = Rig::new(probing(all()));
    let asked = tick(&mut rig);
    taken(&mut rig, A, &asked[0].unreachable(28));
    taken(&mut rig, A, &asked[1].unreachable(48));
    for tcp in &asked[2..4] {
        taken(&mut rig, A, &tcp.segment(0x14, 0, tcp.number(4).wrapping_add(1), &[]));
    }
    taken(&mut rig, A, &asked[4].resolved(0x81, 0x83, 0));
    taken(&mut rig, A, &asked[5].resolved(0x81, 0x80, 0));
    let failures = [
        Failure::Unreachable,
        Failure::Unreachable,
        Failure::Refused,
        Failure::Refused,
        Failure::Dns(3),
        Failure::Dns(0),
    ];
    let wanted: Vec<_> = (0..).zip(failures.map(Outcome::Failed)).collect();
    assert_eq!(outcomes(&rig), wanted);
    let mut rig = Rig::new(probing(all()));
    for probe in &tick(&mut rig)[2..] {
        taken(&mut rig, A, &probe.unreachable(usize::MAX));
    }
    assert_eq!(outcomes(&rig), (2..6).map(|probe| (probe, Outcome::Failed(Failure::Unreachable))).collect::<Vec<_>>());
}

#[test]
fn a_tagged_wan_is_asked_with_its_tag_and_the_same_host_through_both() {
    let mut policy = probing(all());
    policy.wans[1].fixed_mut().health = all();
    let mut rig = Rig::new(policy);
    rig.plane.tick(rig.now, &mut rig.outbox);
    let link = [&GATEWAY[1].0[..], &OWN[1].0, &[0x81, 0, 1, 44]].concat();
    let mut answers = Vec::new();
    for (to, head, packet) in rig.sent() {
        let Some(headers) = asked_in(&packet) else { continue };
        if to == End::Wan(B) {
            assert_eq!(head[..16], link);
        }
        let End::Wan(id) = to else { panic!("inside is not asked") };
        answers.push((id, Sent { packet, headers }.answer()));
    }
    answers.iter().for_each(|(id, answer)| taken(&mut rig, *id, answer));
    let ended: Vec<_> = rig.plane.shared().health.outcomes().map(|it| (it.wan, it.probe, it.outcome)).collect();
    let wanted: Vec<_> = [A, B].into_iter().flat_map(|id| (0..6).map(move |probe| (id, probe, passed(0)))).collect();
    assert_eq!(ended, wanted);
}
