//! New flows are shared by weight and stay where they are: 10 000 UDP flows, each asked twice who it is.

use crate::lab::{Frame, Sniffer, ask, lab, mirror, start};
use flowpin::lab::topology::{DSL4, FIBER4, INSIDE4, INSIDE6, SERVER4, SERVER6, mac, public_addresses};
use flowpin::lab::{Lab, Options};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// Ports of each inside address.
const PORTS: std::ops::Range<u16> = 20_000..22_000;
const IPV6_PORTS: std::ops::Range<u16> = 20_000..23_000;

#[test]
fn ten_thousand_flows_are_shared_two_to_one_and_keep_their_wan() {
    let lab = lab(Options::default());
    let router = start(&lab);
    let server = mirror(&lab.inet, SERVER4);
    let sniffers = [(&lab.ispa, mac::ISPA), (&lab.ispb, mac::ISPB)]
        .map(|(isp, mac)| Sniffer::start(isp, move |frame| frame.is_to(mac) && udp4(frame)));
    let askers: Vec<SocketAddr> =
        INSIDE4.iter().flat_map(|inside| PORTS.map(|port| SocketAddr::new((*inside).into(), port))).collect();

    let first = ask_all(&lab, &askers, server);
    let again = ask_all(&lab, &askers, server);

    assert_eq!(first.len(), 10_000, "answered");
    assert_eq!(again, first, "each flow is seen under the same address and port as before");
    check_publics(&lab, &first);
    let fiber = first.values().filter(|public| FIBER4.map(IpAddr::V4).contains(&public.ip())).count();
    check_share(fiber, first.len());

    let [at_ispa, at_ispb] = sniffers.map(Sniffer::stop);
    assert_eq!(at_ispa.len(), 2 * fiber, "frames on the fiber: one a question, none from elsewhere");
    assert_eq!(at_ispb.len(), 2 * (first.len() - fiber), "frames on the DSL");
    check_sources(&at_ispa, &FIBER4.map(IpAddr::V4));
    check_sources(&at_ispb, &DSL4.map(IpAddr::V4));
    let status = router.status();
    assert_eq!(status.table.created, 10_000);
    assert_eq!(status.wans.iter().map(|wan| wan.flows).collect::<Vec<_>>(), [fiber as u64, (10_000 - fiber) as u64]);
    router.end(&[]);
}

#[test]
fn ipv6_flows_are_shared_two_to_one_and_keep_their_wan() {
    let lab = lab(Options::default());
    let router = start(&lab);
    let server = mirror(&lab.inet, SERVER6);
    let askers: Vec<SocketAddr> = IPV6_PORTS.map(|port| SocketAddr::new(INSIDE6.into(), port)).collect();

    let first = ask_all(&lab, &askers, server);
    assert_eq!(first.len(), askers.len(), "answered");
    assert_eq!(ask_all(&lab, &askers, server), first, "each flow is seen under the same address and port as before");
    check_publics(&lab, &first);
    let fiber: IpAddr = "2001:db8:a:c81::100".parse().unwrap();
    check_share(first.values().filter(|public| public.ip() == fiber).count(), first.len());
    router.end(&[]);
}

/// Asks from every socket, from four threads of the firewall. Who is not answered is not in the result.
fn ask_all(lab: &Lab, askers: &[SocketAddr], server: SocketAddr) -> BTreeMap<SocketAddr, SocketAddr> {
    let part = |askers: &[SocketAddr]| -> Vec<_> {
        askers.iter().filter_map(|asker| Some((*asker, ask(*asker, server)?))).collect()
    };
    std::thread::scope(|scope| {
        let parts: Vec<_> = askers
            .chunks(askers.len().div_ceil(4))
            .map(|chunk| scope.spawn(|| lab.fw.run(|| part(chunk)).expect("the namespace can be entered")))
            .collect();
        parts.into_iter().flat_map(|part| part.join().expect("the askers live")).collect()
    })
}

/// Each asker has one of its own two public addresses, and its own port.
fn check_publics(lab: &Lab, seen: &BTreeMap<SocketAddr, SocketAddr>) {
    let publics = public_addresses(lab.options());
    for (inside, public) in seen {
        let own = publics.iter().any(|own| own.inside == inside.ip() && own.address == public.ip());
        assert!(own && inside.port() == public.port(), "{inside} appeared as {public}");
    }
}

/// Within three standard deviations of as many coins that fall on the fiber two times in three.
fn check_share(fiber: usize, flows: usize) {
    let (due, flows) = (flows as f64 * 2.0 / 3.0, flows as f64);
    let sigma = (flows * (2.0 / 3.0) * (1.0 / 3.0)).sqrt();
    assert!(
        (fiber as f64 - due).abs() <= 3.0 * sigma,
        "{fiber} of {flows} on the fiber, {due:.0} are due, sigma {sigma:.0}"
    );
}

fn check_sources(frames: &[Frame], own: &[IpAddr]) {
    for frame in frames {
        let (source, _) = frame.addresses().expect("an IP packet");
        assert!(own.contains(&source), "{source} left on the wrong WAN");
    }
}

/// IPv4 (0x0800) with protocol 17.
fn udp4(frame: &Frame) -> bool {
    frame.0.get(12..14) == Some(&[0x08, 0x00]) && frame.0.get(23) == Some(&17)
}
