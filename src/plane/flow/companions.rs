//! Flows of one host to one remote that are one session: a remote that hears them from two addresses ends it. IKE, its form
//! behind a NAT, ESP and IPv4's AH are an IPsec tunnel (RFC 7296 §2.23, RFC 3948); the control connection and GRE are a PPTP call
//! (RFC 2637). Must never know: WANs, table, who chooses.

use super::key::FlowKey;
use crate::plane::packet::numbers::protocol;

/// IKE (RFC 7296 §2), and IKE and ESP behind a NAT (RFC 3948 §2).
const IKE: u16 = 500;
const NAT_T: u16 = 4500;
/// The control connection of PPTP (RFC 2637 §2).
const PPTP: u16 = 1723;

/// Whether the flow is part of a session of several.
#[must_use]
pub fn has_companions(key: &FlowKey) -> bool {
    matches!(
        (key.protocol(), key.remote_port()),
        (protocol::UDP, IKE | NAT_T) | (protocol::ESP | protocol::AH | protocol::GRE, _) | (protocol::TCP, PPTP)
    )
}

/// The flows that may be there beside this one, as far as their ports are known: who is behind another NAT, or dials, has any.
pub fn companions(key: &FlowKey) -> impl Iterator<Item = FlowKey> + use<> {
    let of = |protocol, port| FlowKey::from_parts(protocol, (key.inside(), port), (key.remote(), port));
    let all: [Option<FlowKey>; 4] = match key.protocol() {
        _ if !has_companions(key) => [None; 4],
        protocol::TCP => [Some(of(protocol::GRE, 0)), None, None, None],
        protocol::GRE => [None; 4],
        _ => [(protocol::UDP, IKE), (protocol::UDP, NAT_T), (protocol::ESP, 0), (protocol::AH, 0)]
            .map(|(protocol, port)| Some(of(protocol, port))),
    };
    let itself = *key;
    all.into_iter().flatten().filter(move |other| *other != itself)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(protocol: u8, inside: u16, remote: u16) -> FlowKey {
        let address = |text: &str| text.parse().expect("an address");
        FlowKey::from_parts(protocol, (address("10.250.250.2"), inside), (address("203.0.113.10"), remote))
    }

    #[test]
    fn each_flow_of_an_ipsec_tunnel_names_the_three_others() {
        let tunnel = [
            key(protocol::UDP, 500, 500),
            key(protocol::UDP, 4500, 4500),
            key(protocol::ESP, 0, 0),
            key(protocol::AH, 0, 0),
        ];
        for flow in tunnel {
            let others: Vec<_> = tunnel.into_iter().filter(|other| *other != flow).collect();
            assert_eq!(companions(&flow).collect::<Vec<_>>(), others);
        }
        let behind_a_nat = key(protocol::UDP, 40_000, 4500);
        assert_eq!(companions(&behind_a_nat).collect::<Vec<_>>(), tunnel);
    }

    #[test]
    fn a_dial_by_pptp_names_the_tunnel_and_others_nobody() {
        let dial = key(protocol::TCP, 40_000, 1723);
        assert_eq!(companions(&dial).collect::<Vec<_>>(), [key(protocol::GRE, 0, 0)]);
        assert!(has_companions(&key(protocol::GRE, 0, 0)));
        for other in
            [key(protocol::TCP, 500, 443), key(protocol::UDP, 500, 53), key(protocol::TCP, 1723, 500), key(1, 7, 0)]
        {
            assert!(!has_companions(&other), "{other:?}");
            assert_eq!(companions(&other).count(), 0, "{other:?}");
        }
    }
}
