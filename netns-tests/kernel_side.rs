//! The kernel side: what is set up is undone to the byte, a killed run is taken over, conflicts are named, and the kernel
//! is silent about owned addresses at no cost to its own.

use flowpin::control::kernel::{self, Kernel, Plan};
use flowpin::control::links;
use flowpin::lab::Namespace;
use std::fs;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Runs a command line in a peer's namespace; its output whatever it exits with.
fn run(peer: &Namespace, line: &str) -> String {
    output(&format!("ip netns exec {} {line}", peer.name()))
}

/// Runs a test on a thread with a network namespace and a tokio runtime of its own.
fn in_namespace<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    let thread = std::thread::spawn(move || {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).expect("a network namespace (run the tests as root)");
        sh("ip link set lo up");
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test());
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

fn output(script: &str) -> String {
    let done = Command::new("sh").args(["-c", script]).stdin(Stdio::null()).output().unwrap();
    String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr)
}

fn sh(script: &str) {
    let done = Command::new("sh").args(["-ec", script]).stdin(Stdio::null()).output().unwrap();
    assert!(done.status.success(), "{script}: {}", String::from_utf8_lossy(&done.stderr));
}

/// Rules, routes, nftables and every per-link sysctl, as text.
fn machine() -> String {
    let mut text = output(
        "ip -4 rule; ip -6 rule; ip -4 route show table all; ip -6 route show table all; nft list ruleset; \
         cat /proc/sys/net/ipv4/ip_forward",
    );
    for family in ["/proc/sys/net/ipv4/conf", "/proc/sys/net/ipv6/conf"] {
        let mut paths: Vec<PathBuf> = entries(family).iter().flat_map(entries).collect();
        paths.sort();
        for path in paths {
            text += &format!("{} = {}\n", path.display(), fs::read_to_string(&path).unwrap_or_default().trim());
        }
    }
    text
}

