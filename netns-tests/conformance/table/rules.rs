//! The numbered rules by section; a test whose name begins with `c_30_` shows rule C-30. Must never know: the tests.

/// A section: its letter and name, the number of its first rule, and its rules in a few words, numbered without a gap.
pub struct Section {
    pub title: &'static str,
    first: u8,
    rules: &'static [&'static str],
}

impl Section {
    /// Number and words of each rule.
    pub fn rules(&self) -> impl Iterator<Item = (u8, &'static str)> {
        (self.first..).zip(self.rules.iter().copied())
    }
}

pub const SECTIONS: &[Section] = &[
    Section {
        title: "A. NAT44: mapping, filtering, hairpin",
        first: 1,
        rules: &[
            "1:1, outbound: addresses change, ports stay, and never another WAN's address on a WAN",
            "1:1, inbound without state: delivered, and answered by the WAN it came in on",
            "one host at both public addresses at once: two flows, each answered by its own WAN",
            "mapping is endpoint-independent",
            "two inside hosts never share an external port (masquerade)",
            "filtering: a 1:1 address is open to all, a masqueraded port to those it wrote to",
            "hairpin: the source becomes the sender's public address, in every protocol, without a loop",
            "hairpin to another WAN's address works and reaches no WAN",
            "ICMP errors inside a hairpin are translated outside and in their quote",
            "STUN-like discovery finds what the rules say",
            "pooling is paired; what is exhausted is refused and said",
            "ports rest before they are used again",
            "protocols without ports pass 1:1",
            "two hosts with one ICMP identifier get their own replies",
            "identifications stay unique behind one address",
            "outbound refreshes; what is refused does not",
            "mapping is deterministic: under load, after reload and restart",
        ],
    },
    Section {
        title: "B. TCP state",
        first: 20,
        rules: &[
            "timeouts are the RFCs' and settable",
            "FIN from both sides ends a flow, new data revives it, in every order",
            "a RST is translated; its flow lives on for a while",
            "a RST out of nowhere deletes nothing",
            "a port is used again, also with a challenge ACK in between",
            "an unasked SYN to nobody stays without an answer, to somebody is delivered",
            "simultaneous open works",
            "the middle of a connection passes without a handshake",
            "odd flags and options pass as they are",
            "a data offset that cannot be is neither read nor clamped",
        ],
    },
    Section {
        title: "C. ICMPv4",
        first: 30,
        rules: &[
            "an error from outside is restored inside its quote",
            "an error from inside bears the sender's public address",
            "errors neither end nor refresh a flow",
            "an error and its quote must agree",
            "an error on another WAN than its flow's",
            "time exceeded is sent, both ways, with the packet as its sender knows it",
            "no error about errors, groups, later fragments or sources that are nobody",
            "errors are limited in rate, and traceroute survives that",
            "echo to the router is answered once, to a public address by its host",
            "DSCP and ECN stay; errors have the type of service of control",
        ],
    },
    Section {
        title: "D. NPTv6",
        first: 40,
        rules: &[
            "the algorithm, by vectors in both directions",
            "neutral: no byte behind the header changes",
            "what must not be mapped is dropped and said",
            "hairpin is translated twice",
            "ICMPv6 errors are translated outside and in their quote",
            "no state is needed, and a restart not seen",
            "two translators serve one inside prefix",
            "a single host beats the prefix",
            "prefixes of unequal length, of every length, and another prefix",
            "extension headers, flow labels, link-local addresses",
        ],
    },
    Section {
        title: "E. MTU",
        first: 50,
        rules: &[
            "too big with DF: fragmentation needed, with the MTU that the sender may use",
            "too big without DF: as few fragments as possible, in order",
            "IPv6: packet too big, as much quoted as fits",
            "inbound fragments that do not fit are answered",
            "too-big messages that are too small or bogus are delivered, not believed",
            "path MTU discovery ends well through the router",
            "with all ICMP filtered the clamp alone carries TCP",
            "the clamp: SYN and SYN-ACK, both ways, lower only",
            "the clamp where options are odd",
            "a first fragment too small for its ports",
        ],
    },
    Section {
        title: "F. Host traps",
        first: 60,
        rules: &[
            "checksums that are owed are right at their receiver",
            "super-frames: segments count, not frames",
            "UDP segmentation, TCP over IPv6, ECN, and segments for a smaller link",
            "the TUN does the same; offload metadata that cannot be is refused",
            "own transmissions and frames for others are ignored",
            "VLAN tags that the kernel took off are required, or refused",
            "the kernel is silent",
            "ARP and ND: owned addresses and no other, announced; next hops, waited for and followed",
            "short frames, padding, lengths that lie",
            "links that come, go and change are followed without a restart",
        ],
    },
    Section {
        title: "G. Fragments",
        first: 70,
        rules: &[
            "in any order, both ways, by the WAN of their datagram",
            "a flood of fragments costs others nothing",
            "overlaps are left to the receiver",
            "atomic fragments are alone",
            "fragments that cannot be are dropped",
            "tiny and overlapping TCP headers are dropped",
            "what waits is given up",
            "UDP without a checksum passes in fragments",
        ],
    },
    Section {
        title: "H. Checksums",
        first: 80,
        rules: &[
            "updates by RFC 1624",
            "UDP: zero stays zero, computed zero is FFFF",
            "TCP: computed zero is zero",
            "wrong checksums stay wrong; a wrong IPv4 header is dropped",
            "IPv6 UDP without a checksum passes",
        ],
    },
    Section {
        title: "I. Sanity, martians, spoofing",
        first: 85,
        rules: &[
            "the tests of an IPv4 header",
            "martians",
            "directed broadcasts",
            "spoofed sources, both ways, without strict reverse-path checks",
            "ICMPv6 and tunnels that must pass",
        ],
    },
];

/// `C-05`.
pub fn name(rule: u8) -> String {
    format!("C-{rule:02}")
}

/// How the names of its tests begin.
pub fn prefix(rule: u8) -> String {
    format!("c_{rule:02}_")
}

#[test]
fn the_rules_are_numbered_by_their_sections() {
    let ends: Vec<_> = SECTIONS.iter().map(|section| (section.first, section.rules().last().unwrap().0)).collect();
    assert_eq!(ends, [(1, 17), (20, 29), (30, 39), (40, 49), (50, 59), (60, 69), (70, 77), (80, 84), (85, 89)]);
}
