//! The state of the service: WANs, table, drops, losses at the ports. Must never know: sockets.

use super::flows::{direction_name, traffic};
use super::sources::Sources;
use super::{addresses, device, health};
use crate::api::{Downstream, FamilyMtu, Gateway, Health, Lease, Path, Rate, Remembered, Status, Table, Wan};
use crate::config::settings::{self, Mtu};
use crate::control::controller::leases::Held;
use crate::control::gauge::Gauge;
use crate::plane::Shared;
use crate::plane::counters::Totals;
use crate::plane::flow::table::FlowTable;
use crate::plane::neighbor::Neighbors;
use crate::plane::path::{Memory, Paths, State};
use crate::plane::policy::source::Choice;
use crate::plane::policy::{self, Policy};
use crate::ports::meter::Reading;
use crate::types::{Direction, Family, LinkLayer, Owned, Tick, WanId};
use crate::workers::live::Meters;
use std::collections::BTreeMap;

/// Everything at once.
#[must_use]
pub fn status(sources: &Sources, now: Tick) -> Status {
    let (settings, policy) = (&sources.settings, sources.policy.load());
    let (totals, decided) = (sources.totals(), decided(sources, now));
    let wans = settings.wans.iter().zip(decided).filter_map(|((id, said), decided)| {
        Some(WanView { id, said, wan: policy.wan(id)? }.row(&sources.shared, &totals, decided, now))
    });
    Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        uptime_seconds: now.since(sources.ready) / 1_000_000_000,
        config: sources.config.clone(),
        epoch: policy.epoch,
        workers: sources.meters.len(),
        downstream: Downstream {
            interface: settings.downstream.interface.clone(),
            tun: settings.downstream.tun.clone(),
            mtu: policy.inside.mtu,
            offloads: sources.offloads.clone(),
        },
        kernel_side: sources.kernel_side().clone(),
        wans: wans.collect(),
        table: table(&sources.shared.table),
        drops: drops(&totals),
        events: events(&totals),
        ports: ports(
            &sources.meters,
            &policy,
            device::queue_full(&settings.downstream.tun).saturating_sub(sources.unserved),
        ),
    }
}

/// What the control loop knows of a WAN.
struct Decided {
    health: Vec<Health>,
    leases: Vec<Lease>,
    link: String,
    public: Option<Choice>,
    outbound: Rate,
    inbound: Rate,
}

/// By WAN. This is all that is done while the control loop, which may have a failover to see to, has to wait for a lock.
fn decided(sources: &Sources, now: Tick) -> Vec<Decided> {
    let (controller, gauge) = (sources.controller(), sources.gauge());
    let of = |(id, said)| Decided {
        health: health::health(controller.judge(), id, said, now),
        leases: controller.leases().held(now, id).iter().map(|held| lease(held, now)).collect(),
        link: controller.link_name(id).to_owned(),
        public: controller.leases().public(id),
        outbound: rate(&gauge, id, Direction::Outbound),
        inbound: rate(&gauge, id, Direction::Inbound),
    };
    sources.settings.wans.iter().map(of).collect()
}

struct WanView<'a> {
    id: WanId,
    said: &'a settings::Wan,
    wan: &'a policy::Wan,
}