fn entries(directory: impl AsRef<Path>) -> Vec<PathBuf> {
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn sysctl(path: &str) -> String {
    fs::read_to_string(Path::new("/proc/sys/net").join(path)).unwrap().trim().to_owned()
}

/// A router with a firewall's link, a WAN with a default route, and a reverse-path filter for all.
fn build_router() {
    sh("
        ip link add lan0 type veth peer name fw0
        ip link add wan0 type veth peer name isp0
        for l in lan0 fw0 wan0 isp0; do ip link set $l up; done
        ip addr add 10.250.250.1/29 dev lan0
        ip addr add 192.0.2.2/24 dev wan0
        ip addr add 2001:db8:a::2/64 dev wan0 nodad
        ip route add default via 192.0.2.1 dev wan0 proto static
        ip -6 route add default via fe80::99 dev wan0 proto static
    ");
    fs::write("/proc/sys/net/ipv4/conf/all/rp_filter", "2").unwrap();
    settle();
}

/// Link-local addresses settle after duplicate detection, and add routes.
fn settle() {
    sh("while ip -6 addr | grep -q tentative; do sleep 0.1; done");
}

fn add_tun() {
    sh("ip tuntap add flowpin0 mode tun");
}

fn plan(name: &str) -> Plan {
    let directory = std::env::temp_dir().join(format!("flowpin-kernel-{}-{name}", std::process::id()));
    Plan {
        downstream: Some(String::from("lan0")),
        tun: String::from("flowpin0"),
        mtu: 1500,
        addresses: Vec::new(),
        inside: ["10.250.250.0/29", "fd00:bad:b01::/60"].map(|net| net.parse().unwrap()).to_vec(),
        next_hop4: None,
        next_hop6: Some("fe80::2".parse().unwrap()),
        wans: ["wan0", "absent0"].map(String::from).to_vec(),
        owned: ["192.0.2.193/32", "2001:db8:a:c80::/60"].map(|net| net.parse().unwrap()).to_vec(),
        state: directory.join("control.sock.state"),
    }
}

async fn set_up(plan: &Plan) -> Kernel {
    kernel::setup(plan).await.unwrap_or_else(|faults| panic!("{faults:#?}"))
}

async fn refusal(plan: &Plan) -> Vec<String> {
    match kernel::setup(plan).await {
        Ok(_) => panic!("set up in spite of a conflict"),
        Err(faults) => faults,
    }
}

async fn tear_down(kernel: Kernel, plan: &Plan) {
    assert_eq!(kernel.teardown().await, Vec::<String>::new());
    assert!(!plan.state.exists());
    fs::remove_dir_all(plan.state.parent().unwrap()).unwrap();
}

fn assert_same(before: &str, after: &str) {
    for (old, new) in before.lines().zip(after.lines()) {
        assert_eq!(old, new);
    }
    assert_eq!(before, after);
}

#[test]
fn what_is_set_up_is_undone_to_the_byte() {
    in_namespace(|| async {
        build_router();
        let (before, plan) = (machine(), plan("undone"));
        add_tun();
        let kernel = set_up(&plan).await;
        assert!(output("ip -4 rule").contains("61:\tfrom all iif lan0 lookup 5250 proto 102"));
        assert!(output("ip -4 rule").contains("60:\tfrom all iif flowpin0 lookup main proto 102"));
        assert_eq!(
            output("ip -6 route show fd00:bad:b01::/60").trim(),
            "fd00:bad:b01::/60 via fe80::2 dev lan0 proto 102 metric 1024 pref medium"
        );
        assert_eq!(output("ip -6 addr show flowpin0; ip -4 addr show flowpin0 | grep inet"), "");
        assert!(output("ip link show flowpin0").contains("<NO-CARRIER,POINTOPOINT,NOARP,UP> mtu 1500"));
        assert!(output("ip link show flowpin0").contains("qlen 4096"));
        let switches = ["ip_forward", "conf/lan0/forwarding", "conf/flowpin0/forwarding", "conf/wan0/forwarding"];
        assert_eq!(switches.map(|switch| sysctl(&format!("ipv4/{switch}"))), ["0", "1", "1", "0"]);
        let filters = ["all", "default", "wan0", "lan0", "flowpin0"];
        assert_eq!(filters.map(|link| sysctl(&format!("ipv4/conf/{link}/rp_filter"))), ["0", "2", "2", "2", "0"]);
        tear_down(kernel, &plan).await;
        sh("ip link del flowpin0");
        assert_same(&before, &machine());
    });
}

#[test]
fn a_killed_run_is_taken_over_and_its_originals_come_back() {
    in_namespace(|| async {
        build_router();
        let (before, plan) = (machine(), plan("killed"));
        add_tun();
        drop(set_up(&plan).await);
        sh("ip link del flowpin0");
        assert!(plan.state.exists());
        let refused = output("ip -4 route get 198.51.100.1 iif lan0 from 10.250.250.2");
        assert_eq!(refused.trim(), "RTNETLINK answers: No route to host");
        // The next run has another TUN and one more prefix; a switch was turned by hand in between.
        let next = Plan { tun: String::from("flowpin1"), ..plan.clone() };
        sh("ip tuntap add flowpin1 mode tun");
        fs::write("/proc/sys/net/ipv4/conf/wan0/rp_filter", "1").unwrap();
        let kernel = set_up(&next).await;
        assert_eq!(output("nft list tables").lines().count(), 1);
        assert_eq!(output("ip -4 rule").matches("proto 102").count(), 2);
        tear_down(kernel, &next).await;
        sh("ip link del flowpin1");
        assert_same(&before.replace("ipv4/conf/wan0/rp_filter = 0", "ipv4/conf/wan0/rp_filter = 1"), &machine());
    });
}

#[test]
fn every_conflict_is_named_and_nothing_is_changed() {
    in_namespace(|| async {
        build_router();
        sh("
            ip -4 rule add iif lan0 lookup 7 priority 100
            ip -6 rule add from 2001:db8::/32 lookup main priority 60
            ip -4 route add 203.0.113.0/24 via 192.0.2.1 table 5250
            ip -6 route add fd00:bad:b01::/60 via fe80::77 dev wan0
        ");
        add_tun();
        let (before, plan) = (machine(), plan("conflicts"));
        let faults = refusal(&plan).await;
        let expected = [
            "the IPv4 policy rule 100 (iif lan0 lookup 7) is in the way: flowpin needs the priorities 60 and 61, table 5250 \
             and what arrives on \"lan0\"; delete or renumber that rule",
            "routing table 5250 already holds a route to 203.0.113.0/24 that is not flowpin's; flowpin needs this table for \
             itself, move the route to another",
            "the IPv6 policy rule 60 (lookup 254) is in the way: flowpin needs the priorities 60 and 61, table 5250 and what \
             arrives on \"lan0\"; delete or renumber that rule",
            "the machine already has a route for the inside prefix fd00:bad:b01::/60 that does not lead to the firewall over \
             \"lan0\" via fe80::2; delete it, or correct [downstream] prefixes",
        ];
        assert_eq!(faults, expected);
        assert_same(&before, &machine());
        assert!(!plan.state.exists());
    });
}

#[test]
fn a_rule_that_takes_every_packet_first_is_a_conflict() {
    in_namespace(|| async {
        build_router();
        add_tun();
        sh("ip -4 rule add priority 5 lookup 9; ip -4 rule add priority 6 to 10.9.0.0/16 lookup 9");
        sh("ip -6 rule add priority 100 lookup local; ip -6 rule del priority 0");
        let faults = refusal(&plan("first")).await;
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].starts_with("the IPv4 policy rule 5 (lookup 9) is in the way: "));
        assert!(faults[1].starts_with("the IPv6 policy rule \"lookup local\" must stand before priority 60, "));
    });
}

#[test]
fn what_was_lost_on_the_way_is_repaired_and_still_undone() {
    in_namespace(|| async {
        build_router();
        let (before, plan) = (machine(), plan("repaired"));
        add_tun();
        let mut kernel = set_up(&plan).await;
        let standing = machine();
        sh("ip rule flush protocol 102; ip -6 route flush table main protocol 102; ip route flush table 5250");
        fs::write("/proc/sys/net/ipv4/conf/lan0/forwarding", "0").unwrap();
        kernel.repair().await.unwrap();
        assert_same(&standing, &machine());
        kernel.repair().await.unwrap();
        assert_same(&standing, &machine());
        tear_down(kernel, &plan).await;
        sh("ip link del flowpin0");
        assert_same(&before, &machine());
    });
}

#[test]
fn a_prefix_without_a_way_and_a_missing_link_are_named() {
    in_namespace(|| async {
        build_router();
        add_tun();
        let (before, plan) = (machine(), plan("missing"));
        let homeless = Plan { next_hop6: None, ..plan.clone() };
        let said = "the inside prefix fd00:bad:b01::/60 is not on-link on \"lan0\" and no route leads there: set next_hop6 \
                    in [downstream] to the firewall's address";
        assert_eq!(refusal(&homeless).await, [said]);
        let unplugged = Plan { downstream: Some(String::from("lan9")), ..plan.clone() };
        let said = "there is no link \"lan9\" on this machine: correct [downstream] interface, or plug it in";
        assert_eq!(refusal(&unplugged).await, [said]);
        assert_same(&before, &machine());
        // The next hop is not a neighbour: what was done until then is undone.
        let inside = vec!["10.99.0.0/16".parse().unwrap()];
        let astray = Plan { inside, next_hop4: Some("172.16.0.1".parse().unwrap()), ..plan };
        let faults = refusal(&astray).await;
        assert!(faults[0].starts_with("cannot add the route 10.99.0.0/16 via 172.16.0.1: "), "{faults:?}");
        sh("ip link del flowpin0");
        add_tun();
        assert_same(&before, &machine());
    });
}

#[test]
fn routes_that_the_machine_has_already_are_left_alone() {
    in_namespace(|| async {
        build_router();
        sh(
            "ip -6 route add fd00:bad:b01::/60 via fe80::2 dev lan0 proto static; ip route add 10.7.0.0/16 via 10.250.250.2",
        );
        let (before, mut plan) = (machine(), plan("already"));
        plan.inside.push("10.7.8.0/24".parse().unwrap());
        add_tun();
        let kernel = set_up(&plan).await;
        assert_eq!(output("ip -6 route show table main proto 102; ip -4 route show table main proto 102"), "");
        tear_down(kernel, &plan).await;
        sh("ip link del flowpin0");
        assert_same(&before, &machine());
    });
}

#[test]
fn without_a_downstream_link_only_the_tun_is_touched() {
    in_namespace(|| async {
        build_router();
        let (before, mut plan) = (machine(), plan("alone"));
        plan.downstream = None;
        plan.addresses = vec!["198.18.0.1/24".parse().unwrap(), "2001:db8:f::1/64".parse().unwrap()];
        add_tun();
        let kernel = set_up(&plan).await;
        assert_eq!(
            output("ip -br addr show flowpin0 | tr -s ' '").trim(),
            "flowpin0 DOWN 198.18.0.1/24 2001:db8:f::1/64"
        );
        let others = |text: &str| {
            let kept = |line: &&str| line.starts_with("/proc") && !line.contains("flowpin0");
            text.lines().filter(kept).map(String::from).collect::<Vec<_>>()
        };
        assert_eq!(others(&before), others(&machine()));
        assert_eq!(output("ip -4 rule; ip -6 rule").matches("proto 102").count(), 0);
        tear_down(kernel, &plan).await;
        sh("ip link del flowpin0");
        assert_same(&before, &machine());
    });
}

/// An ISP's namespace behind wan0, whose kernel takes the owned addresses for on-link.
fn build_isp(test: &str) -> Namespace {
    let isp = Namespace::create(&format!("kside-{test}-{}", std::process::id())).unwrap();
    join_isp(&isp);
    isp
}

fn join_isp(isp: &Namespace) {
    sh(&format!(
        "
        ip link add wan0 type veth peer name isp0 netns {ns}
        ip link set wan0 up
        ip -n {ns} link set isp0 up
        ip addr add 192.0.2.2/24 dev wan0
        ip addr add 192.0.2.193/24 dev wan0
        ip addr add 2001:db8:a::2/64 dev wan0 nodad
        ip addr add 2001:db8:a:c80::1/64 dev wan0 nodad
        ip -n {ns} addr add 192.0.2.1/24 dev isp0
        ip -n {ns} addr add 2001:db8:a::1/64 dev isp0 nodad
        ip -n {ns} route add 2001:db8:a:c80::/60 dev isp0
    ",
        ns = isp.name()
    ));
}

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

#[test]
fn the_kernel_is_silent_for_owned_addresses_and_answers_for_its_own() {
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
        // Somebody reloads his firewall: the shield stands. Other owned addresses: it follows.
        sh("nft flush ruleset");
        assert_eq!(answers(isp, owned.0, owned.1), [false; 5], "after a flush");
        kernel.guard(&["192.0.2.2/32".parse().unwrap(), "2001:db8:a::2/128".parse().unwrap()]).await.unwrap();
        assert_eq!(answers(isp, owned.0, owned.1), [true; 5], "no longer owned");
        assert_eq!(answers(isp, own.0, own.1), [false; 5], "now owned");
        sh("ip link del wan0");
        join_isp(isp);
        kernel
            .guard(&[own.0.parse::<IpAddr>().unwrap().into(), own.1.parse::<IpAddr>().unwrap().into()])
            .await
            .unwrap();
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
        plan.owned
            .extend((0..2000u32).map(|n| ipnet::IpNet::from(IpAddr::from(Ipv4Addr::from_bits(0xc612_0000 + 2 * n)))));
        let kernel = set_up(&plan).await;
        assert!(output("nft list ruleset").contains("198.18.15.158"));
        let client = Command::new("timeout")
            .args(["3", "nc", "-nulp", "68", "-s", "192.0.2.193"])
            .stdout(Stdio::piped())
            .spawn();
        let client = client.unwrap();
        sh("while ! ss -Hlun 'sport = 68' | grep -q 68; do sleep 0.05; done");
        run(isp, &format!("ip neigh replace 192.0.2.193 lladdr {} dev isp0", mac("wan0")));
        run(isp, "sh -c 'echo stray | nc -nuw1 -p 66 192.0.2.193 68'");
        run(isp, "sh -c 'echo offer | nc -nuw1 -p 67 192.0.2.193 68'");
        assert_eq!(String::from_utf8_lossy(&client.wait_with_output().unwrap().stdout), "offer\n");
        tear_down(kernel, &plan).await;
    });
}

