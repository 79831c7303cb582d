//! Links with more than one address: the public one is the one beside the gateway, and what the router says itself carries
//! one that finds back.

use crate::lab::{Router, ask, lab, mirror, run, start_with, talkative_lab, trace, wait_until};
use flowpin::api::{Source, Wan};
use flowpin::lab::topology::{FIBER6_PREFIX, INSIDE4, SERVER4};
use flowpin::lab::traffic::Traffic;
use flowpin::lab::{Lab, Options};
use std::net::SocketAddr;

const LEASE: &str = "192.0.2.193/29";
const ALIAS: &str = "192.168.100.2/24";
const MODEM: &str = "192.168.100.1";

fn wan(router: &Router<'_>, at: usize) -> Wan {
    router.status().wans.into_iter().nth(at).expect("the WAN")
}

/// Purpose, address and reason of what was chosen in one family.
fn chosen(wan: &Wan, family: &str) -> Vec<[String; 3]> {
    let row = |it: &Source| [it.purpose.clone(), it.address.to_string(), it.reason.clone()];
    wan.sources.iter().filter(|it| it.family == family).map(row).collect()
}

fn held(router: &Router<'_>) -> Vec<String> {
    wan(router, 0).leases.into_iter().map(|lease| lease.address).collect()
}

/// New flows of many ports leave from the lease, and the machine reaches the modem's own page.
fn the_lease_is_public_and_the_modem_is_reached(lab: &Lab, server: SocketAddr) {
    for port in 5000..5016 {
        let from = SocketAddr::new(INSIDE4[0].into(), port);
        let seen = lab.fw.run(|| ask(from, server)).expect("the namespace can be entered").expect("an answer");
        assert_eq!(seen.ip().to_string(), "192.0.2.193");
    }
    run(&lab.rt, "ping", &["-n", "-c", "1", "-W", "5", MODEM]);
}

/// The fiber's one inside host is behind the link's own address, and the DSL is for bad times.
fn behind_the_link(lab: &Lab) -> String {
    let block: String = (2..7).map(|host| format!("\"10.250.250.{host}\" = \"192.0.2.{}\"\n", 191 + host)).collect();
    let config = lab.config().replacen(&block, "\"10.250.250.2\" = \"interface\"\n", 1);
    config.replacen("interface = \"wan1\"\n", "interface = \"wan1\"\ntier = 2\n", 1)
}

#[test]
fn an_address_for_the_modem_before_or_behind_the_lease_takes_no_flow_and_leaves_the_modem_to_the_machine() {
    let lab = lab(Options::default());
    let _servers = Traffic::servers(&lab).expect("servers");
    let server = mirror(&lab.inet, SERVER4);
    run(&lab.ispa, "ip", &["address", "add", "192.168.100.1/24", "dev", "customer"]);
    for order in [[ALIAS, LEASE], [LEASE, ALIAS]] {
        run(&lab.rt, "ip", &["address", "flush", "dev", "wan0", "scope", "global"]);
        order.iter().for_each(|it| _ = run(&lab.rt, "ip", &["address", "add", it, "dev", "wan0"]));
        let router = start_with(&lab, &behind_the_link(&lab));
        let due = ["public", "192.0.2.193", "beside the gateway"].map(str::to_owned);
        assert_eq!((held(&router), chosen(&wan(&router, 0), "ipv4").remove(0)), (vec!["192.0.2.193".to_owned()], due));
        the_lease_is_public_and_the_modem_is_reached(&lab, server);
        router.end_with_losses();
    }
}

#[test]
fn an_address_for_the_modem_that_comes_while_flowpin_runs_takes_no_flow_either() {
    let lab = lab(Options::default());
    let _servers = Traffic::servers(&lab).expect("servers");
    let server = mirror(&lab.inet, SERVER4);
    run(&lab.ispa, "ip", &["address", "add", "192.168.100.1/24", "dev", "customer"]);
    run(&lab.rt, "ip", &["address", "add", ALIAS, "dev", "wan0"]);
    let router = start_with(&lab, &behind_the_link(&lab));
    assert_eq!(held(&router), ["192.168.100.2"], "there is no other yet");
    run(&lab.rt, "ip", &["address", "add", LEASE, "dev", "wan0"]);
    wait_until("the lease alone is public", || held(&router) == ["192.0.2.193"]);
    the_lease_is_public_and_the_modem_is_reached(&lab, server);
    run(&lab.rt, "ip", &["address", "del", ALIAS, "dev", "wan0"]);
    wait_until("the alias is gone", || wan(&router, 0).addresses.iter().all(|own| own != ALIAS));
    run(&lab.rt, "ip", &["address", "add", ALIAS, "dev", "wan0"]);
    wait_until("the alias is back", || wan(&router, 0).addresses.iter().any(|own| own == ALIAS));
    assert_eq!(held(&router), ["192.0.2.193"]);
    the_lease_is_public_and_the_modem_is_reached(&lab, server);
    router.end_with_losses();
}