impl WanView<'_> {
    fn row(&self, shared: &Shared, totals: &Totals, decided: Decided, now: Tick) -> Wan {
        let of = |family| {
            let known = self.wan.link.gateways(family).iter();
            known.map(move |it| gateway(&shared.neighbors, (self.id, self.wan, family), it))
        };
        let gateways = Family::ALL.into_iter().flat_map(of).collect();
        Wan {
            name: self.said.name.clone(),
            interface: self.said.interface.clone(),
            link: decided.link,
            vlan: self.said.vlan,
            state: health::summary(&decided.health),
            health: decided.health,
            tier: self.wan.fixed.tier,
            weight: self.wan.fixed.weight,
            mtu: self.wan.mtu,
            mtu_source: mtu_source(self.said.mtu, self.wan.mtu).to_owned(),
            mtus: mtus(&shared.paths, self.id, self.said, self.wan),
            paths: paths(&shared.paths, self.id, self.wan),
            remembered: remembered(&shared.paths.memory, self.id, now),
            mac: self.wan.link.mac.to_string(),
            addresses: addresses::of_link(self.wan),
            sources: addresses::sources(self.said, self.wan, decided.public),
            gateways,
            direct: self.wan.link.direct.iter().map(ToString::to_string).collect(),
            owned: self.wan.owned().map(Owned::from).chain(self.wan.shared()).map(|it| it.to_string()).collect(),
            leases: decided.leases,
            notes: notes(self.wan),
            flows: shared.table.pinned(self.id) as u64,
            outbound: traffic(totals.forwarded(self.id, Direction::Outbound)),
            inbound: traffic(totals.forwarded(self.id, Direction::Inbound)),
            outbound_rate: decided.outbound,
            inbound_rate: decided.inbound,
        }
    }
}

/// RFC 4389 has the same limits: a host of the link's network is found only by who asks for it.
fn notes(wan: &policy::Wan) -> Vec<String> {
    let shared = wan.nptv6.first().map(|it| it.held.outside()).filter(|_| wan.is_proxy());
    let note = |prefix| {
        format!(
            "{prefix} is the link's own network: an inside host is reached there once it has sent something, and nobody is \
             answered for others; ask the ISP for a delegated prefix, or give hosts that are to be reached a line in inbound6"
        )
    };
    shared.into_iter().map(note).collect()
}

fn lease(held: &Held, now: Tick) -> Lease {
    let is_host = held.net.prefix_len() == held.net.max_prefix_len();
    Lease {
        address: if is_host { held.net.addr().to_string() } else { held.net.to_string() },
        current: held.current,
        reason: held.why.to_owned(),
        valid_seconds: held.until.map(|until| until.since(now).div_ceil(1_000_000_000)),
    }
}

fn rate(gauge: &Gauge, wan: WanId, direction: Direction) -> Rate {
    let rate = gauge.rate(wan, direction);
    Rate { packets_per_second: rate.packets, bits_per_second: rate.bits }
}

fn gateway(
    neighbors: &Neighbors,
    (id, wan, family): (WanId, &policy::Wan, Family),
    known: &policy::Gateway,
) -> Gateway {
    let (mac, state, used) = neighbors.gateway(id, family, known.address);
    let is_alone = wan.link.layer == LinkLayer::None;
    let is_everybody = !is_alone && known.address.is_unspecified();
    let state = if is_everybody { "direct" } else { state.name() };
    Gateway {
        family: family.to_string(),
        address: known.address,
        mac: mac.filter(|_| !is_alone).map(|mac| mac.to_string()),
        state: if is_alone { "point-to-point" } else { state }.to_owned(),
        used: used || is_everybody,
        why: known.why.to_string(),
    }
}

/// A configured MTU beyond the link's is not the one in force.
fn mtu_source(said: Mtu, in_force: u16) -> &'static str {
    match said {
        Mtu::Probe => "probe",
        Mtu::Bytes(bytes) if bytes == in_force => "configured",
        Mtu::Bytes(_) | Mtu::Auto => "link",
    }
}

/// The least of what is known, by family, and whose word that is.
fn mtus(paths: &Paths, id: WanId, said: &settings::Wan, wan: &policy::Wan) -> Vec<FamilyMtu> {
    let own = if matches!(said.mtu, Mtu::Bytes(bytes) if bytes == wan.mtu) { "configured" } else { "link" };
    let of = |family: Family| {
        let told = wan.link.told_mtu[family.index()].map(|told| (told.bytes, told.by.to_string()));
        let found = paths.found(id, family).map(|found| (found, "probe".to_owned()));
        let all = std::iter::once((wan.mtu, own.to_owned())).chain(told).chain(found);
        let (mtu, source) = all.min_by_key(|(bytes, _)| *bytes).unwrap_or_default();
        FamilyMtu { family: family.to_string(), mtu, source }
    };
    Family::ALL.into_iter().filter(|family| said.carries(*family)).map(of).collect()
}