#[test]
fn a_links_facts_hold_its_gateways_and_change_rings_the_bell() {
    in_namespace(|| async {
        build_router();
        sh("ip route add default metric 50 nexthop via 192.0.2.7 dev wan0 nexthop via 10.250.250.3 dev lan0");
        let mut changes = links::watch().unwrap();
        let wan = links::read("wan0").await.unwrap();
        assert_eq!(wan.gateways4, ["192.0.2.1", "192.0.2.7"].map(|gateway| gateway.parse::<Ipv4Addr>().unwrap()));
        assert_eq!(wan.gateways6, ["fe80::99".parse::<Ipv6Addr>().unwrap()]);
        assert_eq!((wan.mtu, wan.up, wan.carrier), (1500, true, true));
        assert_eq!(wan.mac.unwrap().to_string(), mac("wan0"));
        let global: Vec<String> =
            wan.addresses.iter().map(ToString::to_string).filter(|a| !a.starts_with("fe80")).collect();
        assert_eq!(global, ["192.0.2.2/24", "2001:db8:a::2/64"]);
        sh("ip link set wan0 mtu 1400");
        tokio::time::timeout(std::time::Duration::from_secs(5), changes.changed()).await.unwrap().unwrap();
        assert_eq!(links::read("wan0").await.unwrap().mtu, 1400);
        let missing = links::read("wan9").await.unwrap_err();
        assert_eq!(missing, "there is no link \"wan9\" on this machine: correct the name, or plug it in");
    });
}

