//! Whatever offloads the links have, every checksum is right where it is received: whole ones, owed ones, super-frames.

use crate::lab::{everything_passes, lab, offloads, start};
use flowpin::lab::{Lab, Namespace, Options};

/// Every end of every link, the firewall's side first.
fn ends(lab: &Lab) -> [(&Namespace, &'static str); 10] {
    [
        (&lab.fw, "lan0"),
        (&lab.rt, "lan0"),
        (&lab.rt, "wan0"),
        (&lab.rt, "wan1"),
        (&lab.ispa, "customer"),
        (&lab.ispb, "customer"),
        (&lab.ispa, "uplink"),
        (&lab.ispb, "uplink"),
        (&lab.inet, "ispa"),
        (&lab.inet, "ispb"),
    ]
}

/// The lab's traffic with these ends' offloads off, all others on.
fn checksums_are_right_without(off: impl Fn(&Lab) -> Vec<(&Namespace, &'static str)>) {
    let lab = lab(Options::default());
    ends(&lab).into_iter().for_each(|(namespace, link)| offloads(namespace, link, true));
    off(&lab).into_iter().for_each(|(namespace, link)| offloads(namespace, link, false));
    let router = start(&lab);
    let _traffic = everything_passes(&lab);
    // Wrong checksums, drops and lost frames: none.
    router.end(&[]);
}

#[test]
fn c_60_checksums_are_right_with_every_offload_on() {
    checksums_are_right_without(|_| Vec::new());
}

#[test]
fn c_60_checksums_are_right_with_every_offload_off() {
    checksums_are_right_without(|lab| ends(lab).into());
}

#[test]
fn c_60_checksums_are_right_with_the_firewalls_link_without_offloads() {
    checksums_are_right_without(|lab| ends(lab)[..2].into());
}

#[test]
fn c_60_checksums_are_right_with_the_wan_links_without_offloads() {
    checksums_are_right_without(|lab| ends(lab)[2..].into());
}
