//! C-38 with real kernels: the router's own addresses answer an echo once, and a mapped one is answered by the firewall.

use crate::lab::{Frame, Raw, Sniffer, ethernet, lab, run, settle, start};
use crate::story::packets::ip;
use flowpin::lab::topology::{mac, public_addresses};
use flowpin::lab::{Counters, Lab, Namespace, Options};

/// Echo requests that a kernel answered, in both families.
fn answered(namespace: &Namespace) -> u64 {
    let counters = Counters::read(namespace).expect("counters");
    counters.get("IcmpOutEchoReps") + counters.get("Icmp6OutEchoReplies")
}

/// Pings three times; three answers come back, none twice, and this namespace's kernel gave them.
fn pings(lab: &Lab, from: &Namespace, to: &str, answers: &Namespace) {
    let all: Vec<_> = lab.namespaces().into_iter().map(|(_, namespace)| (namespace, answered(namespace))).collect();
    let text = run(from, "ping", &["-n", "-c", "3", "-i", "0.3", "-W", "5", to]);
    assert!(text.contains("3 packets transmitted, 3 received, 0% packet loss"), "{text}");
    for (namespace, before) in all {
        let wanted = if namespace.name() == answers.name() { 3 } else { 0 };
        assert_eq!(answered(namespace) - before, wanted, "{} about {to}", namespace.name());
    }
}

/// Shows RFC 1812 §4.3.3.6, RFC 1812 §5.2.3, RFC 4443 §4.1.
#[test]
fn c_38_the_routers_own_addresses_answer_once_and_for_themselves() {
    let lab = lab(Options::default());
    let router = start(&lab);
    for own in ["10.250.250.1", "fd00:bad:b01:f::1", "198.18.2.2"] {
        pings(&lab, &lab.fw, own, &lab.rt);
    }
    pings(&lab, &lab.ispb, "198.18.2.2", &lab.rt);
    pings(&lab, &lab.inet, "198.18.2.2", &lab.rt);
    pings(&lab, &lab.ispa, "fe80::a2%customer", &lab.rt);
    pings(&lab, &lab.ispb, "fe80::b2%customer", &lab.rt);
    assert_eq!(router.status().table.created, 0);
    router.end(&[]);
}

/// Shows RFC 1812 §4.3.3.7.
#[test]
fn c_38_an_information_request_stays_without_an_answer() {
    let lab = lab(Options::default());
    let router = start(&lab);
    let said = Sniffer::start(&lab.ispb, |frame| {
        let from_router = frame.0.get(6..12) == Some(&mac::RT_WAN1) && frame.0.get(12..14) == Some(&[8, 0]);
        from_router && frame.0.get(23) == Some(&1)
    });
    let mut link = Raw::open(&lab.ispb, "customer");
    let ask = |kind| ip("198.18.2.1", "198.18.2.2").icmp(kind, 0, [0, 42, 0, 1], b"");
    // An echo request last, so that silence means something.
    for kind in [15, 16, 8] {
        link.send(&[ethernet(mac::RT_WAN1, mac::ISPB, 0x0800), ask(kind)].concat());
    }
    settle();
    let kinds: Vec<_> = said.stop().iter().map(|frame| frame.0[34]).collect();
    assert_eq!(kinds, [0]);
    router.end(&[]);
}

#[test]
fn c_38_a_mapped_address_is_answered_by_the_firewall_and_once() {
    let lab = lab(Options::default());
    let router = start(&lab);
    let sniffers = [&lab.ispa, &lab.ispb].map(|isp| {
        let replies = |frame: &Frame| {
            let own = [mac::RT_WAN0, mac::RT_WAN1].iter().any(|mac| frame.0.get(6..12) == Some(mac));
            let reply4 = frame.0.get(12..14) == Some(&[8, 0]) && frame.0.get(23) == Some(&1);
            let reply6 = frame.0.get(12..14) == Some(&[0x86, 0xdd]) && frame.0.get(54) == Some(&129);
            own && (reply4 || reply6)
        };
        Sniffer::start(isp, replies)
    });
    let publics = public_addresses(lab.options());
    for public in &publics {
        pings(&lab, &lab.inet, &public.address.to_string(), &lab.fw);
    }
    let replies: usize = sniffers.map(|sniffer| sniffer.stop().len()).iter().sum();
    assert_eq!(replies, 3 * publics.len(), "on the wire");
    router.end(&[]);
}
