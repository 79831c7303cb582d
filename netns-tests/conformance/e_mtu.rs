//! C-50 to C-58: what does not fit is told so with the MTU that would, and the MSS is clamped to what passes. What
//! others tell is believed in src/plane/pass/pmtu_learn. C-55 and C-56 have their real programs in `transfers` and
//! `traceroute`.

mod clamp;
mod too_big;

use crate::story::{At, SERVER, SERVER6};
use At::{Cable, Fiber};

/// An inside host with its public address on a WAN, and a server.
#[derive(Clone, Copy)]
struct Pair {
    wan: At,
    inside: &'static str,
    public: &'static str,
    server: &'static str,
}

/// Fiber with 1500 bytes and cable with 1400, in both families. Outbound flows of 10.250.250.2 and of IPv6 take fiber.
const FIBER4: Pair = Pair { wan: Fiber, inside: "10.250.250.2", public: "192.0.2.2", server: SERVER };
const FIBER6: Pair = Pair { wan: Fiber, inside: "fd00:bad:b01:1::100", public: "2001:db8:a:c81::100", server: SERVER6 };
const CABLE4: Pair = Pair { wan: Cable, inside: "10.250.250.3", public: "198.51.100.3", server: SERVER };

impl Pair {
    fn is_v4(self) -> bool {
        self.server == SERVER
    }

    /// Bytes of IP and TCP header without options.
    fn headers(self) -> u16 {
        if self.is_v4() { 40 } else { 60 }
    }
}
