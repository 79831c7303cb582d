//! The health of each WAN as `status` shows it, family by family, with its probes.
//! Must never know: how that was judged (health/judge.rs).

use crate::api::{Health, Probe};
use crate::config::settings;
use crate::health::{Judge, ProbeReport};
use crate::types::{Family, Outcome, Tick, WanId};

/// The families that a WAN carries, IPv4 first.
pub(super) fn health(judge: &Judge, id: WanId, said: &settings::Wan, now: Tick) -> Vec<Health> {
    let carried = Family::ALL.into_iter().filter(|family| said.carries(*family));
    let row = |family| {
        let condition = judge.condition(id, family)?;
        Some(Health {
            family: family.to_string(),
            state: condition.state.name().to_owned(),
            since_seconds: now.since(condition.since) / 1_000_000_000,
            reason: condition.reason.to_string(),
            vetoed: condition.vetoed,
            probes: judge.probes(id, family).iter().map(probe).collect(),
        })
    };
    carried.filter_map(row).collect()
}

/// One word for all families, or each with its own.
pub(super) fn summary(families: &[Health]) -> String {
    match families {
        [] => "unused".to_owned(),
        [first, others @ ..] if others.iter().all(|other| other.state == first.state) => first.state.clone(),
        _ => families.iter().map(|it| format!("{} {}", it.family, it.state)).collect::<Vec<_>>().join(", "),
    }
}

fn probe(report: &ProbeReport) -> Probe {
    let (last, round_trip_us) = match report.last {
        None => (None, None),
        Some((_, Outcome::Passed { round_trip })) => (Some("passed".to_owned()), Some(round_trip / 1000)),
        Some((_, Outcome::Failed(why))) => (Some(why.to_string()), None),
    };
    Probe {
        name: report.name.to_string(),
        last,
        round_trip_us,
        outcomes: report.window.outcomes,
        lost: report.window.lost,
        mean_us: report.window.mean / 1000,
        jitter_us: report.window.jitter / 1000,
    }
}