#[test]
fn a_gateway_from_a_router_advertisement_is_found_and_outlives_setup_and_stop() {
    in_namespace(|| async {
        sh(
            "ip link add lan0 type veth peer name fw0; ip link set lan0 up; ip link set fw0 up; ip addr add 10.250.250.1/29 dev lan0",
        );
        let isp = &build_isp("ra");
        settle();
        sh(&format!("ip -n {} addr add fe80::1/64 dev isp0 nodad", isp.name()));
        let index = links::read("wan0").await.unwrap().index;
        let mut changes = links::watch().unwrap();
        isp.run(advertise).unwrap();
        let gateway: Ipv6Addr = "fe80::1".parse().unwrap();
        while links::read("wan0").await.unwrap().gateways6 != [gateway] {
            tokio::time::timeout(std::time::Duration::from_secs(5), changes.changed()).await.unwrap().unwrap();
        }
        let (plan, default) = (plan("ra"), || output("ip -6 route show default | sed 's/ expires [0-9]*sec//'"));
        let before = default();
        assert!(before.contains("proto ra"), "{before}");
        add_tun();
        let kernel = set_up(&plan).await;
        assert_eq!(default(), before);
        tear_down(kernel, &plan).await;
        assert_eq!(default(), before);
        assert_eq!(links::read("wan0").await.unwrap().index, index);
    });
}

