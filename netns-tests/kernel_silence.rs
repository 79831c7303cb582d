//! The kernel is silent about owned addresses, at no cost to its own and to DHCP.

use crate::machine::{
    add_tun, build_isp, entire, in_namespace, join_isp, mac, output, plan, run, set_up, sh, tear_down,
};
use flowpin::control::kernel::Plan;
use flowpin::lab::Namespace;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};

/// What the ISP can get out of the kernel behind one address pair: echo, echo, TCP reset, ARP, neighbour advertisement.
fn answers(isp: &Namespace, v4: &str, v6: &str) -> [bool; 5] {
    run(isp, "ip neigh flush all");
    let echo = |address: &str| run(isp, &format!("ping -c1 -W1 {address}")).contains(" 1 received");
    let (echo4, echo6) = (echo(v4), echo(v6));
    let reset = run(isp, &format!("nc -nvzw1 {v4} 9")).contains("refused");
    let arp = run(isp, &format!("arping -c1 -w1 -I isp0 {v4}")).contains("Received 1 response");
    let neighbour = run(isp, &format!("ip -6 neigh show {v6}")).contains("lladdr");
    [echo4, echo6, reset, arp, neighbour]
}

/// The running kernel's version, as far as features go by it.
fn release() -> (u32, u32) {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split('.').map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

#[test]
fn c_66_the_kernel_is_silent_for_owned_addresses_and_answers_for_its_own() {
    in_namespace(|| async {
        let isp = &build_isp("silent");
        add_tun();
        let plan = Plan { downstream: None, ..plan("silent") };
        let (own, owned) = (("192.0.2.2", "2001:db8:a::2"), ("192.0.2.193", "2001:db8:a:c80::1"));
        assert_eq!(answers(isp, owned.0, owned.1), [true; 5], "without the shield");
        let mut kernel = set_up(&plan).await;
        let mut tap = Command::new("tcpdump")
            .args(["-i", "wan0", "-lnc", "1", "icmp and dst host 192.0.2.193"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        wait_for_line(tap.stderr.take().unwrap(), "listening on");
        run(isp, "ip neigh flush all");
        run(isp, &format!("ip neigh add 192.0.2.193 lladdr {} dev isp0", mac("wan0")));
        run(isp, "ping -c1 -W1 192.0.2.193");
        let seen = tap.wait_with_output().unwrap();
        assert!(String::from_utf8_lossy(&seen.stdout).contains("192.0.2.1 > 192.0.2.193: ICMP echo request"));
        run(isp, "ip neigh del 192.0.2.193 dev isp0");
        assert_eq!(answers(isp, owned.0, owned.1), [false; 5], "with the shield");
        assert_eq!(answers(isp, own.0, own.1), [true; 5], "its own, with the shield");
        // Somebody reloads his firewall: the shield stands, or, where tables have no owner (before Linux 6.9), is raised again
        // by whoever guards. Other owned addresses: it follows.
        sh("nft flush ruleset");
        if !kernel.guard.stands().unwrap() {
            assert!(release() < (6, 9), "nobody else takes a table that has an owner");
            kernel.guard.raise_again().await.unwrap();
        }
        assert_eq!(answers(isp, owned.0, owned.1), [false; 5], "after a flush");
        kernel.guard.replace(&[entire("192.0.2.2/32"), entire("2001:db8:a::2/128")]).await.unwrap();
        assert_eq!(answers(isp, owned.0, owned.1), [true; 5], "no longer owned");
        assert_eq!(answers(isp, own.0, own.1), [false; 5], "now owned");
        sh("ip link del wan0");
        join_isp(isp);
        kernel.guard.replace(&[entire(&format!("{}/32", own.0)), entire(&format!("{}/128", own.1))]).await.unwrap();
        assert_eq!(answers(isp, own.0, own.1), [false; 5], "after the link came back");
        drop(kernel);
        assert_eq!(answers(isp, own.0, own.1), [false; 5], "after a crash");
        let kernel = set_up(&plan).await;
        tear_down(kernel, &plan).await;
        assert_eq!(output("nft list ruleset"), "");
    });
}

#[test]
fn the_shield_lets_dhcp_through_and_takes_many_addresses() {
    in_namespace(|| async {
        let isp = &build_isp("dhcp");
        add_tun();
        let mut plan = Plan { downstream: None, ..plan("dhcp") };
        plan.owned.extend((0..2000u32).map(|n| entire(&format!("{}/32", Ipv4Addr::from_bits(0xc612_0000 + 2 * n)))));
        let kernel = set_up(&plan).await;
        assert!(output("nft list ruleset").contains("198.18.15.158"));
        let client = Command::new("timeout")
            .args(["60", "nc", "-nulp", "68", "-s", "192.0.2.193", "-W", "1"])
            .stdout(Stdio::piped())
            .spawn();
        let client = client.unwrap();
        sh("timeout 30 sh -c 'while ! ss -Hlun sport = 68 | grep -q 68; do sleep 0.05; done'");
        run(isp, &format!("ip neigh replace 192.0.2.193 lladdr {} dev isp0", mac("wan0")));
        run(isp, "sh -c 'echo stray | nc -nuw1 -p 66 192.0.2.193 68'");
        run(isp, "sh -c 'echo offer | nc -nuw1 -p 67 192.0.2.193 68'");
        assert_eq!(String::from_utf8_lossy(&client.wait_with_output().unwrap().stdout), "offer\n");
        tear_down(kernel, &plan).await;
    });
}

fn wait_for_line(stream: impl std::io::Read, text: &str) {
    use std::io::BufRead as _;
    let found = std::io::BufReader::new(stream).lines().map_while(Result::ok).any(|line| line.contains(text));
    assert!(found, "never said {text:?}");
}