/// ISP b routes the public block over a transfer network that nobody else knows a way to.
fn private_transfer(lab: &Lab) {
    let old = "198.18.2.1/30";
    run(&lab.ispb, "ip", &["address", "del", old, "dev", "customer"]);
    run(&lab.ispb, "ip", &["address", "add", "10.9.9.1/30", "dev", "customer"]);
    run(&lab.ispb, "ip", &["route", "replace", "198.51.100.240/29", "via", "10.9.9.2", "dev", "customer"]);
    run(&lab.rt, "ip", &["address", "flush", "dev", "wan1", "scope", "global"]);
    run(&lab.rt, "ip", &["address", "add", "10.9.9.2/30", "dev", "wan1"]);
    run(&lab.rt, "ip", &["route", "replace", "default", "via", "10.9.9.1", "dev", "wan1"]);
}

#[test]
fn behind_a_private_transfer_network_probes_searches_and_errors_carry_the_public_block() {
    let lab = talkative_lab(Options::default());
    private_transfer(&lab);
    let config = lab.config();
    let (fiber, dsl) = config.split_once("name = \"dsl\"\n").expect("the DSL");
    let asks = "name = \"dsl\"\nmtu = \"probe\"\nmtu_targets = [\"203.0.113.10\"]\n";
    let health =
        "[wan.health]\nprobes = [{ icmp = \"203.0.113.10\" }, { neighbor = \"gateway\" }]\nquorum = 2\n[wan.nat44]\n";
    let router = start_with(&lab, &[fiber, asks, &dsl.replacen("[wan.nat44]\n", health, 1)].concat());
    wait_until("the probes pass", || wan(&router, 1).health[0].state == "up");
    let due = ["router", "198.51.100.241", "of the target's kind"].map(str::to_owned);
    assert_eq!(chosen(&wan(&router, 1), "ipv4"), [due]);
    wait_until("the path is known", || wan(&router, 1).paths.iter().any(|path| path.mtu == Some(1500)));
    let arguments = ["-n", "-q", "1", "-N", "1", "-w", "2", "-m", "6", "-U", "198.51.100.243"];
    let found = trace(&lab.inet, "traceroute", &arguments);
    assert_eq!(found, ["198.18.11.1", "198.51.100.243", "198.51.100.243", "198.51.100.243"]);
    router.end_with(&["ttl-expired"]);
}

#[test]
fn an_error_towards_the_internet_bears_neither_a_unique_local_nor_a_deprecated_address() {
    let lab = talkative_lab(Options::default());
    run(&lab.rt, "ip", &["address", "add", "fd00:9::5/64", "dev", "wan0", "nodad"]);
    let old = ["address", "add", "2001:db8:a:9::5/64", "dev", "wan0", "nodad", "preferred_lft", "0"];
    run(&lab.rt, "ip", &old);
    let router = start_with(&lab, &lab.config());
    let asked = FIBER6_PREFIX.to_string();
    let arguments = ["-n", "-q", "1", "-N", "1", "-w", "2", "-m", "6", "-U", &asked];
    assert_eq!(trace(&lab.inet, "traceroute", &arguments), ["2001:db8:a::1", &asked, &asked, &asked]);
    let due = ["router", "2001:db8:a:c80::1", "of the target's kind"].map(str::to_owned);
    assert_eq!(chosen(&wan(&router, 0), "ipv6"), [due]);
    run(&lab.rt, "ip", &["address", "add", "2001:db8:a:9::6/64", "dev", "wan0", "nodad"]);
    run(&lab.ispa, "ip", &["route", "add", "2001:db8:a:9::/64", "via", "fe80::a2", "dev", "customer"]);
    let own = "2001:db8:a:9::6";
    wait_until("it has its own", || wan(&router, 0).addresses.iter().any(|it| it == own));
    assert_eq!(trace(&lab.inet, "traceroute", &arguments), ["2001:db8:a::1", own, own, &asked]);
    router.end_with(&["ttl-expired"]);
}
