//! The kernel as the router: nftables keeps the WAN of a connection in its mark and translates by maps, ip rules lead
//! each mark to a table of its own. Set up as well as it can be.
//! Known limit: no flow offload in a kernel without nf_flow_table. Must never know: flowpin.

use crate::output;
use flowpin::lab::Lab;
use std::fmt::Write;
use std::io::{self, Write as _};
use std::process::{Command, Stdio};

/// Makes the router's kernel do flowpin's work; `steered` moves its receive path to the second core.
pub fn configure(lab: &Lab, steered: bool) -> io::Result<()> {
    let mut child = lab.rt.spawn(Command::new("nft").args(["-f", "-"]).stdin(Stdio::piped()))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(ruleset().as_bytes())?;
    }
    if !child.wait()?.success() {
        return Err(io::Error::other("nft refused the ruleset of the peer"));
    }
    shell(lab, SYSTEM)?;
    if steered { shell(lab, STEERING) } else { Ok(()) }
}

fn shell(lab: &Lab, script: &str) -> io::Result<()> {
    // A sysfs of the namespace's own shows its links' receive queues.
    let script = format!("set -e\nmount -t sysfs sysfs /sys\n{script}");
    output(&lab.rt, Command::new("unshare").args(["--mount", "sh", "-c", &script])).map(|_| ())
}

const SYSTEM: &str = "
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
for i in all lan0 wan0 wan1; do sysctl -qw net.ipv4.conf.$i.rp_filter=0; done
ip addr add 192.0.2.194/29 dev wan0
for n in 193 195 196 197; do ip addr add 192.0.2.$n/32 dev wan0; done
for n in 241 242 243 244 245; do ip addr add 198.51.100.$n/32 dev wan1; done
ip route add default via 192.0.2.198 dev wan0 table 101
ip route add default via 198.18.2.1 dev wan1 table 102
ip -6 route add default via fe80::a1 dev wan0 table 101
ip -6 route add default via fe80::b1 dev wan1 table 102
ip -6 route replace fd00:bad:b01::/60 via fe80::2 dev lan0
for f in -4 -6; do
  ip $f rule add pref 900 lookup main suppress_prefixlength 0
  ip $f rule add pref 1001 fwmark 1 lookup 101
  ip $f rule add pref 1002 fwmark 2 lookup 102
done
";

const STEERING: &str = "for i in lan0 wan0 wan1; do echo 2 > /sys/class/net/$i/queues/rx-0/rps_cpus; done";

fn ruleset() -> String {
    let map = |network: &str, first: u32, out: bool| {
        let mut text = String::new();
        for i in 0..5 {
            let (inside, public) = (format!("10.250.250.{}", 2 + i), format!("{network}.{}", first + i));
            let _ = if out { write!(text, "{inside} : {public}, ") } else { write!(text, "{public} : {inside}, ") };
        }
        text
    };
    format!(
        "table inet peer {{
  chain marks {{ type filter hook prerouting priority mangle;
    meta mark set ct mark
    ct state new iifname lan0 meta mark set numgen random mod 3 map {{ 0 : 1, 1 : 1, 2 : 2 }}
    ct state new iifname wan0 meta mark set 1
    ct state new iifname wan1 meta mark set 2
    ct state new ct mark set meta mark
  }}
  chain arrivals {{ type nat hook prerouting priority dstnat;
    iifname wan0 dnat ip to ip daddr map {{ {in_a} }}
    iifname wan1 dnat ip to ip daddr map {{ {in_b} }}
    iifname wan0 ip6 daddr 2001:db8:a:c80::/60 dnat ip6 prefix to fd00:bad:b01::/60
    iifname wan1 ip6 daddr 2001:db8:b:be00::/60 dnat ip6 prefix to fd00:bad:b01::/60
  }}
  chain departures {{ type nat hook postrouting priority srcnat;
    oifname wan0 snat ip to ip saddr map {{ {out_a} }}
    oifname wan1 snat ip to ip saddr map {{ {out_b} }}
    oifname wan0 ip6 saddr fd00:bad:b01::/60 snat ip6 prefix to 2001:db8:a:c80::/60
    oifname wan1 ip6 saddr fd00:bad:b01::/60 snat ip6 prefix to 2001:db8:b:be00::/60
  }}
  chain clamps {{ type filter hook forward priority mangle;
    tcp flags & (syn | rst) == syn tcp option maxseg size set rt mtu
  }}
}}
",
        in_a = map("192.0.2", 193, false),
        in_b = map("198.51.100", 241, false),
        out_a = map("192.0.2", 193, true),
        out_b = map("198.51.100", 241, true),
    )
}