/// Sends a router advertisement (RFC 4861 §4.2) with a lifetime of half an hour from fe80::1 on isp0.
fn advertise() {
    use socket2::{Domain, Protocol, Socket, Type};
    let socket = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6)).unwrap();
    socket.bind_device(Some(b"isp0")).unwrap();
    socket.set_multicast_hops_v6(255).unwrap();
    let from: std::net::SocketAddrV6 = "[fe80::1]:0".parse().unwrap();
    let all_nodes: std::net::SocketAddrV6 = "[ff02::1]:0".parse().unwrap();
    socket.bind(&std::net::SocketAddrV6::new(*from.ip(), 0, 0, isp0_index()).into()).unwrap();
    let mut message = [0; 16];
    message[0] = 134;
    message[6..8].copy_from_slice(&1800u16.to_be_bytes());
    socket.send_to(&message, &std::net::SocketAddrV6::new(*all_nodes.ip(), 0, 0, isp0_index()).into()).unwrap();
}

fn isp0_index() -> u32 {
    output("ip -o link show isp0 | cut -d: -f1").trim().parse().unwrap()
}

fn mac(link: &str) -> String {
    output(&format!("ip -br link show {link} | tr -s ' ' | cut -d' ' -f3")).trim().to_owned()
}

fn wait_for_line(stream: impl std::io::Read, text: &str) {
    use std::io::BufRead as _;
    let found = std::io::BufReader::new(stream).lines().map_while(Result::ok).any(|line| line.contains(text));
    assert!(found, "never said {text:?}");
}
