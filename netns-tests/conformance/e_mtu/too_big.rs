//! C-50, C-52, C-53: what does not fit, and what its sender is told.

use super::{CABLE4, FIBER4, FIBER6, Pair};
use crate::story::packets::{Ip, ip};
use crate::story::{self, At, Step, answered, arrives, comes_in, cut4, cut6, goes_out, leaves, router_error};
use At::{Fiber, Inside};
use Step::Drop;

/// The router's addresses towards inside in a replay.
const ROUTER4: &str = "10.250.250.1";
const ROUTER6: &str = "fd00:bad:b01::1";

impl Pair {
    /// A UDP datagram of that many bytes with all headers, as it is seen with that source.
    fn datagram(self, from: &str, ttl: u8, bytes: usize) -> Vec<u8> {
        let payload = vec![0x5a; bytes - if self.is_v4() { 28 } else { 48 }];
        ip(from, self.server).ttl(ttl).udp((40000, 443), &payload)
    }

    /// What comes back, as it is seen with that destination.
    fn answer(self, to: &str, ttl: u8, bytes: usize) -> Vec<u8> {
        let payload = vec![0xa5; bytes - if self.is_v4() { 28 } else { 48 }];
        ip(self.server, to).ttl(ttl).udp((443, 40000), &payload)
    }

    /// The router's word that `mtu` bytes would pass, with as much of `quoted` as an error has room for.
    fn too_big(self, from: &str, to: &str, mtu: u16, quoted: &[u8]) -> Vec<u8> {
        let [high, low] = mtu.to_be_bytes();
        let (kind, code, most) = if self.is_v4() { (3, 4, 576 - 28) } else { (2, 0, 1280 - 48) };
        router_error(from, to, kind, code, [0, 0, high, low], &quoted[..quoted.len().min(most)])
    }

    fn router(self) -> &'static str {
        if self.is_v4() { ROUTER4 } else { ROUTER6 }
    }

    /// `mtu` bytes leave, and the sender of one more is told so.
    fn edge(self, mtu: u16) -> Vec<Step> {
        let too_big = self.datagram(self.inside, 64, usize::from(mtu) + 1);
        let fits = |from, ttl| self.datagram(from, ttl, mtu.into());
        let refused =
            [arrives(Inside, &too_big), leaves(Inside, &self.too_big(self.router(), self.inside, mtu, &too_big))];
        let passed = goes_out(self.wan, &fits(self.inside, 64), &fits(self.public, 63));
        [&passed[..], &refused, &[Drop("too-big")]].concat()
    }
}

/// Shows RFC 4787 REQ-13, RFC 1812 §4.3.2.3, RFC 1812 §4.3.2.4.
#[test]
fn c_50_what_is_a_byte_too_big_is_told_the_mtu_of_its_wan() {
    story::check("c-50-cable", CABLE4.edge(1400), 1);
    story::check("c-50-fiber", FIBER4.edge(1500), 1);
}

#[test]
fn c_50_each_mtu_is_told_as_it_is() {
    for mtu in [1492, 1420, 1280, 1006, 576] {
        // Cable carries no IPv6 here: that could not be so narrow.
        let config = story::config().replace("mtu = 1400", &format!("mtu = {mtu}"));
        let (head, tail) = config.rsplit_once("[wan.nptv6]").unwrap();
        assert!(tail.contains("rfc6296"));
        story::check_with(head, &format!("c-50-{mtu}"), CABLE4.edge(mtu), 1);
    }
}

/// FreeBSD's pairs of ping sizes: 1464 and 1465 bytes of payload with 1492, 1452 and 1453 in IPv6 with 1500.
#[test]
fn c_50_pings_pass_up_to_the_last_byte() {
    let config = story::config().replace("mtu = 1400", "mtu = 1492");
    let ping = |pair: Pair, from, ttl, bytes: usize| {
        ip(from, pair.server).ttl(ttl).echo(if pair.is_v4() { 8 } else { 128 }, 7, &vec![0; bytes])
    };
    for (pair, bytes, mtu) in [(CABLE4, 1464, 1492), (FIBER6, 1452, 1500)] {
        let too_big = ping(pair, pair.inside, 64, bytes + 1);
        let fits = goes_out(pair.wan, &ping(pair, pair.inside, 64, bytes), &ping(pair, pair.public, 63, bytes));
        let steps = [
            &fits[..],
            &[arrives(Inside, &too_big)],
            &[leaves(Inside, &pair.too_big(pair.router(), pair.inside, mtu, &too_big)), Drop("too-big")],
        ];
        story::check_with(&config, "c-50-ping", steps.concat(), 1);
    }
}

/// The firewall's side is narrower: the sender outside hears of it from the address it wrote to, for the link has none.
#[test]
fn c_50_what_does_not_fit_inside_is_told_so_outside_with_its_public_address() {
    let config = story::config().replace("[downstream]", "[downstream]\nmtu = 1400");
    for pair in [FIBER4, FIBER6] {
        let too_big = pair.answer(pair.public, 64, 1401);
        let error = pair.too_big(pair.public, pair.server, 1400, &too_big);
        let fits = comes_in(Fiber, &pair.answer(pair.public, 64, 1400), &pair.answer(pair.inside, 63, 1400));
        let refused = [arrives(Fiber, &too_big), answered(Fiber, &error), Drop("too-big")];
        story::check_with(&config, "c-50-inside", [&fits[..], &refused].concat(), 1);
    }
}

/// The whole error is compared: 1280 bytes, as much of the packet as there is room for. Shows RFC 4443 §3.2.
#[test]
fn c_52_an_ipv6_packet_that_does_not_fit_is_quoted_up_to_1280_bytes_and_never_fragmented() {
    let too_big = FIBER6.datagram(FIBER6.inside, 64, 1501);
    let error = FIBER6.too_big(ROUTER6, FIBER6.inside, 1500, &too_big);
    assert_eq!(error.len(), 1280);
    story::check("c-52", vec![arrives(Inside, &too_big), leaves(Inside, &error), Drop("too-big")], 1);
}

/// A fragment that is itself too big for the firewall's link, first or later: the sender of each hears of it.
#[test]
fn c_53_fragments_from_outside_that_do_not_fit_are_answered_and_quoted() {
    let config = story::config().replace("[downstream]", "[downstream]\nmtu = 1280");
    let whole = ip(FIBER6.server, FIBER6.public).udp((443, 40000), &[7; 2800]);
    let pieces = cut6(&whole, 99, &[1344, 1344]);
    let mut steps = Vec::new();
    for piece in &pieces[..2] {
        let error = FIBER6.too_big(FIBER6.public, FIBER6.server, 1280, piece);
        steps.extend([arrives(Fiber, piece), answered(Fiber, &error), Drop("too-big")]);
    }
    story::check_with(&config, "c-53-ipv6", steps, 0);
    // In IPv4 a later fragment is never answered (RFC 1812 §4.3.2.7), and one with DF can only be dropped.
    let whole = Ip { fragment: 0x4000, ..ip(FIBER4.server, FIBER4.public) }.udp((443, 40000), &[7; 2800]);
    let pieces = cut4(&whole, &[1344, 1344]);
    let error = FIBER4.too_big(FIBER4.public, FIBER4.server, 1280, &pieces[0]);
    let steps = vec![
        arrives(Fiber, &pieces[0]),
        answered(Fiber, &error),
        Drop("too-big"),
        arrives(Fiber, &pieces[1]),
        Drop("too-big"),
    ];
    story::check_with(&config, "c-53-ipv4", steps, 0);
}
