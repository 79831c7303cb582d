//! Two or three lines as the storm draws them: told to flowpin as TOML, to the reference as these plain values.
//! Must never know: events.

use crate::model::chance::Chance;
use crate::model::flows::Addresses;
use flowpin::types::Remedy;
use ipnet::Ipv6Net;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv6Addr};

#[derive(Clone, Debug)]
pub struct Net {
    pub last_resort: bool,
    pub lines: Vec<Line>,
    /// By line: the prefixes that it is lent now, that for new flows first.
    pub lent: Vec<Vec<u8>>,
}

#[derive(Clone, Debug)]
pub struct Line {
    pub tier: u8,
    /// Bad and good cycles in a row until down and up.
    pub fall: u32,
    pub rise: u32,
    /// Milliseconds.
    pub hold: u64,
    /// For TCP, and for the rest; of a line that is softly down, and hard.
    pub soft: [Remedy; 2],
    pub hard: [Remedy; 2],
    /// Milliseconds that flows may wait for an answer, where they are judged by that.
    pub silence: Option<u64>,
    /// The same for flows on a worse tier that it would take, once it has been up for so many milliseconds.
    pub up: [Remedy; 2],
    pub patience: u64,
    /// It has no address for the second host.
    pub narrow: bool,
    /// Its IPv6 prefix is lent.
    pub lends: bool,
}

/// Milliseconds between two probes, and for the answer to one.
pub const INTERVAL: u64 = 1000;
pub const TIMEOUT: u64 = 800;

pub const HOSTS: [&str; 4] = ["10.250.250.2", "10.250.250.3", "fd00:bad:b01::2", "fd00:bad:b01::3"];
pub const SERVERS: [&str; 4] = ["203.0.113.10", "203.0.113.11", "2001:db8:5::10", "2001:db8:5::11"];

impl Net {
    pub fn random(chance: &mut Chance) -> Self {
        let lines: Vec<_> = (0..chance.pick(&[2, 2, 3])).map(|_| Line::random(chance)).collect();
        let lent = lines.iter().map(|line| if line.lends { vec![0] } else { vec![] }).collect();
        Self { last_resort: chance.one_in(3), lines, lent }
    }

    pub fn toml(&self) -> String {
        let mut text = format!(
            "[downstream]\ninterface = \"lan0\"\nprefixes = [\"10.250.250.0/29\", \"fd00:bad:b01::/60\"]\n\
             [default]\nlast_resort = {}\n",
            self.last_resort
        );
        for (index, line) in self.lines.iter().enumerate() {
            line.write(index, &mut text).unwrap();
        }
        text
    }

    /// The public address that a host has on a line in a new flow.
    pub fn public(&self, line: usize, host: IpAddr) -> Option<IpAddr> {
        if self.is_lent(line, host) {
            return self.lent[line].first().and_then(|prefix| self.public_under(line, host, *prefix));
        }
        self.public_under(line, host, 0)
    }

    /// The same under one of the line's prefixes.
    pub fn public_under(&self, line: usize, host: IpAddr, prefix: u8) -> Option<IpAddr> {
        let place = HOSTS.iter().position(|known| known.parse() == Ok(host))?;
        if self.lines[line].narrow && place % 2 == 1 {
            return None;
        }
        Some(match host {
            IpAddr::V4(host) => IpAddr::from([192, 0, 2, 16 * line as u8 + host.octets()[3]]),
            IpAddr::V6(host) => {
                let outside = delegated(line, prefix).network().to_bits() >> 64;
                IpAddr::V6(Ipv6Addr::from_bits(outside << 64 | host.to_bits() & 0xffff))
            }
        })
    }

    /// Whether an address is some host's on a line now.
    pub fn owns(&self, line: usize, address: IpAddr) -> bool {
        let fixed = if self.lines[line].lends { &[][..] } else { &[0] };
        let prefixes = || self.lent[line].iter().chain(if address.is_ipv4() { &[0] } else { fixed });
        let is = |host: &str| {
            let host = host.parse().unwrap();
            prefixes().any(|prefix| self.public_under(line, host, *prefix) == Some(address))
        };
        HOSTS.iter().any(|host| is(host))
    }

    /// Whether a host's address on a line is lent.
    pub fn is_lent(&self, line: usize, host: IpAddr) -> bool {
        host.is_ipv6() && self.lines[line].lends
    }
}

