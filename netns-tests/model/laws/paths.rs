//! What the paths to remotes were said to carry, and whom the router believes. Must never know: flows, translations.

use crate::model::wire::{Ip, Piece};
use std::collections::HashMap;
use std::net::IpAddr;

/// How long a too-big message is believed, in nanoseconds (RFC 1191 §6.3).
const BELIEVED: u64 = 600_000_000_000;

/// What the path to a remote by way of a WAN was said to carry, and until when that is believed.
#[derive(Default)]
pub struct Paths(HashMap<(usize, IpAddr), (u16, u64)>);

impl Paths {
    /// What is believed of a path.
    pub fn remembered(&self, wan: usize, remote: IpAddr, now: u64) -> Option<u16> {
        self.0.get(&(wan, remote)).filter(|(_, end)| *end > now).map(|(mtu, _)| *mtu)
    }

    /// Believes what a message that came in on a WAN with this MTU says of the path of the packet that it quotes, if it is a
    /// too-big message, sane (RFC 8201 §4) and news.
    pub fn learn(&mut self, (wan, mtu): (usize, u16), message: &[u8], quoted: &Ip, now: u64) {
        let (said, least) = match (quoted.source.is_ipv4(), message) {
            (true, [3, 4, _, _, _, _, high, low, ..]) => (u16::from_be_bytes([*high, *low]), 576),
            (false, [2, 0, _, _, 0, 0, high, low, ..]) => (u16::from_be_bytes([*high, *low]), 1280),
            _ => return,
        };
        let is_sane = said >= least && usize::from(said) < quoted.len && said < mtu;
        let is_news = self.remembered(wan, quoted.destination, now).is_none_or(|known| said <= known);
        if is_sane && is_news && !matches!(quoted.piece, Piece::Later(_)) {
            self.0.insert((wan, quoted.destination), (said, now + BELIEVED));
        }
    }
}
