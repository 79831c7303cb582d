//! A machine to be a router, in a network namespace of the test's thread: its links, its ISP, and its state as text.
//! Must never know: any single claim.

use flowpin::config::settings::Local;
use flowpin::control::kernel::{self, Kernel, Plan};
use flowpin::lab::{Lab, Namespace};
use flowpin::types::Owned;
use ipnet::IpNet;
use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Runs a command line in a peer's namespace; its output whatever it exits with.
pub fn run(peer: &Namespace, line: &str) -> String {
    output(&format!("ip netns exec {} {line}", peer.name()))
}

/// Runs a test on a thread with a network namespace and a tokio runtime of its own.
pub fn in_namespace<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    let thread = std::thread::spawn(move || {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).expect("a network namespace (run the tests as root)");
        sh("ip link set lo up");
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test());
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

pub fn output(script: &str) -> String {
    let done = Command::new("sh").args(["-c", script]).stdin(Stdio::null()).output().unwrap();
    String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr)
}

pub fn sh(script: &str) {
    let done = Command::new("sh").args(["-ec", script]).stdin(Stdio::null()).output().unwrap();
    assert!(done.status.success(), "{script}: {}", String::from_utf8_lossy(&done.stderr));
}

/// Rules, routes, nftables and every per-link sysctl, as text.
pub fn machine() -> String {
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

/// The state of a lab's router. Reads of /proc/sys/net are those of the thread's namespace.
pub fn machine_of(lab: &Lab) -> String {
    lab.rt.run(machine).expect("the namespace can be entered")
}

fn entries(directory: impl AsRef<Path>) -> Vec<PathBuf> {
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// A router with a firewall's link, a WAN with a default route, and a reverse-path filter for all.
pub fn build_router() {
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
pub fn settle() {
    sh("while ip -6 addr | grep -q tentative; do sleep 0.1; done");
}

pub fn add_tun() {
    sh("ip tuntap add flowpin0 mode tun");
}

/// An address or prefix that is all flowpin's.
pub fn entire(net: &str) -> Owned {
    net.parse::<IpNet>().unwrap().into()
}

pub fn plan(name: &str) -> Plan {
    let directory = std::env::temp_dir().join(format!("flowpin-kernel-{}-{name}", std::process::id()));
    Plan {
        downstream: Some(String::from("lan0")),
        tun: String::from("flowpin0"),
        mtu: 1500,
        addresses: Vec::new(),
        inside: ["10.250.250.0/29", "fd00:bad:b01::/60"].map(|net| net.parse().unwrap()).to_vec(),
        local: Local::default(),
        next_hop4: None,
        next_hop6: Some("fe80::2".parse().unwrap()),
        wans: ["wan0", "absent0"].map(String::from).to_vec(),
        owned: ["192.0.2.193/32", "2001:db8:a:c80::/60"].map(entire).to_vec(),
        ports: Vec::new(),
        state: directory.join("control.sock.state"),
    }
}

pub async fn set_up(plan: &Plan) -> Kernel {
    kernel::setup(plan).await.unwrap_or_else(|faults| panic!("{faults:#?}"))
}

pub async fn tear_down(kernel: Kernel, plan: &Plan) {
    assert_eq!(kernel::teardown(kernel.guard, kernel.forwarding).await, Vec::<String>::new());
    assert!(!plan.state.exists());
    fs::remove_dir_all(plan.state.parent().unwrap()).unwrap();
}

/// An ISP's namespace behind wan0, whose kernel takes the owned addresses for on-link.
pub fn build_isp(test: &str) -> Namespace {
    let isp = Namespace::create(&format!("kside-{test}-{}", std::process::id())).unwrap();
    join_isp(&isp);
    isp
}

pub fn join_isp(isp: &Namespace) {
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

pub fn mac(link: &str) -> String {
    output(&format!("ip -br link show {link} | tr -s ' ' | cut -d' ' -f3")).trim().to_owned()
}
