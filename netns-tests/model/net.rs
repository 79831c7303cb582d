//! A router's configuration as the model draws it: told to flowpin as TOML, and to the rules as these plain values.
//! Must never know: packets.

use super::chance::Chance;
use super::flows::Addresses;
use super::wire::fold;
use flowpin::types::End;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One configuration.
#[derive(Clone, Debug)]
pub struct Net {
    pub inside_mtu: u16,
    pub balance: &'static str,
    /// Room for so many flows.
    pub flows: usize,
    pub wans: Vec<Uplink>,
}

#[derive(Clone, Debug)]
pub struct Uplink {
    pub name: &'static str,
    pub mtu: u16,
    pub weight: u32,
    pub tier: u8,
    pub vlan: Option<u16>,
    /// Inside and public address.
    pub nat44: Vec<(Ipv4Addr, Ipv4Addr)>,
    pub npt: Option<Npt>,
    /// Public and inside address.
    pub hosts: Vec<(Ipv6Addr, Ipv6Addr)>,
    /// Whether its line is dead, for IPv4 and for IPv6. No configuration says so: it is what the links tell.
    pub dead: [bool; 2],
}

#[derive(Clone, Copy, Debug)]
pub struct Npt {
    pub inside: Ipv6Addr,
    pub outside: Ipv6Addr,
    /// Lengths of both prefixes.
    pub lens: [u32; 2],
    pub neutral: bool,
}

/// Why an address has no other side; the name of the drop, but for an address that is nobody's.
pub const NOT_OURS: &str = "no-wan";

/// The widest inside prefix of IPv6; what a WAN translates is this or a part of it.
pub const INSIDE6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xbad, 0xb01, 0, 0, 0, 0, 0);
const NAMES: [&str; 3] = ["fiber", "cable", "lte"];

impl Net {
    pub fn random(chance: &mut Chance) -> Self {
        let wans = (0..chance.pick(&[2, 2, 3])).map(|index| Uplink::random(index, chance)).collect();
        let balance = chance.pick(&["endpoint", "endpoint", "site", "source", "flow"]);
        let flows = chance.pick(&[1000, 1000, 1000, 8]);
        Self { inside_mtu: chance.pick(&[1500, 1500, 1400, 9000]), balance, flows, wans }
    }

    /// Another configuration of the same links.
    pub fn changed(&self, chance: &mut Chance) -> Self {
        let mut wans = self.wans.clone();
        for (index, wan) in wans.iter_mut().enumerate() {
            if chance.one_in(2) {
                *wan = Uplink { vlan: wan.vlan, dead: wan.dead, ..Uplink::random(index, chance) };
            }
        }
        let inside_mtu = if chance.one_in(4) { 1300 } else { self.inside_mtu };
        Self { inside_mtu, balance: self.balance, flows: self.flows, wans }
    }

    /// Lines that die and come back.
    pub fn after_a_while(&self, chance: &mut Chance) -> Self {
        let mut net = self.clone();
        for wan in &mut net.wans {
            let all = chance.one_in(3);
            wan.dead = [all || chance.one_in(8), all || chance.one_in(8)];
        }
        net
    }

    pub fn toml(&self) -> String {
        let mut text = format!(
            "[downstream]\ninterface = \"lan0\"\nmtu = {}\nprefixes = [\"10.250.250.0/29\", \"{INSIDE6}/48\"]\n\n\
             [default]\nbalance = \"{}\"\n\n[limits]\nflows = {}\n",
            self.inside_mtu, self.balance, self.flows
        );
        for (index, wan) in self.wans.iter().enumerate() {
            wan.write(index, &mut text).unwrap();
        }
        text
    }