impl Addresses for Net {
    fn translates(&self, line: usize, host: IpAddr) -> bool {
        self.public(line, host).is_some()
    }

    fn is_gone(&self, line: usize, host: IpAddr, public: IpAddr) -> bool {
        let is = |prefix: &u8| self.public_under(line, host, *prefix) == Some(public);
        self.is_lent(line, host) && !self.lent[line].iter().any(is)
    }

    fn has_lost_some(&self, before: &Self, line: usize) -> bool {
        before.lent[line].iter().any(|prefix| !self.lent[line].contains(prefix))
    }
}

/// A prefix of a line by its number.
pub fn delegated(line: usize, prefix: u8) -> Ipv6Net {
    let network = Ipv6Addr::new(0x2001, 0xdb8, 0xa, (line as u16) << 8 | u16::from(prefix) << 4, 0, 0, 0, 0);
    Ipv6Net::new_assert(network, 60)
}

impl Line {
    fn random(chance: &mut Chance) -> Self {
        let remedies = |chance: &mut Chance, usual: [Remedy; 2]| {
            let any = [Remedy::Drain, Remedy::Reset, Remedy::Move];
            if chance.one_in(2) { usual } else { [chance.pick(&any), chance.pick(&any)] }
        };
        let narrow = chance.one_in(4);
        Self {
            tier: 1 + u8::from(chance.one_in(3)),
            fall: 1 + chance.below(3) as u32,
            rise: 1 + chance.below(3) as u32,
            hold: chance.pick(&[0, 2000, 5000]),
            soft: remedies(chance, [Remedy::Drain; 2]),
            hard: remedies(chance, [Remedy::Reset, Remedy::Move]),
            silence: chance.pick(&[None, Some(3000), Some(800), Some(1001)]),
            up: remedies(chance, [Remedy::Drain; 2]),
            patience: chance.pick(&[0, 0, 1000, 4000]),
            narrow,
            lends: !narrow && chance.one_in(2),
        }
    }

    fn write(&self, index: usize, text: &mut String) -> std::fmt::Result {
        let Self { tier, fall, rise, hold, .. } = self;
        let name = ["fiber", "cable", "lte"][index];
        let said = |[tcp, udp]: [Remedy; 2]| format!("{{ tcp = \"{}\", udp = \"{}\" }}", word(tcp), word(udp));
        let on_up = said(self.up).replace("drain", "keep");
        let on_up = match self.patience {
            0 => on_up,
            ms => on_up.replace("{ ", &format!("{{ drain = \"{ms}ms\", ")),
        };
        let silence = self.silence.map_or("off".to_owned(), |millis| format!("{millis}ms"));
        let len = if self.narrow { 1 } else { 2 };
        write!(text, "[[wan]]\nname = \"{name}\"\ninterface = \"wan{index}\"\ntier = {tier}\n[wan.nat44]\n")?;
        for host in &HOSTS[..len] {
            let last = 16 * index + host.bytes().last().map_or(0, |digit| usize::from(digit - b'0'));
            writeln!(text, "\"{host}\" = \"192.0.2.{last}\"")?;
        }
        if self.narrow {
            writeln!(text, "[wan.inbound6]\n\"2001:db8:a:{}00::2\" = \"{}\"", index, HOSTS[2])?;
        } else {
            let outside = if self.lends { "auto".into() } else { delegated(index, 0).to_string() };
            writeln!(text, "[wan.nptv6]\ninside = \"fd00:bad:b01::/60\"\noutside = \"{outside}\"\nmode = \"prefix\"")?;
        }
        write!(
            text,
            "[wan.health]\nprobes = [{{ icmp = \"{}\" }}, {{ icmp = \"{}\" }}]\ninterval = \"{INTERVAL}ms\"\ntimeout = \"{TIMEOUT}ms\"\n\
             fall = {fall}\nrise = {rise}\nhold = \"{hold}ms\"\nmax_loss = \"100%\"\nmax_latency = \"10s\"\n\
             on_soft_down = {}\non_hard_down = {}\nsilence = \"{silence}\"\non_up = {on_up}\n",
            SERVERS[0],
            SERVERS[2],
            said(self.soft),
            said(self.hard)
        )
    }
}

fn word(remedy: Remedy) -> &'static str {
    match remedy {
        Remedy::Drain => "drain",
        Remedy::Reset => "reset",
        Remedy::Move => "move",
    }
}
