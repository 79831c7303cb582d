//! The fiber as a line of another kind, made by the kernel's own drivers and real daemons over the Ethernet that it was: `line0` at
//! the router and at the ISP, which sends the public addresses there. Needs a kernel that has the kind.
//! Must never know: any single claim.

use super::{Daemon, attempt, does, run, wait_until};
use flowpin::lab::{Lab, Namespace};
use std::fs;

/// The kernel's tunnels that need nothing but their two ends: how one is made, and whether it carries IPv4 and IPv6.
pub const TUNNELS: [(&str, [bool; 2]); 4] = [
    ("type ipip", [true, false]),
    ("type sit mode any", [true, true]),
    ("type gre", [true, true]),
    ("type ip6tnl mode any", [true, true]),
];

const PPP: &str = "noauth +ipv6 nodefaultroute ifname line0 mtu 1492 mru 1492 lcp-echo-interval 1 lcp-echo-failure 5";

/// Gives the Ethernet between router and ISP addresses of its own.
fn underlay(lab: &Lab) {
    for (namespace, link, last) in [(&lab.rt, "wan0", 1), (&lab.ispa, "customer", 2)] {
        does(namespace, &format!("ip address flush dev {link} scope global"));
        does(namespace, &format!("ip address add 10.99.0.{last}/24 dev {link}"));
        does(namespace, &format!("ip address add fd99::{last}/64 dev {link} nodad"));
    }
}

/// The ISP sends the public addresses by the line.
fn route(isp: &Namespace) {
    does(isp, "ip route replace 192.0.2.192/29 dev line0");
    does(isp, "ip route replace 2001:db8:a:c80::/60 dev line0");
}

/// Lays one of the tunnels.
pub fn lay_tunnel(lab: &Lab, how: &str) {
    underlay(lab);
    let ends = |at, to| match how.contains("ip6") {
        true => format!("local fd99::{at} remote fd99::{to}"),
        false => format!("local 10.99.0.{at} remote 10.99.0.{to}"),
    };
    for (namespace, ends) in [(&lab.rt, ends(1, 2)), (&lab.ispa, ends(2, 1))] {
        does(namespace, &format!("ip link add line0 {how} {ends}"));
        does(namespace, "ip link set line0 up");
    }
    route(&lab.ispa);
}

/// A tunnel at the router that knows no other end.
pub fn lay_loose_tunnel(lab: &Lab) {
    underlay(lab);
    does(&lab.rt, "ip link add line0 type ipip local 10.99.0.1");
    does(&lab.rt, "ip link set line0 up");
    does(&lab.ispa, "ip link add line0 type ipip local 10.99.0.2 remote 10.99.0.1");
    does(&lab.ispa, "ip link set line0 up");
    route(&lab.ispa);
}

/// Lays a WireGuard tunnel.
pub fn lay_wireguard(lab: &Lab) {
    underlay(lab);
    let directory = lab.directory();
    let ends = [(&lab.rt, 1, "0.0.0.0/0,::/0"), (&lab.ispa, 2, "192.0.2.192/29,2001:db8:a:c80::/60")];
    let keys = ends.map(|(namespace, at, _)| {
        let secret = directory.join(format!("wg{at}"));
        fs::write(&secret, run(namespace, "wg", &["genkey"])).expect("a file");
        let script = format!("wg pubkey < {}", secret.display());
        (secret, run(namespace, "sh", &["-c", &script]).trim().to_owned())
    });
    for ((namespace, at, allowed), other) in ends.into_iter().zip([1, 0]) {
        let (secret, public) = (keys[1 - other].0.display(), &keys[other].1);
        does(namespace, "ip link add line0 type wireguard");
        let to = 3 - at;
        does(
            namespace,
            &format!(
                "wg set line0 listen-port 51820 private-key {secret} peer {public} endpoint 10.99.0.{to}:51820 allowed-ips {allowed}"
            ),
        );
        does(namespace, "ip link set line0 up mtu 1420");
    }
    route(&lab.ispa);
}

/// The ISP's PPPoE server.
pub fn serve_pppoe(lab: &Lab) -> Daemon {
    // Nobody asks the kernel for it before pppd looks for /dev/ppp.
    run(&lab.rt, "modprobe", &["-a", "ppp_generic", "pppoe"]);
    let directory = lab.directory().join("pppoe-server");
    fs::create_dir(&directory).expect("a directory");
    fs::write(directory.join("options"), PPP.replace(" lcp", "\nlcp").replace(" +ipv6", "\n+ipv6")).expect("a file");
    let at = directory.display();
    let script = format!(
        "mount -t tmpfs run /var/run; exec pppoe-server -F -I customer -L 10.64.0.1 -R 10.64.0.2 -N 4 -O {at}/options"
    );
    Daemon::start(&lab.ispa, &directory, "pppoe-server", &script)
}

/// The router's PPPoE client; both ends of the line are there.
pub fn dial_pppoe(lab: &Lab) -> Daemon {
    let directory = lab.directory().join("pppd");
    fs::create_dir_all(&directory).expect("a directory");
    let script =
        format!("mount -t tmpfs run /var/run; exec pppd plugin pppoe.so wan0 {PPP} persist maxfail 0 nodetach");
    let client = Daemon::start(&lab.rt, &directory, "pppd", &script);
    wait_for_line(lab);
    client
}

/// Waits until both ends of the line have an address; the ISP sends what is the customer's there.
pub fn wait_for_line(lab: &Lab) {
    wait_until("the line is there", || {
        [&lab.rt, &lab.ispa].iter().all(|it| attempt(it, "ip", &["address", "show", "line0"]).1.contains("inet 10.64."))
    });
    route(&lab.ispa);
}