    pub fn is_inside(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => address.to_bits() >> 3 == Ipv4Addr::new(10, 250, 250, 0).to_bits() >> 3,
            IpAddr::V6(address) => {
                same_prefix(address, INSIDE6, 48)
                    || self.wans.iter().any(|wan| wan.hosts.iter().any(|host| host.1 == address))
            }
        }
    }

    pub fn is_owned(&self, address: IpAddr) -> bool {
        self.wans.iter().any(|wan| wan.owns(address))
    }

    /// Whether packets may leave by an end from that address: by a WAN from its own alone (RFC 3704 §4.3).
    pub fn may_send(&self, end: End, source: IpAddr) -> bool {
        !matches!(end, End::Wan(wan) if !self.wans[wan.index()].owns(source))
    }

    /// Why no WAN has an address for a host: the most telling of their reasons.
    pub fn why_none(&self, inside: IpAddr) -> &'static str {
        let mut reasons = self.wans.iter().filter_map(|wan| wan.public(inside).err());
        reasons.find(|reason| *reason != NOT_OURS).unwrap_or(NOT_OURS)
    }
}

impl Addresses for Net {
    fn translates(&self, wan: usize, host: IpAddr) -> bool {
        self.wans[wan].public(host).is_ok()
    }

    fn is_gone(&self, _: usize, _: IpAddr, _: IpAddr) -> bool {
        false
    }

    fn has_lost_some(&self, _: &Self, _: usize) -> bool {
        false
    }
}

impl Uplink {
    fn random(index: usize, chance: &mut Chance) -> Self {
        let public = |last: u8| match index {
            0 => Ipv4Addr::new(192, 0, 2, last),
            1 => Ipv4Addr::new(198, 51, 100, last),
            _ => Ipv4Addr::new(203, 0, 113, 200 + last),
        };
        let shift = chance.below(3) as u8;
        let mut nat44: Vec<_> =
            (2..6).map(|host| (Ipv4Addr::new(10, 250, 250, host), public(2 + (host + shift) % 4))).collect();
        nat44.retain(|_| !chance.one_in(4));
        let len = chance.pick(&[48, 56, 60, 60, 64]);
        let lens = [if chance.one_in(4) { chance.pick(&[48, 52, 62, 64]) } else { len }, len];
        let outside = Ipv6Addr::new(0x2001, 0xdb8, 0xa + index as u16, if len > 48 { 0xc000 } else { 0 }, 0, 0, 0, 0);
        let npt = Npt { inside: INSIDE6, outside, lens, neutral: chance.one_in(2) };
        let mut hosts = Vec::new();
        if chance.one_in(2) {
            let inside = if chance.one_in(2) { "fd00:bad:b01::100" } else { "fd77::2" };
            hosts.push((Ipv6Addr::from_bits(outside.to_bits() | 0x1), inside.parse().unwrap()));
        }
        Self {
            name: NAMES[index],
            mtu: chance.pick(&[1500, 1500, 1400, 1280, 1492]),
            weight: 1 + chance.below(3) as u32,
            tier: 1 + u8::from(chance.one_in(4)),
            vlan: (index == 1).then_some(3242),
            nat44,
            npt: (!chance.one_in(8) || hosts.is_empty()).then_some(npt),
            hosts,
            dead: [false; 2],
        }
    }

    fn write(&self, index: usize, text: &mut String) -> std::fmt::Result {
        let Self { name, mtu, weight, tier, .. } = self;
        write!(text, "\n[[wan]]\nname = \"{name}\"\ninterface = \"wan{index}\"\n")?;
        write!(text, "mtu = {mtu}\nweight = {weight}\ntier = {tier}\n")?;
        if let Some(vlan) = self.vlan {
            writeln!(text, "vlan = {vlan}")?;
        }
        writeln!(text, "[wan.nat44]")?;
        for (inside, public) in &self.nat44 {
            writeln!(text, "\"{inside}\" = \"{public}\"")?;
        }
        if let Some(Npt { inside, outside, lens: [inner, outer], neutral }) = self.npt {
            let mode = if neutral { "rfc6296" } else { "prefix" };
            write!(
                text,
                "[wan.nptv6]\ninside = \"{inside}/{inner}\"\noutside = \"{outside}/{outer}\"\nmode = \"{mode}\"\n"
            )?;
        }
        writeln!(text, "[wan.inbound6]")?;
        for (public, inside) in &self.hosts {
            writeln!(text, "\"{public}\" = \"{inside}\"")?;
        }
        Ok(())
    }

