//! The settings of `[wan.health]` that the plane needs, its probes, compiled family by family into plane/policy/health.rs;
//! those that the judge needs are in control/controller/rules.rs. The list depends on the settings alone, so that a probe
//! keeps its place in it, by which its outcomes are known, whatever the links do. Must never know: links.

use crate::config::settings::{self, HealthProbe, ProbeKind, ProbeTarget};
use crate::plane::health;
use crate::plane::policy::{ProbeSpec, Question, Target};
use crate::types::Family;

/// The probes of a WAN. A family that the WAN carries and that no probe is about asks its gateway, on the link: a gateway
/// that answers no pings is alive all the same.
pub fn probes(wan: &settings::Wan) -> Vec<ProbeSpec> {
    let health = &wan.health;
    let (interval, timeout) = (health.interval, health.timeout);
    let urgent = wan.thresholds.fall.saturating_sub(1);
    let carried: Vec<_> = Family::ALL.into_iter().filter(|family| wan.carries(*family)).collect();
    let mut specs = Vec::new();
    for HealthProbe { target, kind, source } in &health.probes {
        let Some(question) = question(kind) else { continue };
        let spec = |family, target| ProbeSpec {
            family,
            target,
            question: question.clone(),
            source: source.filter(|source| Family::of(*source) == family),
            interval,
            timeout,
            urgent,
        };
        match *target {
            ProbeTarget::Gateway => specs.extend(carried.iter().map(|family| spec(*family, Target::Gateway))),
            ProbeTarget::Host(host) => specs.push(spec(Family::of(host), Target::Host(host))),
        }
    }
    for family in carried {
        if !specs.iter().any(|spec| spec.family == family) {
            let (target, question) = (Target::Gateway, Question::Neighbor);
            specs.push(ProbeSpec { family, target, question, source: None, interval, timeout, urgent });
        }
    }
    specs
}

fn question(kind: &ProbeKind) -> Option<Question> {
    Some(match kind {
        ProbeKind::Neighbor => Question::Neighbor,
        ProbeKind::Icmp => Question::Echo,
        ProbeKind::Tcp { port } => Question::Connect { port: *port },
        ProbeKind::Http { port, host, path, expect, body } => Question::Fetch {
            port: *port,
            request: health::request(host, path),
            statuses: expect.as_slice().into(),
            body: body.as_ref().map(|body| body.as_bytes().into()),
        },
        ProbeKind::Tls { port, name } => Question::Greet { port: *port, hello: health::hello(name.as_deref()) },
        ProbeKind::Dns { name, record } => {
            Question::Resolve { name: health::question(name, *record)?, record: *record }
        }
        ProbeKind::Ntp => Question::Time,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::sample::settings;
    use std::net::IpAddr;

    /// The families and targets of the probes of a WAN with these.
    fn compiled(probes: Vec<HealthProbe>) -> Vec<ProbeSpec> {
        let mut wan = settings().wans[0].clone();
        wan.health = settings::Health { probes, interval: 50, timeout: 40 };
        super::probes(&wan)
    }

    #[test]
    fn the_gateway_is_asked_in_each_family_and_a_family_that_nobody_is_asked_in_asks_its_own() {
        let server = IpAddr::from([203, 0, 113, 10]);
        let host = HealthProbe { target: ProbeTarget::Host(server), kind: ProbeKind::Tcp { port: 443 }, source: None };
        let gateway = HealthProbe { target: ProbeTarget::Gateway, kind: ProbeKind::Icmp, source: None };
        let row = |spec: &ProbeSpec| (spec.family, spec.target, spec.question.clone());
        let shape = |probes| compiled(probes).iter().map(row).collect::<Vec<_>>();
        let on_link = |family| (family, Target::Gateway, Question::Neighbor);
        assert_eq!(shape(vec![]), [on_link(Family::V4), on_link(Family::V6)]);
        let asked = (Family::V4, Target::Host(server), Question::Connect { port: 443 });
        assert_eq!(shape(vec![host.clone()]), [asked.clone(), on_link(Family::V6)]);
        let echo = |family| (family, Target::Gateway, Question::Echo);
        assert_eq!(shape(vec![gateway, host]), [echo(Family::V4), echo(Family::V6), asked]);
        assert!(compiled(vec![]).iter().all(|spec| (spec.interval, spec.timeout, spec.urgent) == (50, 40, 2)));
    }

    #[test]
    fn pages_and_names_are_compiled_to_what_is_sent() {
        let target = ProbeTarget::Host(IpAddr::from([203, 0, 113, 10]));
        let (host, path) = ("a.example".to_owned(), "/x".to_owned());
        let kind = ProbeKind::Http { port: 80, host, path, expect: vec![204], body: Some("ok".into()) };
        let page = HealthProbe { target, kind, source: None };
        let name =
            HealthProbe { target, kind: ProbeKind::Dns { name: "example.com".into(), record: None }, source: None };
        let specs = compiled(vec![page, name]);
        let request = health::request("a.example", "/x");
        let body = Some(b"ok"[..].into());
        assert_eq!(specs[0].question, Question::Fetch { port: 80, request, statuses: [204].into(), body });
        let name = health::question("example.com", None).unwrap();
        assert_eq!(specs[1].question, Question::Resolve { name, record: None });
    }
}
