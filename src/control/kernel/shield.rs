//! The shield: an nf_tables table at the ingress of the WAN links that keeps from the kernel what flowpin owns, so that
//! it never answers (ARP, ND, ICMP), resets or forwards it. The packet sockets see frames before this hook, so flowpin
//! loses nothing.
//! A second table keeps the kernel from telling the outside about inside hosts (hush.rs) and shuts the door to other links
//! (door.rs). Must never know: the policy, the plane.

use super::door::{self, Door};
use super::hush;
use super::nft::batch::{Batch, Netfilter, Refused};
use super::nft::{
    Attributes, Base, CREATE, EXCLUSIVE, End, Family, ICMPV6, IPV4, IPV6, LINK_NAME, Message, Meta, OWNER, PERSIST,
    Rule,
};
use super::untracked;
use crate::types::Owned;
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::io;

/// The tables `flowpin-<tun>` of the families netdev and inet.
///
/// They belong to this value's socket and outlive it (`NFT_TABLE_F_OWNER` with `NFT_TABLE_F_PERSIST`, Linux 6.9): nobody
/// else's `flush ruleset` opens them, and after a crash the kernel stays silent until the next start takes them over.
/// Older kernels get tables without owner, which outlive a crash as well.
pub(super) struct Shield {
    netfilter: Netfilter,
    table: String,
    /// What passes is kept out of connection tracking, or the kernel had none.
    untracked: bool,
}

/// Which flags the table may have been left with, and which it gets: the first pair that the kernel takes.
const FLAGS: [(u32, u32); 3] = [(OWNER | PERSIST, OWNER | PERSIST), (0, OWNER | PERSIST), (0, 0)];

/// The WAN links by name.
#[derive(Clone, Copy)]
pub(super) struct Wans<'a> {
    /// Those of the configuration. Linux 6.16 hooks into a link that comes later by its name.
    pub all: &'a [String],
    /// Those that are there now.
    pub present: &'a [String],
}

/// What the kernel must be silent about.
#[derive(Clone, Copy)]
pub(super) struct Silence<'a> {
    /// Public addresses and prefixes, with all that is sent to them or some ports alone.
    pub owned: &'a [Owned],
    /// Inside prefixes, which are never at home on a WAN.
    pub inside: &'a [IpNet],
    /// Where packets of inside hosts may go; `None`: the kernel forwards nothing for flowpin.
    pub door: Option<&'a Door>,
}

impl Shield {
    /// Raises the shield over the WAN links. Replaces what an earlier run left.
    ///
    /// # Errors
    /// A sentence; nothing has changed then.
    pub(super) fn raise(tun: &str, wans: Wans, silence: Silence) -> Result<Self, String> {
        let mut shield = Self { netfilter: open()?, table: table_name(tun), untracked: false };
        shield.update(wans, silence)?;
        Ok(shield)
    }

    /// Puts other links and prefixes in place of the old ones, in one step.
    ///
    /// # Errors
    /// A sentence; the old shield stands then.
    pub(super) fn update(&mut self, wans: Wans, silence: Silence) -> Result<(), String> {
        let mut refused = Refused::from(io::Error::other("no attempt was made"));
        // A name that only another name of a link can be so long (altname) stands for one that is not there.
        let all: Vec<String> = wans.all.iter().filter(|name| name.len() < LINK_NAME).cloned().collect();
        for links in [&all[..], wans.present] {
            for (left, wanted) in FLAGS {
                match self.netfilter.commit(&replacement(&self.table, left, wanted, links, silence)) {
                    Ok(()) => {
                        self.untrack(silence.door);
                        return Ok(());
                    }
                    Err(error) => refused = error,
                }
                match refused.error.raw_os_error() {
                    Some(libc::EOPNOTSUPP | libc::EINVAL) => {}
                    // An older kernel, and a link that is not there.
                    Some(libc::ENOENT | libc::ENODEV) => break,
                    _ => return Err(refusal(&self.table, &refused)),
                }
            }
        }
        Err(refusal(&self.table, &refused))
    }

    /// Keeps what passes out of connection tracking, if there is such a thing. A kernel that has it without the expressions
    /// that this takes goes on tracking.
    fn untrack(&mut self, door: Option<&Door>) {
        self.untracked = untracked::is_due();
        let Some(door) = door.filter(|_| self.untracked) else { return };
        let mut batch = Batch::new(Family::Inet);
        untracked::add(&mut batch, &self.table, door);
        if let Err(refused) = self.netfilter.commit(&batch) {
            tracing::warn!("what passes is tracked as connections by the kernel as well, which costs time: {refused}");
        }
    }

