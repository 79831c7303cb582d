//! What the settings hold a WAN to, in the words of the judge. Must never know: what is known of a WAN.

use crate::config::settings::Wan;
use crate::control::compile;
use crate::health::{Limit, Probe, Rules};

/// The rules of one WAN. Its probes stand in the order of the policy's, by which their outcomes are known.
pub(super) fn of(wan: &Wan, traffic_evidence: bool) -> Rules {
    let said = wan.thresholds;
    let probes = compile::probes(wan).iter().map(|spec| Probe::new(spec.family, &spec.to_string())).collect();
    let default = Rules::default();
    Rules {
        probes,
        quorum: usize::try_from(said.quorum).unwrap_or(usize::MAX),
        interval_ms: wan.health.interval.into(),
        timeout_ms: wan.health.timeout.into(),
        fall: said.fall,
        rise: said.rise,
        max_loss: Limit::loss(said.max_loss.into()),
        max_latency: Limit::latency_ms(said.max_latency.into()),
        hold_ms: said.hold.into(),
        max_hold_ms: default.max_hold_ms.max(said.hold.into()),
        traffic_evidence,
        ..default
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::{Health, HealthProbe, ProbeKind, ProbeTarget, Thresholds};
    use crate::control::sample::settings;
    use crate::types::Family;

    #[test]
    fn what_is_said_is_what_is_judged_by() {
        let mut wan = settings().wans[0].clone();
        let named = |family, name: &str| Probe::new(family, name);
        let gateway = Family::ALL.map(|family| named(family, "neighbor gateway"));
        let default = Rules { probes: gateway.to_vec(), ..Rules::default() };
        assert_eq!(of(&wan, true), default, "the defaults are the judge's");
        wan.thresholds = Thresholds { quorum: 2, fall: 4, rise: 6, max_loss: 300, max_latency: 50, hold: 400_000 };
        let target = ProbeTarget::Host("2001:db8:ffff::10".parse().unwrap());
        let probes = vec![HealthProbe { target, kind: ProbeKind::Tcp { port: 443 }, source: None }];
        wan.health = Health { probes, interval: 100, timeout: 90 };
        let rules = of(&wan, false);
        assert!(!rules.traffic_evidence);
        let probes = [named(Family::V6, "tcp [2001:db8:ffff::10]:443"), named(Family::V4, "neighbor gateway")];
        assert_eq!(rules.probes, probes);
        assert_eq!((rules.quorum, rules.fall, rules.rise), (2, 4, 6));
        assert_eq!(
            (rules.interval_ms, rules.timeout_ms, rules.hold_ms, rules.max_hold_ms),
            (100, 90, 400_000, 400_000)
        );
        assert_eq!((rules.max_loss, rules.max_latency), (Limit::loss(300), Limit::latency_ms(50)));
    }
}
