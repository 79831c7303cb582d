//! C-37 with real programs: a host that floods does not silence what others are told.

use crate::lab::{Raw, ethernet, start, talkative_lab, trace};
use crate::story::packets::ip;
use flowpin::clock::pause;
use flowpin::lab::Options;
use flowpin::lab::topology::mac;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Floods until `stop`, at most for half a minute: two thousand packets a second that end at flowpin, behind the kernel's hop.
fn flood(link: &mut Raw, source: &str, server: &str, stop: &AtomicBool) {
    let kind = if source.contains(':') { 0x86dd } else { 0x0800 };
    let packet = ip(source, server).ttl(2).udp((7, 33434), b"flood");
    let frame = [ethernet(mac::RT_LAN, mac::FW, kind), packet].concat();
    for _ in 0..3_000 {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        (0..20).for_each(|_| link.send(&frame));
        pause(Duration::from_millis(10));
    }
}

/// Shows RFC 1812 §4.3.2.8, RFC 4443 §2.4 f.
#[test]
fn c_37_a_traceroute_lists_every_hop_while_another_host_floods() {
    // A twentieth of the flood can be answered; of that an eighth is, and the traceroute's few probes.
    let extra = "\n[limits]\nicmp_errors = 100\n".to_owned();
    let lab = talkative_lab(Options { threads: Some(1), extra, ..Options::default() });
    let router = start(&lab);
    let families = [
        ("10.250.250.1", "10.250.250.2", "10.250.250.3", "203.0.113.10"),
        ("fd00:bad:b01:f::1", "fd00:bad:b01:1::100", "fd00:bad:b01:1::200", "2001:db8:ffff::10"),
    ];
    for (own, host, floods, server) in families {
        let mut link = Raw::open(&lab.fw, "lan0");
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| flood(&mut link, floods, server, &stop));
            let before = router.status().events.get("icmp-rate-limited").copied().unwrap_or(0);
            crate::lab::wait_until("errors are held back", || {
                router.status().events.get("icmp-rate-limited").is_some_and(|untold| *untold > before)
            });
            for _ in 0..5 {
                let found = trace(&lab.fw, "traceroute", &["-n", "-q", "1", "-w", "3", "-m", "8", "-s", host, server]);
                assert_eq!((&found[..2], &found[3..]), (&[own.into(), own.into()][..], &[server.to_owned()][..]));
            }
            stop.store(true, Ordering::Relaxed);
        });
    }
    router.end_with(&["ttl-expired"]);
}