    /// The number by which the kernel knows who raises it.
    pub(super) fn port(&self) -> u32 {
        self.netfilter.port()
    }

    /// Whether both tables are there, with all that they need now. One that is not is made again, empty: raise the shield
    /// then.
    ///
    /// # Errors
    /// A sentence, when the kernel does not tell.
    pub(super) fn stands(&mut self) -> Result<bool, String> {
        let mut stands = self.untracked || !untracked::is_due();
        for family in [Family::Netdev, Family::Inet] {
            let mut batch = Batch::new(family);
            batch.add(Message::NewTable, CREATE | EXCLUSIVE, Attributes::new().string(1, &self.table));
            match self.netfilter.commit(&batch) {
                Ok(()) => stands = false,
                Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(refused) => return Err(refusal(&self.table, &refused)),
            }
        }
        Ok(stands)
    }

    /// Takes the shield down.
    ///
    /// # Errors
    /// A sentence, when the kernel refuses. A table that is gone already is no error.
    pub(super) fn lower(mut self) -> Result<(), String> {
        remove(&mut self.netfilter, &self.table)
    }

    /// Removes what an earlier run with another TUN name left.
    pub(super) fn remove_leftover(tun: &str) -> Result<(), String> {
        remove(&mut open()?, &table_name(tun))
    }

    /// Removes the tables of every run that ended. How many there were.
    ///
    /// # Errors
    /// A sentence, when the kernel refuses; the others are tried all the same.
    pub(super) fn remove_all() -> Result<usize, String> {
        let mut netfilter = open()?;
        let tables = netfilter.tables().map_err(|error| format!("cannot read the nftables tables: {error}"))?;
        let families = [Family::Netdev as u8, Family::Inet as u8];
        let ours = tables.iter().filter(|it| it.name.starts_with(TABLE_PREFIX) && families.contains(&it.family));
        let (count, names) = (ours.clone().count(), ours.map(|it| it.name.clone()).collect::<BTreeSet<_>>());
        let mut outcome = Ok(count);
        for table in names {
            outcome = remove(&mut netfilter, &table).and(outcome);
        }
        outcome
    }
}

