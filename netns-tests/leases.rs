//! Public addresses that change while programs use them: who began with the old one keeps it while it is valid, is told
//! when it ends, and redials from the new one.

use crate::lab::{Router, ask, event, lab, mirror, run, say, start_with, wait_until};
use flowpin::api::{Event, Wan};
use flowpin::lab::topology::{INSIDE4, INSIDE6, SERVER4, SERVER6};
use flowpin::lab::traffic::Traffic;
use flowpin::lab::{Lab, Options};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

const ECHO: u16 = 7;
const OLD: &str = "2001:db8:a:c80::/60";
const NEW: &str = "2001:db8:a:d00::/60";
/// What the server sees of the inside host under either prefix.
const OLD_HOST: &str = "2001:db8:a:c81::100";
const NEW_HOST: &str = "2001:db8:a:d01::100";

/// The lab's configuration, in which the fiber goes before the DSL, and with one piece of the fiber's part replaced.
fn config(lab: &Lab, piece: &str, instead: &str) -> String {
    let config = lab.config().replacen("interface = \"wan1\"\n", "interface = \"wan1\"\ntier = 2\n", 1);
    assert!(config.contains(piece), "{config}");
    config.replacen(piece, instead, 1)
}

fn fiber(router: &Router<'_>) -> Wan {
    router.status().wans.into_iter().next().expect("the fiber")
}

/// What the fiber holds in one family, the current one first.
fn held(router: &Router<'_>, v6: bool) -> Vec<String> {
    let leases = fiber(router).leases.into_iter().map(|lease| lease.address);
    leases.filter(|address| address.contains(':') == v6).collect()
}

/// A connection from inside to the server's echo.
fn connect(lab: &Lab, server: impl Into<IpAddr>) -> TcpStream {
    let to = SocketAddr::new(server.into(), ECHO);
    let stream = lab.fw.run(|| TcpStream::connect_timeout(&to, Duration::from_secs(8))).flatten();
    let stream = stream.expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(8))).expect("a timeout");
    stream
}

fn goes_on(stream: &mut TcpStream) {
    stream.write_all(&[b'.'; 200]).expect("it leaves");
    stream.read_exact(&mut [0; 200]).expect("it comes back");
}

/// What is kept from the kernel.
fn shield(lab: &Lab) -> String {
    run(&lab.rt, "nft", &["list", "table", "netdev", "flowpin-flowpin0"])
}

/// The public address of a flow, as flowpin lists it.
fn public(router: &Router<'_>, stream: &TcpStream) -> String {
    let port = stream.local_addr().expect("bound").port();
    let flow = router.flows(&format!("protocol=tcp&port={port}")).into_iter().find(|flow| flow.inside_port == port);
    flow.and_then(|flow| flow.public).expect("a public address").to_string()
}

/// The public address that the mirror sees of a socket of the inside host.
fn seen(lab: &Lab, inside: impl Into<IpAddr>, port: u16, mirror: SocketAddr) -> String {
    let from = SocketAddr::new(inside.into(), port);
    lab.fw.run(|| ask(from, mirror)).expect("the namespace can be entered").expect("an answer").ip().to_string()
}

/// A connection that is silent, and one that speaks, find out that their address is gone.
fn are_reset(silent: &mut TcpStream, busy: &mut TcpStream) {
    let end = |read: std::io::Result<usize>| read.map_err(|error| error.kind());
    assert_eq!(end(silent.read(&mut [0; 8])), Err(ErrorKind::ConnectionReset));
    let ends = std::iter::repeat_with(|| busy.write(b"x").and_then(|_| busy.read(&mut [0; 8])));
    let kind = ends.take(5).find_map(Result::err).map(|error| error.kind());
    assert!(matches!(kind, Some(ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)), "{kind:?}");
}

#[test]
fn an_external_host_follows_the_prefix_and_is_reached_under_the_older_one_while_that_is_valid() {
    let lab = lab(Options::default());
    let config = config(&lab, &format!("outside = \"{OLD}\""), "outside = \"auto\"");
    let config = config.replacen("\"2001:db8:a:c80::1\" =", "\"::1\" =", 1);
    let router = start_with(&lab, &config);
    run(&lab.ispa, "ip", &["route", "add", NEW, "via", "fe80::a2", "dev", "customer"]);
    let edges = [OLD, NEW].map(|prefix| prefix.replace("::/60", "::1"));
    let set =
        |prefix: &str, time: &str| assert!(say(&lab, &["wan", "fiber", "set", "prefix", prefix, "valid-for", time]).0);
    let reach = |edge: &str| run(&lab.inet, "ping", &["-c", "1", "-W", "5", edge]);
    let server = mirror(&lab.inet, SERVER6);
    let edge_host: IpAddr = "fd00:bad:b01:fe::2".parse().expect("an address");
    set(OLD, "1h");
    reach(&edges[0]);
    assert_eq!(seen(&lab, edge_host, 4100, server), edges[0], "its own packets leave with it");
    set(NEW, "1h");
    for edge in &edges {
        reach(edge);
    }
    assert_eq!(seen(&lab, edge_host, 4100, server), edges[0], "a flow keeps its address");
    assert_eq!(seen(&lab, edge_host, 4101, server), edges[1], "a new one has the new");
    set(OLD, "0");
    wait_until("the old prefix is nobody's", || held(&router, true) == [NEW]);
    assert_eq!(seen(&lab, edge_host, 4100, server), edges[1], "and what was left behind has the new one too");
    reach(&edges[1]);
    router.end_with_losses();
}