    pub fn is_dead(&self, family_of: IpAddr) -> bool {
        self.dead[usize::from(family_of.is_ipv6())]
    }

    pub fn owns(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.nat44.iter().any(|(_, public)| *public == address),
            IpAddr::V6(address) => {
                self.npt.is_some_and(|npt| same_prefix(address, npt.outside, npt.lens[1]))
                    || self.hosts.iter().any(|(public, _)| *public == address)
            }
        }
    }

    /// What an inside host is called outside. A host of the host map has that name alone, and nobody else has it.
    pub fn public(&self, inside: IpAddr) -> Result<IpAddr, &'static str> {
        let inside = match inside {
            IpAddr::V4(inside) => {
                let public = self.nat44.iter().find(|(host, _)| *host == inside).ok_or(NOT_OURS)?.1;
                return Ok(public.into());
            }
            IpAddr::V6(inside) => inside,
        };
        if let Some((public, _)) = self.hosts.iter().find(|(_, host)| *host == inside) {
            return Ok((*public).into());
        }
        let npt = self.npt.ok_or(NOT_OURS)?;
        let public = npt.map(inside, (npt.inside, npt.lens[0]), npt.outside)?;
        let taken = self.hosts.iter().any(|(taken, _)| *taken == public);
        if taken { Err(NOT_OURS) } else { Ok(public.into()) }
    }

    /// Which inside host a public address is.
    pub fn inside(&self, public: IpAddr) -> Result<IpAddr, &'static str> {
        match public {
            IpAddr::V4(public) => Ok(self.nat44.iter().find(|(_, owned)| *owned == public).ok_or(NOT_OURS)?.0.into()),
            IpAddr::V6(public) => {
                if let Some((_, host)) = self.hosts.iter().find(|(owned, _)| *owned == public) {
                    return Ok((*host).into());
                }
                let npt = self.npt.ok_or(NOT_OURS)?;
                Ok(npt.map(public, (npt.outside, npt.lens[1]), npt.inside)?.into())
            }
        }
    }
}

impl Npt {
    /// RFC 6296 §3.1 to §3.7; in `prefix` mode the bits behind the prefix just stay. The shorter prefix goes on with zeros.
    fn map(&self, address: Ipv6Addr, from: (Ipv6Addr, u32), to: Ipv6Addr) -> Result<Ipv6Addr, &'static str> {
        let len = self.lens[0].max(self.lens[1]);
        if !same_prefix(address, from.0, from.1) {
            return Err(NOT_OURS);
        }
        if !same_prefix(address, from.0, len) {
            return Err("unmappable");
        }
        let behind = u128::MAX >> len;
        let mut words = Ipv6Addr::from_bits(to.to_bits() & !behind | address.to_bits() & behind).segments();
        if !self.neutral {
            return Ok(words.into());
        }
        let sum = |words: [u16; 8]| fold(words.into_iter().map(u64::from).sum());
        if len > 48 && words[4..] == [0; 4] {
            return Err("unmappable-identifier");
        }
        let place = if len <= 48 { 3..4 } else { 4..8 };
        let at = place.into_iter().find(|at| words[*at] != 0xffff).ok_or("unmappable")?;
        // The word takes what the whole address would otherwise gain or lose.
        let (was, is) = (sum(address.segments()), sum(words));
        words[at] = fold(u64::from(words[at]) + u64::from(was) + u64::from(!is)) % 0xffff;
        if len > 48 && words[4..] == [0; 4] { Err("unmappable-identifier") } else { Ok(words.into()) }
    }
}

fn same_prefix(a: Ipv6Addr, b: Ipv6Addr, len: u32) -> bool {
    (a.to_bits() ^ b.to_bits()).leading_zeros() >= len
}
