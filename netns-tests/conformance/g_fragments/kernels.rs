//! C-70 to C-74 between kernels: what a router that only forwards would deliver is delivered, in every order. The
//! expected answers are those of the kernel's own forwarding and 1:1 NAT.

use crate::lab::{Frame, Raw, Sniffer, ethernet, lab, settle, start, wait_until};
use crate::story::packets::{Ip, ip};
use crate::story::{cut4, cut6, sum_again};
use flowpin::lab::topology::{DSL4, DSL6_RFC6296, FIBER4, FIBER6_PREFIX, INSIDE4, INSIDE6, SERVER4, SERVER6, mac};
use flowpin::lab::{Lab, Options};
use std::net::IpAddr;

/// Where a request goes in, with which addresses, and at which station its answer arrives.
struct Way {
    source: IpAddr,
    destination: IpAddr,
    from: [u8; 6],
    to: [u8; 6],
}

/// From inside, and from outside over each WAN, in one family.
fn ways(v4: bool) -> [Way; 3] {
    let way = |[source, destination]: [IpAddr; 2], from, to| Way { source, destination, from, to };
    let [server, inside, fiber, dsl]: [IpAddr; 4] = if v4 {
        [SERVER4.into(), INSIDE4[0].into(), FIBER4[1].into(), DSL4[1].into()]
    } else {
        [SERVER6.into(), INSIDE6.into(), FIBER6_PREFIX.into(), DSL6_RFC6296.into()]
    };
    [
        way([inside, server], mac::FW, mac::RT_LAN),
        way([server, fiber], mac::UPLINK_A[1], mac::UPLINK_A[0]),
        way([server, dsl], mac::UPLINK_B[1], mac::UPLINK_B[0]),
    ]
}

/// Names of the cases, the sizes of all fragments but the last, which of them are sent, and how many answers come.
type Case = (&'static str, &'static [usize], &'static [usize], usize);

/// Stands among the fragments for one with other bytes that overlaps the middle ones.
const JUNK: usize = 99;

const CASES: &[Case] = &[
    ("in order", &[48, 48, 48], &[0, 1, 2, 3], 1),
    ("reversed", &[48, 48, 48], &[3, 2, 1, 0], 1),
    ("middle first", &[48, 48, 48], &[1, 0, 2, 3], 1),
    ("an exact duplicate", &[48, 48, 48], &[0, 1, 1, 2, 3], 1),
    ("a first of 8 bytes", &[8, 48, 48], &[0, 1, 2, 3], 1),
    ("a first of 8 bytes at the end", &[8, 48, 48], &[1, 2, 3, 0], 1),
    ("atomic or whole", &[], &[0], 1),
    ("junk over the head of the next", &[48, 48, 48], &[0, 1, JUNK, 2, 3], 0),
    ("junk over the tail of the one before", &[48, 48, 48], &[0, 2, JUNK, 1, 3], 0),
    ("a hole", &[48, 48, 48], &[0, 1, 3], 0),
];

impl Way {
    fn v4(&self) -> bool {
        self.source.is_ipv4()
    }

    fn fragments(&self, id: u16, sizes: &[usize]) -> Vec<Vec<u8>> {
        let ends = Ip { id, fragment: 0, ..ip(&self.source.to_string(), &self.destination.to_string()) };
        let payload: Vec<u8> = (0..200).map(|at| at as u8).collect();
        if self.v4() {
            return cut4(&ends.echo(8, id, &payload), sizes);
        }
        cut6(&ends.echo(128, id, &payload), id.into(), sizes)
    }

    /// A fragment like the third, one unit earlier and with other bytes.
    fn junk(&self, id: u16) -> Vec<u8> {
        let mut junk = self.fragments(id, &[48, 40, 48]).remove(2);
        let last = junk.len() - 1;
        junk[last] ^= 0xff;
        if self.v4() {
            sum_again(&mut junk);
        }
        junk
    }

    fn frame(&self, packet: &[u8]) -> Vec<u8> {
        [ethernet(self.to, self.from, if self.v4() { 0x0800 } else { 0x86dd }), packet.to_vec()].concat()
    }

    /// Whether a frame is the echo reply to request `id`.
    fn is_answer(&self, frame: &Frame, id: u16) -> bool {
        let (protocol, kind, at) = if self.v4() { (1, 0, 34) } else { (58, 129, 54) };
        let next = if self.v4() { 23 } else { 20 };
        frame.is_to(self.from)
            && frame.addresses() == Some((self.destination, self.source))
            && (frame.0[next], frame.0[at]) == (protocol, kind)
            && frame.0[at + 4..at + 6] == id.to_be_bytes()
    }
}

/// The links that requests go in at: the firewall's, and the Internet host's towards each ISP.
fn links(lab: &Lab) -> [Raw; 3] {
    [Raw::open(&lab.fw, "lan0"), Raw::open(&lab.inet, "ispa"), Raw::open(&lab.inet, "ispb")]
}

/// Shows RFC 4787 REQ-14, RFC 8200 §4.5 order.
#[test]
fn c_70_kernels_answer_fragments_in_the_orders_in_which_they_answer_them_without_a_router() {
    let lab = lab(Options::default());
    let router = start(&lab);
    // What waits for the MAC of a gateway may be overtaken by what comes when it is known.
    wait_until("the gateways are known", || {
        router.status().wans.iter().flat_map(|wan| &wan.gateways).all(|gateway| gateway.mac.is_some())
    });
    let sniffers = [&lab.fw, &lab.inet].map(|end| Sniffer::start(end, |frame| frame.addresses().is_some()));
    let mut links = links(&lab);
    let mut expected = Vec::new();
    for v4 in [true, false] {
        for (number, (way, link)) in ways(v4).into_iter().zip(&mut links).enumerate() {
            for (case, (name, sizes, order, answers)) in (0u16..).zip(CASES) {
                let id = 1000 + 100 * number as u16 + case;
                let fragments = way.fragments(id, sizes);
                for piece in *order {
                    let piece = if *piece == JUNK { &way.junk(id) } else { &fragments[*piece] };
                    link.send(&way.frame(piece));
                }
                expected.push((ways(v4).into_iter().nth(number).unwrap(), id, *name, *answers));
            }
        }
    }
    settle();
    let frames = sniffers.map(Sniffer::stop).concat();
    for (way, id, name, answers) in expected {
        let found = frames.iter().filter(|frame| way.is_answer(frame, id)).count();
        assert_eq!(found, answers, "{name}, {} to {}", way.source, way.destination);
    }
    router.end(&[]);
}

#[test]
fn c_74_a_fragment_with_more_to_come_that_is_no_multiple_of_8_is_dropped_and_its_ipv6_sender_told() {
    let lab = lab(Options::default());
    let router = start(&lab);
    let is_problem = |frame: &Frame| frame.addresses().is_some() && (frame.0[20], frame.0[54]) == (58, 4);
    let sniffers = [&lab.fw, &lab.inet].map(|end| Sniffer::start(end, is_problem));
    let mut links = links(&lab);
    for v4 in [true, false] {
        for (way, link) in ways(v4).into_iter().zip(&mut links) {
            for piece in &way.fragments(7, &[48, 52]) {
                link.send(&way.frame(piece));
            }
        }
    }
    settle();
    let told = sniffers.map(|sniffer| sniffer.stop().len());
    assert_eq!(told, [1, 2], "parameter problems inside and outside");
    router.end(&[("outbound", "bad-fragment", 2), ("inbound", "bad-fragment", 4)]);
}