fn paths(paths: &Paths, id: WanId, wan: &policy::Wan) -> Vec<Path> {
    let Some(probe) = &wan.probe else { return Vec::new() };
    let probed = Family::ALL.into_iter().filter(|family| paths.state(id, *family) != State::Off);
    let path = |family: Family| Path {
        family: family.to_string(),
        state: paths.state(id, family).name().to_owned(),
        mtu: paths.found(id, family),
        targets: probe.targets(family).to_vec(),
    };
    probed.map(path).collect()
}

fn remembered(memory: &Memory, id: WanId, now: Tick) -> Vec<Remembered> {
    let known = memory.list(now).into_iter().filter(|known| known.wan == id);
    let mut known: Vec<_> = known
        .map(|known| Remembered {
            remote: known.remote,
            mtu: known.mtu,
            expires_seconds: known.expires.since(now) / 1_000_000_000,
        })
        .collect();
    known.sort_unstable_by_key(|known| known.remote);
    known
}

fn table(table: &FlowTable) -> Table {
    Table {
        flows: table.len() as u64,
        limit: table.limit() as u64,
        created: table.created(),
        expired: table.expired(),
        refused: table.refused(),
    }
}

fn drops(totals: &Totals) -> BTreeMap<String, BTreeMap<String, u64>> {
    let both = [Direction::Outbound, Direction::Inbound].map(|direction| {
        let reasons: BTreeMap<_, _> =
            totals.drops(direction).map(|(reason, packets)| (reason.name().to_owned(), packets)).collect();
        (direction_name(direction).to_owned(), reasons)
    });
    both.into_iter().filter(|(_, reasons)| !reasons.is_empty()).collect()
}

fn events(totals: &Totals) -> BTreeMap<String, u64> {
    totals.happened().map(|(event, count)| (event.name().to_owned(), count)).collect()
}

/// What was lost at the ports, over all workers: `inside.full`, `fiber.lost` and so on; and what the TUN's own queue had
/// no room for.
fn ports(meters: &[Meters], policy: &Policy, queue_full: u64) -> BTreeMap<String, u64> {
    let mut losses = BTreeMap::new();
    let mut lose = |name: String, frames: u64| {
        if frames != 0 {
            *losses.entry(name).or_default() += frames;
        }
    };
    lose("inside.queue-full".to_owned(), queue_full);
    for meters in meters {
        let wans = policy.wans().filter_map(|(id, wan)| Some((&*wan.fixed.name, meters.wans.get(id.index())?)));
        for (port, meter) in std::iter::once(("inside", &meters.inside)).chain(wans) {
            for (name, frames) in losses_of(&meter.read()) {
                lose(format!("{port}.{name}"), frames);
            }
        }
        lose("no-link".to_owned(), meters.no_link());
        lose("outbox-full".to_owned(), meters.outbox_full());
    }
    losses
}