#[test]
fn a_prefix_set_by_hand_is_for_new_flows_and_the_old_one_serves_its_flows_until_it_ends() {
    let lab = lab(Options::default());
    let told = lab.directory().join("events");
    let hook = format!("\n[hooks]\non_event = [\"/bin/sh\", \"-c\", \"cat >> {}\"]\n", told.display());
    let hosts = "[wan.inbound6]\n\"2001:db8:a:c80::1\" = \"fd00:bad:b01:fe::2\"\n";
    let config = config(&lab, &format!("outside = \"{OLD}\""), "outside = \"auto\"").replacen(hosts, "", 1);
    let mut router = start_with(&lab, &(config + &hook));
    let _servers = Traffic::servers(&lab).expect("servers");
    let server = mirror(&lab.inet, SERVER6);
    run(&lab.ispa, "ip", &["route", "add", NEW, "via", "fe80::a2", "dev", "customer"]);
    let six = fiber(&router).health.remove(1);
    assert_eq!((six.state.as_str(), six.reason.as_str()), ("no-address", "no prefix is delegated"));
    assert!(seen(&lab, INSIDE6, 4000, server).starts_with("2001:db8:b:"), "IPv6 goes by the DSL meanwhile");
    let set = |prefix: &str, time: &str| say(&lab, &["wan", "fiber", "set", "prefix", prefix, "valid-for", time]);
    let (is_set, text) = set(OLD, "1h");
    assert_eq!(
        (is_set, text.trim()),
        (true, "fiber: 2001:db8:a:c80::/60 for new flows (set by hand, valid for 1h00m)")
    );
    let (mut silent, mut busy) = (connect(&lab, SERVER6), connect(&lab, SERVER6));
    goes_on(&mut silent);
    goes_on(&mut busy);
    assert_eq!((public(&router, &busy), seen(&lab, INSIDE6, 4001, server)), (OLD_HOST.into(), OLD_HOST.into()));

    assert!(set(NEW, "2h4m").0);
    assert_eq!(held(&router, true), [NEW, OLD]);
    assert!([OLD, NEW].iter().all(|prefix| shield(&lab).contains(prefix)), "{}", shield(&lab));
    goes_on(&mut busy);
    assert_eq!(seen(&lab, INSIDE6, 4001, server), OLD_HOST, "it keeps its address");
    let mut redialled = connect(&lab, SERVER6);
    goes_on(&mut redialled);
    assert_eq!((public(&router, &redialled), seen(&lab, INSIDE6, 4002, server)), (NEW_HOST.into(), NEW_HOST.into()));
    for host in [OLD_HOST, NEW_HOST] {
        run(&lab.inet, "ping", &["-c", "1", "-W", "5", host]);
    }

    assert!(set(OLD, "0").0);
    assert_eq!(held(&router, true), [NEW]);
    wait_until("the kernel has the old one back", || !shield(&lab).contains(OLD));
    assert!(shield(&lab).contains(NEW));
    are_reset(&mut silent, &mut busy);
    assert_eq!(event(&router, "reset"), 2);
    goes_on(&mut redialled);
    assert_eq!(seen(&lab, INSIDE6, 4001, server), NEW_HOST, "UDP goes on from the current one");

    let all = || std::fs::read_to_string(&told).unwrap_or_default();
    wait_until("three changes are told", || all().matches("\"event\":\"address").count() == 3);
    let events = all().lines().map(|line| serde_json::from_str::<Event>(line).expect("an event")).collect::<Vec<_>>();
    let shape = |it: &Event| [&it.event, &it.wan, &it.family, &it.from, &it.to, &it.reason].map(String::clone);
    let addresses: Vec<_> = events.iter().filter(|it| it.event != "state").map(shape).collect();
    let due = [
        ["address", "fiber", "ipv6", "", OLD, "set by hand"],
        ["address", "fiber", "ipv6", OLD, NEW, "set by hand"],
        ["address-ended", "fiber", "ipv6", OLD, "", "withdrawn by hand"],
    ];
    assert_eq!(addresses, due);
    let log = router.service().log();
    assert_eq!(log.matches("public address").count(), 3, "{log}");
    router.end_with_losses();
}