/// Removes the tables of this name.
fn remove(netfilter: &mut Netfilter, table: &str) -> Result<(), String> {
    for family in [Family::Netdev, Family::Inet] {
        let mut batch = Batch::new(family);
        batch.add(Message::DelTable, 0, Attributes::new().string(1, table));
        match netfilter.commit(&batch) {
            Err(refused) if refused.error.kind() != io::ErrorKind::NotFound => {
                return Err(format!("cannot remove the nftables table \"{table}\": {}", refused.error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Why the tables cannot be as they must be: the part that is refused, and what the kernel may lack for it.
fn refusal(table: &str, refused: &Refused) -> String {
    use Message::{DelTable, NewChain, NewTable};
    let lacks = match (refused.part, refused.error.raw_os_error()) {
        (Some((NewTable | DelTable, _)), Some(libc::EPERM)) => {
            return format!(
                "the nftables table \"{table}\" belongs to another program: end it, it may be a second flowpin"
            );
        }
        (None, Some(libc::EOPNOTSUPP | libc::EINVAL)) => "; the kernel needs nf_tables",
        (Some((NewTable, Family::Netdev)), Some(libc::EOPNOTSUPP | libc::EAFNOSUPPORT)) => {
            "; the kernel needs nf_tables with the family netdev"
        }
        (Some((NewTable, Family::Inet)), Some(libc::EOPNOTSUPP | libc::EAFNOSUPPORT)) => {
            "; the kernel needs nf_tables with the family inet"
        }
        (Some((NewChain, Family::Netdev)), Some(libc::ENOENT | libc::EOPNOTSUPP)) => {
            "; a WAN link went away just now, or the kernel lacks the ingress hook (CONFIG_NETFILTER_INGRESS)"
        }
        _ => "",
    };
    format!(
        "cannot keep the kernel from answering for owned addresses: of the nftables table \"{table}\" {refused}{lacks}"
    )
}

fn open() -> Result<Netfilter, String> {
    Netfilter::open().map_err(|e| format!("cannot open a netfilter socket: {e}"))
}

/// What both tables are called.
pub(super) fn table_name(tun: &str) -> String {
    format!("{TABLE_PREFIX}{tun}")
}

/// How the names of such tables begin.
const TABLE_PREFIX: &str = "flowpin-";

const CHAIN: &str = "ingress";
const SET4: &str = "owned4";
const SET6: &str = "owned6";
/// Before any other ingress chain of the machine.
const PRIORITY: i32 = -500;

/// Both tables anew: one batch, no moment without.
fn replacement(table: &str, left: u32, wanted: u32, links: &[String], silence: Silence) -> Batch {
    let mut batch = Batch::new(Family::Netdev);
    renew(&mut batch, table, left, wanted);
    let whole = silence.owned.iter().filter(|it| it.ports.is_none()).map(|it| it.net);
    let shielded: Vec<IpNet> = whole.chain(silence.inside.iter().copied()).collect();
    let (v4, v6) = add_sets(&mut batch, table, [SET4, SET6], &shielded);
    // Without a link there is nothing to hook into; a later update brings the chain.
    if !links.is_empty() {
        add_chain(&mut batch, table, links);
        batch.add_rules(table, CHAIN, rules(v4, v6));
        batch.add_rules(table, CHAIN, silence.owned.iter().flat_map(shared).collect());
    }
    batch.turn_to(Family::Inet);
    renew(&mut batch, table, left, wanted);
    let (v4, v6) = add_sets(&mut batch, table, hush::SETS, silence.inside);
    hush::add(&mut batch, table, v4, v6);
    if let Some(door) = silence.door {
        let (v4, v6) = add_sets(&mut batch, table, door::SETS, &door.local);
        door::add(&mut batch, table, door, v4, v6);
    }
    batch
}

/// Names the old table (or makes it), deletes it and makes the new one.
fn renew(batch: &mut Batch, table: &str, left: u32, wanted: u32) {
    let named = |flags| Attributes::new().string(1, table).number(2, flags);
    batch.add(Message::NewTable, CREATE, named(left));
    batch.add(Message::DelTable, 0, Attributes::new().string(1, table));
    batch.add(Message::NewTable, CREATE, named(wanted));
}

fn add_chain(batch: &mut Batch, table: &str, links: &[String]) {
    let devices = links.iter().fold(Attributes::new(), |devices, link| devices.string(1, link));
    // Hook 0 is NF_NETDEV_INGRESS.
    let hook = Attributes::new().number(1, 0).number(2, PRIORITY.cast_unsigned()).nest(4, devices);
    let chain = Attributes::new().string(1, table).string(3, CHAIN).nest(4, hook).number(5, End::Accept as u32);
    batch.add(Message::NewChain, CREATE, chain.string(7, "filter"));
}

/// What the kernel must not see. DHCP answers are let through first: the client is the kernel's side.
fn rules(v4: bool, v6: bool) -> Vec<Attributes> {
    let ethertype = |ethertype: u16| Rule::default().meta_is(Meta::Protocol, &ethertype.to_be_bytes());
    let arp = 0x0806;
    let mut rules = Vec::new();
    if v4 {
        let udp = ethertype(IPV4).meta_is(Meta::Transport, &[17]);
        rules.push(udp.holds(Base::Transport, 0, &[0, 67, 0, 68]).end(End::Accept));
        rules.push(ethertype(IPV4).in_set(Base::Network, 16, 4, SET4).end(End::Drop));
        // RFC 826: operation 1 at 6, target protocol address at 24 for Ethernet and IPv4.
        rules.push(ethertype(arp).holds(Base::Network, 6, &[0, 1]).in_set(Base::Network, 24, 4, SET4).end(End::Drop));
    }
    if v6 {
        rules.push(ethertype(IPV6).in_set(Base::Network, 24, 16, SET6).end(End::Drop));
        // RFC 4861 §4.3: a neighbour solicitation goes to a multicast address; what it asks for stands in its body.
        let solicitation = ethertype(IPV6).meta_is(Meta::Transport, &[ICMPV6]).holds(Base::Transport, 0, &[135]);
        rules.push(solicitation.in_set(Base::Transport, 8, 16, SET6).end(End::Drop));
    }
    rules
}

/// What the kernel must not see of an address that it has itself: segments and datagrams to the ports of inside hosts.
fn shared(owned: &Owned) -> Vec<Attributes> {
    let (Some(ports), IpNet::V4(net)) = (owned.ports, owned.net) else { return Vec::new() };
    let to = |transport: u8| {
        let to = Rule::default().meta_is(Meta::Protocol, &IPV4.to_be_bytes()).meta_is(Meta::Transport, &[transport]);
        to.holds(Base::Network, 16, &net.addr().octets()).within(Base::Transport, 2, ports).end(End::Drop)
    };
    [6, 17].map(to).to_vec()
}

struct SetKind {
    /// What `nft` prints elements as: 7 `ipv4_addr`, 8 `ipv6_addr`.
    data_type: u32,
    bytes: usize,
}

const V4: SetKind = SetKind { data_type: 7, bytes: 4 };
const V6: SetKind = SetKind { data_type: 8, bytes: 16 };
/// `NFT_SET_INTERVAL` and `NFT_SET_ELEM_INTERVAL_END`.
const INTERVAL: u32 = 4;
const INTERVAL_END: u32 = 1;
/// An attribute holds 64 KiB: ranges per message.
const RANGES_PER_MESSAGE: usize = 500;

/// Makes a set of each family. Says which of them have elements.
fn add_sets(batch: &mut Batch, table: &str, names: [&str; 2], prefixes: &[IpNet]) -> (bool, bool) {
    let (v4, v6): (Vec<IpNet>, Vec<IpNet>) = prefixes.iter().partition(|net| matches!(net, IpNet::V4(_)));
    add_set(batch, table, names[0], &V4, &ranges(&v4));
    add_set(batch, table, names[1], &V6, &ranges(&v6));
    (!v4.is_empty(), !v6.is_empty())
}

fn add_set(batch: &mut Batch, table: &str, name: &str, kind: &SetKind, ranges: &[(u128, u128)]) {
    let length = u32::try_from(kind.bytes).unwrap_or(0);
    let set = Attributes::new().string(1, table).string(2, name).number(3, INTERVAL);
    // The identifier is unique in the batch only.
    let set = set.number(4, kind.data_type).number(5, length).number(10, kind.data_type);
    batch.add(Message::NewSet, CREATE, set);
    for some in ranges.chunks(RANGES_PER_MESSAGE) {
        let elements = some.iter().fold(Attributes::new(), |elements, (first, last)| {
            let elements = elements.nest(1, element(kind, *first));
            // An interval up to the last address of all stays open.
            match last.checked_add(1).filter(|end| kind.bytes == 16 || *end <= u128::from(u32::MAX)) {
                Some(end) => elements.nest(1, element(kind, end).number(3, INTERVAL_END)),
                None => elements,
            }
        });
        let list = Attributes::new().string(1, table).string(2, name).nest(3, elements);
        batch.add(Message::NewElement, CREATE, list);
    }
}

fn element(kind: &SetKind, address: u128) -> Attributes {
    let octets = address.to_be_bytes();
    let key = octets.get(octets.len().saturating_sub(kind.bytes)..).unwrap_or_default();
    Attributes::new().nest(1, Attributes::new().bytes(1, key))
}

/// First and last address of each run, sorted, with overlapping and adjacent prefixes merged: intervals must be disjoint.
fn ranges(prefixes: &[IpNet]) -> Vec<(u128, u128)> {
    let mut all: Vec<(u128, u128)> = prefixes
        .iter()
        .map(|prefix| match prefix {
            IpNet::V4(net) => (u128::from(net.network().to_bits()), u128::from(net.broadcast().to_bits())),
            IpNet::V6(net) => (net.network().to_bits(), net.broadcast().to_bits()),
        })
        .collect();
    all.sort_unstable();
    let mut merged: Vec<(u128, u128)> = Vec::with_capacity(all.len());
    for (first, last) in all {
        match merged.last_mut() {
            Some(run) if first <= run.1.saturating_add(1) => run.1 = run.1.max(last),
            _ => merged.push((first, last)),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_become_disjoint_runs() {
        let nets = ["192.0.2.4/32", "192.0.2.0/30", "192.0.2.2/32", "192.0.2.9/32", "255.255.255.255/32"];
        let nets: Vec<IpNet> = nets.iter().map(|net| net.parse().unwrap()).collect();
        let base = 0xc000_0200u128;
        let top = u128::from(u32::MAX);
        assert_eq!(ranges(&nets), [(base, base + 4), (base + 9, base + 9), (top, top)]);
    }

    #[test]
    fn the_last_prefix_of_all_does_not_overflow() {
        let nets: Vec<IpNet> = ["ff00::/8", "fe00::/8"].iter().map(|net| net.parse().unwrap()).collect();
        assert_eq!(ranges(&nets), [(0xfe << 120, u128::MAX)]);
    }
}
