//! What the settings alone say: made once for each configuration, and shared by all of its snapshots.
//! Must never know: links, health.

use super::probes::probes;
use crate::config::settings::{self, Nptv6, Settings};
use crate::plane::lease::Leased;
use crate::plane::policy::{Fixed, OnDown, Wan, WanFixed, WanLink};
use crate::plane::translate::host6::HostMap6;
use crate::plane::translate::masquerade::Masquerade;
use crate::plane::translate::nat44::Nat44Map;
use crate::plane::translate::nptv6::Translator;
use crate::types::{Remedies, Remedy, Standing};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// The part that is about no single WAN.
pub fn fixed(settings: &Settings) -> Fixed {
    Fixed {
        seed: settings.workers.seed,
        balance: settings.balance,
        prefixes: settings.downstream.prefixes.clone(),
        hops: u8::from(settings.downstream.interface.is_some()),
        martians: settings.limits.martians.clone().unwrap_or_else(default_martians),
        timeouts: settings.timeouts,
        icmp_errors: settings.limits.icmp_errors,
        last_resort: settings.last_resort,
    }
}

/// A WAN of which nothing else is known: up, wanting no flow back, on no link, with the public addresses that the settings
/// name. `epoch` is that of its first snapshot.
pub fn wan(said: &settings::Wan, epoch: u32) -> Wan {
    let fixed = WanFixed {
        name: said.name.as_str().into(),
        tier: said.tier,
        weight: said.weight,
        sources: said.sources,
        inbound6: said.inbound6.iter().map(|(_, inside)| *inside).collect(),
        health: probes(said),
        on_down: OnDown { soft: said.on_soft_down, hard: said.on_hard_down },
    };
    Wan {
        fixed: Arc::new(fixed),
        mtu: 0,
        link: WanLink::default(),
        probe: None,
        nat44: Nat44Map::new(&said.nat44),
        masquerade: said.masquerade.map(|it| Masquerade::new(it.ports, it.per_host, it.filtering)),
        host6: HostMap6::new(&said.fixed_inbound6().collect::<Vec<_>>()),
        nptv6: said.nptv6.and_then(|npt| Some(Leased::fixed(translator(&npt, npt.outside?)))).into_iter().collect(),
        kept6: [].into(),
        owned_since: epoch,
        standing: [Standing::Up; 2],
        on_up: [Remedies::all(Remedy::Drain); 2],
        draining: [None; 2],
    }
}

/// The translation to an outside prefix, whoever names that.
pub fn translator(npt: &Nptv6, outside: Ipv6Net) -> Translator {
    Translator::new(npt.inside, outside, npt.mode)
}

/// RFC 1812 §5.3.7, RFC 6092 REC-1 to REC-3. Private and documentation ranges are left alone: an uplink may sit behind
/// another NAT, and laboratories use the others.
fn default_martians() -> Vec<IpNet> {
    let v4 = |a, b, c, d, len| Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), len).into();
    let v6 = |address: u128, len| Ipv6Net::new_assert(Ipv6Addr::from_bits(address), len).into();
    vec![
        v4(0, 0, 0, 0, 8),
        v4(127, 0, 0, 0, 8),
        v4(169, 254, 0, 0, 16),
        v4(224, 0, 0, 0, 4),
        v4(240, 0, 0, 0, 4),
        v6(0, 128),
        v6(1, 128),
        v6(0xffff_0000_0000, 96),
        v6(0xfe80 << 112, 10),
        v6(0xff00 << 112, 8),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::sample::settings;
    use std::net::IpAddr;

    #[test]
    fn default_martians_spare_private_and_documentation_ranges() {
        let fixed = fixed(&settings());
        let martian = |text: &str| fixed.martians.iter().any(|net| net.contains(&text.parse::<IpAddr>().unwrap()));
        for dead in
            ["0.1.2.3", "127.0.0.1", "169.254.9.9", "239.1.1.1", "255.255.255.255", "::", "::1", "::ffff:1.2.3.4"]
        {
            assert!(martian(dead), "{dead}");
        }
        assert!(martian("fe80::1") && martian("ff02::1"));
        for fine in ["10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "192.0.2.1", "203.0.113.1", "198.18.0.1"] {
            assert!(!martian(fine), "{fine}");
        }
        assert!(!martian("2001:db8::1") && !martian("fd00::1"));
    }
}