#[test]
fn what_cannot_be_a_prefix_is_refused_in_one_sentence() {
    let lab = lab(Options::default());
    let router = start_with(&lab, &config(&lab, &format!("outside = \"{OLD}\""), "outside = \"auto\""));
    let refused = |words: &[&str]| {
        let (is_done, text) = say(&lab, &[&["wan"], words].concat());
        assert!(!is_done);
        text
    };
    let rows: [(&[&str], &str); 6] = [
        (
            &["dsl", "set", "prefix", NEW],
            "flowpin: WAN \"dsl\" takes no prefix by hand: write `outside = \"auto\"` in its [wan.nptv6]\n",
        ),
        (&["fibre", "set", "prefix", NEW], "flowpin: no WAN is named \"fibre\": did you mean \"fiber\"?\n"),
        (
            &["fiber", "set", "prefix", "2001:db8:a:d00::/80"],
            "flowpin: 2001:db8:a:d00::/80 cannot be the prefix of WAN \"fiber\": it is longer than /64\n",
        ),
        (
            &["fiber", "set", "prefix", "2001:db8:b:be00::/60"],
            "flowpin: 2001:db8:b:be00::/60 cannot be the prefix of WAN \"fiber\": it overlaps 2001:db8:b:be00::/60 of WAN \
             \"dsl\"\n",
        ),
        (
            &["fiber", "set", "prefix", "192.0.2.0/24"],
            "flowpin: \"192.0.2.0/24\" is no IPv6 prefix: write it such as 2001:db8:a:c80::/60\n",
        ),
        (
            &["fiber", "set", "prefix", NEW, "valid-for", "soon"],
            "flowpin: \"soon\" is no time: write it such as 2h4m, or as a number of seconds\n",
        ),
    ];
    for (words, sentence) in rows {
        assert_eq!(refused(words), sentence);
    }
    assert_eq!(held(&router, true), [""; 0]);
    let (is_set, json) = say(&lab, &["wan", "fiber", "set", "prefix", NEW, "--json"]);
    let wan: Wan = serde_json::from_str(&json).expect("JSON and nothing else");
    assert_eq!((is_set, wan.leases[0].address.as_str(), wan.leases[0].valid_seconds), (true, NEW, None));
    router.end(&[]);
}

#[test]
fn a_host_behind_the_links_own_address_follows_it_and_a_renewal_cuts_no_flow() {
    let lab = lab(Options::default());
    let address = |verb: &str, address: &str| run(&lab.rt, "ip", &["address", verb, address, "dev", "wan0"]);
    let block: String = (2..7).map(|host| format!("\"10.250.250.{host}\" = \"192.0.2.{}\"\n", 191 + host)).collect();
    let router = start_with(&lab, &config(&lab, &block, "\"10.250.250.2\" = \"interface\"\n"));
    let _servers = Traffic::servers(&lab).expect("servers");
    let server = mirror(&lab.inet, SERVER4);
    let four = fiber(&router).health.remove(0);
    assert_eq!((four.state.as_str(), four.reason.as_str()), ("no-address", "the link has no IPv4 address"));
    address("add", "192.0.2.193/29");
    wait_until("the address is held", || held(&router, false) == ["192.0.2.193"]);
    let (mut silent, mut busy) = (connect(&lab, SERVER4), connect(&lab, SERVER4));
    goes_on(&mut silent);
    goes_on(&mut busy);
    assert_eq!(seen(&lab, INSIDE4[0], 4001, server), "192.0.2.193");
    // A client that starts anew takes the address away and brings it back.
    address("del", "192.0.2.193/29");
    address("add", "192.0.2.193/29");
    goes_on(&mut busy);
    goes_on(&mut silent);

    // Another address is no reason to leave this one, but that the client wants no new flows from it is.
    address("add", "192.0.2.194/29");
    wait_until("the link has both", || fiber(&router).addresses.contains(&"192.0.2.194/29".to_owned()));
    assert_eq!(held(&router, false), ["192.0.2.193"]);
    assert_eq!(seen(&lab, INSIDE4[0], 4003, server), "192.0.2.193");
    let old = ["address", "change", "192.0.2.193/29", "dev", "wan0", "valid_lft", "forever", "preferred_lft", "0"];
    run(&lab.rt, "ip", &old);
    wait_until("the new one is current", || held(&router, false) == ["192.0.2.194", "192.0.2.193"]);
    goes_on(&mut busy);
    assert_eq!(seen(&lab, INSIDE4[0], 4001, server), "192.0.2.193");
    // The controller says so a moment before the workers do.
    let mut fresh = 4010..;
    let new = || seen(&lab, INSIDE4[0], fresh.next().expect("a port"), server) == "192.0.2.194";
    wait_until("new flows have it", new);
    run(&lab.inet, "ping", &["-c", "1", "-W", "5", "192.0.2.194"]);

    address("del", "192.0.2.193/29");
    run(&lab.rt, "ip", &["address", "replace", "192.0.2.194/29", "dev", "wan0"]);
    wait_until("the old one has ended", || held(&router, false) == ["192.0.2.194"]);
    are_reset(&mut silent, &mut busy);
    assert_eq!((event(&router, "reset"), event(&router, "hairpinned")), (2, 0));
    assert_eq!(seen(&lab, INSIDE4[0], 4001, server), "192.0.2.194");
    router.end_with_losses();
}