/// The counters of a port that are losses.
fn losses_of(reading: &Reading) -> impl Iterator<Item = (&'static str, u64)> {
    reading.named().into_iter().filter(|(name, _)| !matches!(*name, "received" | "sent"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::report::sample;
    use crate::plane::counters::Event;
    use crate::plane::neighbor::Prober;
    use crate::plane::outbox::Outbox;
    use crate::plane::verdict::DropReason;
    use crate::types::Mac;

    #[test]
    fn status_adds_the_workers_up_and_leaves_zeros_out() {
        let sources = sample::sources(2);
        let now = sources.clock.now();
        // The gateways get their places.
        Prober::new().tick(now, &sources.policy.load(), &sources.shared.neighbors, &mut Outbox::new());
        sources.shared.neighbors.set(WanId(0), Family::V4, Mac([2, 0, 0, 0, 0, 9]));
        sources.shared.paths.memory.learn(WanId(1), "203.0.113.10".parse().unwrap(), 1300, now.plus_millis(500));
        let _ = sources.read_gauge(Tick(0));
        sources.counters[0].forward(WanId(1), Direction::Inbound, 2, 120);
        sources.counters[1].forward(WanId(1), Direction::Inbound, 1, 40);
        sources.counters[1].count_drop(Direction::Outbound, DropReason::ForeignSource);
        sources.counters.iter().for_each(|counters| counters.event(Event::Hairpinned));
        let _ = sources.read_gauge(Tick::from_millis(500));
        let status = sources.status();
        assert_eq!((status.epoch, status.table.limit, status.config.as_str()), (1, 1000, "flowpin.toml"));
        assert_eq!(status.wans[1].inbound, crate::api::Traffic { packets: 3, bytes: 160 });
        let rate = Rate { packets_per_second: 6, bits_per_second: 2560 };
        assert_eq!((status.wans[1].inbound_rate, status.wans[1].outbound_rate), (rate, Rate::default()));
        assert_eq!(status.wans[0].gateways[0].mac.as_deref(), Some("02:00:00:00:00:09"));
        assert_eq!(status.wans[0].owned, ["192.0.2.193/32", "2001:db8:a:c80::/60"]);
        assert_eq!(status.wans[0].state, "absent");
        assert_eq!(status.wans[0].health[1].reason, "the link does not exist");
        let reasons = BTreeMap::from([("foreign-source".to_owned(), 1)]);
        assert_eq!(status.drops, BTreeMap::from([("outbound".to_owned(), reasons)]));
        assert_eq!(status.events, BTreeMap::from([("hairpinned".to_owned(), 2)]));
        assert!(status.ports.is_empty() && status.wans.iter().all(|wan| wan.paths.is_empty()));
        let known = Remembered { remote: "203.0.113.10".parse().unwrap(), mtu: 1300, expires_seconds: 600 };
        assert_eq!((&status.wans[0].remembered[..], &status.wans[1].remembered[..]), (&[][..], &[known][..]));
    }

    #[test]
    fn an_mtu_says_where_it_is_from() {
        assert_eq!([mtu_source(Mtu::Auto, 1500), mtu_source(Mtu::Probe, 1500)], ["link", "probe"]);
        assert_eq!([mtu_source(Mtu::Bytes(1400), 1400), mtu_source(Mtu::Bytes(1600), 1500)], ["configured", "link"]);
    }

    #[test]
    fn the_least_mtu_of_a_family_is_named_with_its_source() {
        let sources = sample::sources(1);
        let policy = sources.policy.load();
        let (said, mut wan) = (&sources.settings.wans[0], policy.wans[0].clone());
        wan.link.told_mtu[1] = Some(crate::types::ToldMtu { bytes: 1400, by: crate::types::MtuTeller::Route });
        let of = |wan: &policy::Wan, paths: &Paths| {
            mtus(paths, WanId(0), said, wan).into_iter().map(|it| (it.mtu, it.source)).collect::<Vec<_>>()
        };
        let paths = &sources.shared.paths;
        assert_eq!(of(&wan, paths), [(1500, "link".to_owned()), (1400, "route".to_owned())]);
        wan.mtu = 1300;
        assert_eq!(of(&wan, paths), [(1300, "link".to_owned()), (1300, "link".to_owned())]);
    }

    #[test]
    fn what_passed_a_port_is_no_loss() {
        let reading = Reading { received: 5, sent: 5, lost: 2, full: 1, ..Reading::default() };
        let losses: Vec<_> = losses_of(&reading).filter(|(_, frames)| *frames != 0).collect();
        assert_eq!(losses, [("lost", 2), ("full", 1)]);
    }
}
