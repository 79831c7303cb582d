//! C-80 to C-84: checksums follow what is rewritten, by the difference alone, and are never repaired.

use crate::story::packets::ip;
use crate::story::{self, At, HOST6, SERVER, SERVER6, Step, comes_in, goes_out, unhex};
use At::{Fiber, Inside};
use Step::{Drop, In};

/// The vectors' addresses: 10.250.250.2 is 104.57.226.193 on fiber.
fn vectors() -> String {
    story::config().replace("\"192.0.2.2\"", "\"104.57.226.193\"")
}

/// What the vector's sender sends leaves as the vector says.
fn vector(name: &str, before: &str, after: &str) {
    story::check_with(&vectors(), name, goes_out(Fiber, &unhex(before), &unhex(after)).into(), 1);
}

/// RFC 1624 §4: checksum DD2F, a word of 5555 that becomes 3285, and 0000 is right. FFFF would be what RFC 1141 gives.
#[test]
fn c_80_the_vector_of_rfc_1624_comes_out_as_0000() {
    let config = story::config()
        .replace("\"10.250.250.0/29\"", "\"198.51.85.0/24\"")
        .replace("\"10.250.250.2\" = \"192.0.2.2\"", "\"198.51.85.85\" = \"198.51.50.133\"")
        .replace("\"10.250.250.2\" = \"198.51.100.2\"\n", "")
        .replace("10.250.250.3", "198.51.85.3");
    // The last word of the segment makes up the difference to DD2F.
    let probe = ip("198.51.85.85", SERVER).tcp((4000, 443), 16, b"", &[0, 0]);
    let difference = u32::from(!0xdd2f_u16) + u32::from(u16::from_be_bytes([probe[36], probe[37]]));
    let [high, low] = u16::try_from(difference % 0xffff).unwrap().to_be_bytes();
    let before = ip("198.51.85.85", SERVER).tcp((4000, 443), 16, b"", &[high, low]);
    let mut after = ip("198.51.50.133", SERVER).ttl(63).tcp((4000, 443), 16, b"", &[high, low]);
    assert_eq!((&before[14..16], &after[14..16]), (&[0x55, 0x55][..], &[0x32, 0x85][..]));
    assert_eq!(before[36..38], [0xdd, 0x2f]);
    after[36..38].copy_from_slice(&[0, 0]);
    story::check_with(&config, "c-80", goes_out(Fiber, &before, &after).into(), 1);
}

#[test]
fn c_81_a_udp_checksum_that_comes_out_as_zero_is_sent_as_ffff() {
    vector(
        "c-81",
        "4500002000014000401108a80afafa022d2100079c400035000c45feeb3d0000",
        "45000020000140003f11c3a96839e2c12d2100079c400035000cffffeb3d0000",
    );
}

#[test]
fn c_81_a_udp_checksum_left_out_stays_out() {
    let out = |from, ttl| ip(from, SERVER).ttl(ttl).udp_unsummed((40000, 53), b"no sum");
    let back = |to, ttl| ip(SERVER, to).ttl(ttl).udp_unsummed((53, 40000), b"none either");
    let steps = [
        goes_out(Fiber, &out("10.250.250.2", 64), &out("192.0.2.2", 63)),
        comes_in(Fiber, &back("192.0.2.2", 64), &back("10.250.250.2", 63)),
    ];
    story::check("c-81", steps.concat(), 1);
}

#[test]
fn c_82_a_tcp_checksum_that_comes_out_as_zero_is_sent_as_zero() {
    vector(
        "c-82",
        "4500002a00024000400608a80afafa022d2100079c4001bb0000000100000001501801f545fe000097b5",
        "4500002a000240003f06c3a96839e2c12d2100079c4001bb0000000100000001501801f50000000097b5",
    );
}

/// A packet with one byte changed after everything was summed.
fn spoiled(mut packet: Vec<u8>, at: usize) -> Vec<u8> {
    packet[at] ^= 0x55;
    packet
}

#[test]
fn c_83_a_wrong_checksum_of_tcp_and_udp_is_not_repaired() {
    // The payload is spoiled after it was summed, so the checksum is as wrong behind the router as before it.
    let tcp = |from, ttl| spoiled(ip(from, SERVER).ttl(ttl).tcp((40000, 443), 16, b"", b"data"), 42);
    let udp = |from, ttl| spoiled(ip(from, SERVER).ttl(ttl).udp((40000, 53), b"data"), 30);
    let back = |to, ttl| spoiled(ip(SERVER, to).ttl(ttl).udp((53, 40000), b"data"), 30);
    let udp6 = |from, ttl| spoiled(ip(from, SERVER6).ttl(ttl).udp((40000, 53), b"data"), 50);
    let steps = [
        goes_out(Fiber, &tcp("10.250.250.2", 64), &tcp("192.0.2.2", 63)),
        goes_out(Fiber, &udp("10.250.250.2", 64), &udp("192.0.2.2", 63)),
        comes_in(Fiber, &back("192.0.2.2", 64), &back("10.250.250.2", 63)),
        goes_out(Fiber, &udp6(HOST6, 64), &udp6("2001:db8:a:c81::100", 63)),
    ];
    story::check("c-83", steps.concat(), 3);
}

/// Shows RFC 1812 §5.2.2.
#[test]
fn c_83_a_wrong_ipv4_header_checksum_is_dropped_silently() {
    let out = spoiled(ip("10.250.250.2", SERVER).udp((1, 2), b"x"), 10);
    let inn = spoiled(ip(SERVER, "192.0.2.2").udp((1, 2), b"x"), 11);
    let steps = vec![In(Inside, out), Drop("bad-ip-checksum"), story::arrives(Fiber, &inn), Drop("bad-ip-checksum")];
    story::check("c-83", steps, 0);
}

#[test]
fn c_84_an_ipv6_udp_checksum_of_zero_passes_beside_others_of_the_same_flow() {
    let public = "2001:db8:a:c81::100";
    let none = |from, ttl| ip(from, SERVER6).ttl(ttl).udp_unsummed((40000, 4789), b"tunnel");
    let some = |from, ttl| ip(from, SERVER6).ttl(ttl).udp((40000, 4789), b"tunnel");
    let back = |to, ttl| ip(SERVER6, to).ttl(ttl).udp_unsummed((4789, 40000), b"tunnel");
    let steps = [
        goes_out(Fiber, &none(HOST6, 64), &none(public, 63)),
        goes_out(Fiber, &some(HOST6, 64), &some(public, 63)),
        comes_in(Fiber, &back(public, 64), &back(HOST6, 63)),
    ];
    story::check("c-84", steps.concat(), 1);
}
