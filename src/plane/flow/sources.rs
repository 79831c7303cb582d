//! How many flows each source has, so that none takes the places of all others. Of what begins inside the source is the
//! inside host; as hosts may make up addresses in IPv6, all of a /64 have a quarter of the table together. Of what comes from
//! outside and is assured it is the remote's /24 or /64, and for whoever holds many of these the /48 has a quarter.
//!
//! The counts are a count-min sketch (Cormode, Muthukrishnan 2005): each source counts in two places, and the lesser count is
//! its own, never too little, and too much only where other sources share both places. The key is secret, so that
//! nobody can share another's places on purpose. Must never know: records, why a flow ends.

use super::key::FlowKey;
use crate::plane::keyed::Keyed;
use crate::types::Direction;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Places of one row at the least and at the most: 512 KiB for both rows.
const PLACES: (usize, usize) = (1 << 8, 1 << 16);

/// Flows by source.
pub(super) struct Sources {
    key: Keyed,
    rows: [Box<[AtomicU32]>; 2],
    /// Flows of one source at the most, and of a network of sources.
    most: (usize, usize),
}

/// Addresses that count together: which kind of source it is, and its address or the prefix of that.
type Source = (u8, [u64; 2]);

impl Sources {
    /// For a table of at most `flows` flows, `per_source` of them of one source.
    pub(super) fn new(flows: usize, per_source: usize, secret: u64) -> Self {
        let places = flows.next_power_of_two().clamp(PLACES.0, PLACES.1);
        let row = || (0..places).map(|_| AtomicU32::new(0)).collect();
        Self {
            key: Keyed::new(secret, 0x736f_7572_6365),
            rows: [row(), row()],
            most: (per_source, per_source.max(flows / 4)),
        }
    }

    /// Whether the source of a flow that begins in this direction has as many flows as it may, or its network.
    pub(super) fn is_full(&self, key: &FlowKey, origin: Direction) -> bool {
        let (own, network) = sources(key, origin);
        let has = |source: Source| self.places(source).map(|place| place.load(Relaxed)).into_iter().min().unwrap_or(0);
        has(own) as usize >= self.most.0 || network.is_some_and(|network| has(network) as usize >= self.most.1)
    }

    /// A flow begins.
    pub(super) fn enter(&self, key: &FlowKey, origin: Direction) {
        self.each(key, origin, |place| _ = place.fetch_add(1, Relaxed));
    }

    /// A flow that began in this direction ends.
    pub(super) fn leave(&self, key: &FlowKey, origin: Direction) {
        self.each(key, origin, |place| _ = place.fetch_sub(1, Relaxed));
    }

    fn each(&self, key: &FlowKey, origin: Direction, change: impl Fn(&AtomicU32)) {
        let (own, network) = sources(key, origin);
        [Some(own), network].into_iter().flatten().flat_map(|source| self.places(source)).for_each(change);
    }

    fn places(&self, source: Source) -> [&AtomicU32; 2] {
        let hash = self.key.hash(source);
        let at = |row: usize, half: u64| &self.rows[row][half as usize & (self.rows[row].len() - 1)];
        [at(0, hash >> 32), at(1, hash)]
    }
}

/// Kinds of sources.
const HOST: u8 = 0;
const HOSTS: u8 = 1;
const REMOTE: u8 = 2;
const REMOTES: u8 = 3;

/// The source of a flow, and the network that it is counted with besides.
fn sources(key: &FlowKey, origin: Direction) -> (Source, Option<Source>) {
    let ([inside, host], [remote, last]) = (key.inside_words(), key.remote_words());
    match (origin, key.is_v4()) {
        (Direction::Outbound, true) => ((HOST, [inside, host]), None),
        (Direction::Outbound, false) => ((HOST, [inside, host]), Some((HOSTS, [inside, 0]))),
        (Direction::Inbound, true) => ((REMOTE, [remote, last & !0xff]), None),
        (Direction::Inbound, false) => ((REMOTE, [remote, 0]), Some((REMOTES, [remote & !0xffff, 0]))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    fn key(inside: &str, remote: &str, port: u16) -> FlowKey {
        let [inside, remote]: [IpAddr; 2] = [inside, remote].map(|address| address.parse().unwrap());
        FlowKey::from_parts(17, (inside, port), (remote, 53))
    }

    /// The flows of these pairs that find room, one after the other; what the counts are at the end when they have gone.
    fn admitted(pairs: impl Iterator<Item = (String, String)>, origin: Direction) -> usize {
        let sources = Sources { most: (100, 250), ..Sources::new(1 << 16, 0, 1) };
        let mut here = Vec::new();
        for (number, (inside, remote)) in pairs.enumerate() {
            let key = key(&inside, &remote, number as u16);
            if !sources.is_full(&key, origin) {
                sources.enter(&key, origin);
                here.push(key);
            }
        }
        here.iter().for_each(|key| sources.leave(key, origin));
        assert!(sources.rows.iter().flatten().all(|place| place.load(Relaxed) == 0));
        here.len()
    }

    #[test]
    fn an_inside_host_has_so_many_flows_and_its_neighbours_have_as_many() {
        let four = |number: usize| (format!("10.0.0.{}", number % 3), format!("203.0.113.{}", number % 200));
        assert_eq!(admitted((0..900).map(four), Direction::Outbound), 300);
        let six = |number: usize| (format!("fd00::{}", number % 2), format!("2001:db8::{number}"));
        assert_eq!(admitted((0..900).map(six), Direction::Outbound), 200);
    }

    #[test]
    fn a_host_that_makes_up_addresses_has_a_quarter_of_the_table() {
        let six = |number: usize| (format!("fd00:0:0:1::{number}"), "2001:db8::1".into());
        assert_eq!(admitted((0..900).map(six), Direction::Outbound), 250);
        let two = |number: usize| (format!("fd00:0:0:{}::{number}", number % 2), "2001:db8::1".into());
        assert_eq!(admitted((0..900).map(two), Direction::Outbound), 500);
    }

    #[test]
    fn a_network_outside_has_so_many_flows() {
        let four = |number: usize| ("10.0.0.1".into(), format!("203.0.{}.{}", number % 2, number % 250));
        assert_eq!(admitted((0..900).map(four), Direction::Inbound), 200);
        let six = |number: usize| ("fd00::1".into(), format!("2001:db8::{number}"));
        assert_eq!(admitted((0..900).map(six), Direction::Inbound), 100);
        let many = |number: usize| ("fd00::1".into(), format!("2001:db8:0:{number}::1"));
        assert_eq!(admitted((0..900).map(many), Direction::Inbound), 250);
    }

    #[test]
    fn a_source_shares_no_count_with_many_others() {
        let sources = Sources::new(1 << 20, 50_000, 7);
        for number in 0..1_000_000_u32 {
            let host = std::net::Ipv4Addr::from_bits(0x0a00_0000 + number / 50_000);
            sources.enter(&key(&host.to_string(), "203.0.113.1", number as u16), Direction::Outbound);
        }
        let others = (0..10_000_u32).map(|number| std::net::Ipv4Addr::from_bits(0x0a10_0000 + number).to_string());
        let full = others.filter(|host| sources.is_full(&key(host, "203.0.113.1", 1), Direction::Outbound));
        assert_eq!(full.count(), 0);
    }
}
