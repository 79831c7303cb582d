//! Who asks an owned address gets one answer, from the firewall, or none; the router's kernel has no part in it, whatever
//! addresses and switches it has, and keeps its own sockets.

use crate::lab::{
    Frame, Raw, Router, Sniffer, ask, attempt, ethernet, mirror, run, settle, start, talkative_lab, wait_until,
};
use flowpin::lab::topology::{Public, SERVER4, SERVER6, mac, public_addresses};
use flowpin::lab::{Lab, Namespace, Options};
use pnet::packet::ip::IpNextHeaderProtocols;
use pnet::packet::util::ipv6_checksum;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

/// Nobody listens there.
const CLOSED: u16 = 9;
const PATIENCE: Duration = Duration::from_secs(5);

/// What the router says to the two ISPs, as IP packets, apart from neighbour discovery.
struct Ears([Sniffer; 2]);

impl Ears {
    fn open(lab: &Lab) -> Self {
        let sides = [(&lab.ispa, mac::RT_WAN0), (&lab.ispb, mac::RT_WAN1)];
        Self(sides.map(|(isp, router)| {
            Sniffer::start(isp, move |frame| frame.0.get(6..12) == Some(&router) && said(frame).is_some())
        }))
    }

    /// By ISP, in order.
    fn close(self) -> [Vec<Said>; 2] {
        self.0.map(|sniffer| sniffer.stop().iter().filter_map(said).collect())
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Said {
    source: IpAddr,
    destination: IpAddr,
    ttl: u8,
    protocol: u8,
    /// ICMP type, or TCP flags.
    kind: u8,
}

fn said(frame: &Frame) -> Option<Said> {
    let (source, destination) = frame.addresses()?;
    let v4 = source.is_ipv4();
    let (ttl, protocol, transport) = if v4 { (22, 23, 34) } else { (21, 20, 54) };
    let at = |index: usize| frame.0.get(index).copied();
    let (ttl, protocol) = (at(ttl)?, at(protocol)?);
    let kind = at(if protocol == 6 { transport + 13 } else { transport })?;
    // RFC 4861, RFC 3810: neighbour and multicast listener discovery are the link's own.
    let of_the_link = protocol == 58 && matches!(kind, 133..=137 | 143) || protocol == 0;
    (!of_the_link).then_some(Said { source, destination, ttl, protocol, kind })
}

/// Asks the closed TCP and UDP ports of a public address and pings it. What the asker was told.
fn ask_everything(lab: &Lab, public: IpAddr, patience: Duration) -> [Option<ErrorKind>; 2] {
    let seconds = patience.as_secs_f32().to_string();
    attempt(&lab.inet, "ping", &["-n", "-c", "1", "-W", &seconds, &public.to_string()]);
    let own: IpAddr = if public.is_ipv4() { SERVER4.into() } else { SERVER6.into() };
    let ask = || {
        let tcp = TcpStream::connect_timeout(&SocketAddr::new(public, CLOSED), patience);
        let udp = UdpSocket::bind(SocketAddr::new(own, 0)).expect("a port is free");
        udp.connect((public, CLOSED)).expect("a route");
        udp.set_read_timeout(Some(patience)).expect("a timeout");
        udp.send(b"anybody?").expect("it leaves");
        [tcp.err().map(|error| error.kind()), udp.recv(&mut [0; 8]).err().map(|error| error.kind())]
    };
    lab.inet.run(ask).expect("the namespace can be entered")
}

/// An answer from the firewall to the Internet host: 64 hops less the kernel's and the data plane's.
fn answers(public: IpAddr) -> [Said; 3] {
    let (destination, icmp, reply, unreachable): (IpAddr, _, _, _) =
        if public.is_ipv4() { (SERVER4.into(), 1, 0, 3) } else { (SERVER6.into(), 58, 129, 1) };
    let said = |protocol, kind| Said { source: public, destination, ttl: 62, protocol, kind };
    // RST and ACK.
    [said(icmp, reply), said(6, 0x14), said(icmp, unreachable)]
}

/// Everything asks, and hears the firewall once.
fn one_answer_each(lab: &Lab, router: Router) {
    let ears = Ears::open(lab);
    let publics = public_addresses(lab.options());
    for public in &publics {
        let told = ask_everything(lab, public.address, PATIENCE);
        assert_eq!(told, [Some(ErrorKind::ConnectionRefused); 2], "{public:?}");
    }
    let due = |wan| publics.iter().filter(move |public| public.wan == wan).flat_map(|public| answers(public.address));
    let [at_ispa, at_ispb] = ears.close();
    assert_eq!(at_ispa, due("fiber").collect::<Vec<_>>());
    assert_eq!(at_ispb, due("dsl").collect::<Vec<_>>());
    router.end(&[]);
}

#[test]
fn c_66_every_question_to_an_owned_address_has_one_answer_and_it_is_the_firewalls() {
    let lab = talkative_lab(Options::default());
    let router = start(&lab);
    one_answer_each(&lab, router);
}

#[test]
fn c_66_one_answer_also_where_the_kernel_has_an_owned_address_and_forwards_everything() {
    let lab = talkative_lab(Options::default());
    // As a DHCP client would, and as a machine that was a router before.
    for (link, address) in [("wan0", "192.0.2.193/29"), ("wan1", "198.51.100.241/29"), ("wan0", "2001:db8:a:c80::1/64")]
    {
        run(&lab.rt, "ip", &["address", "add", address, "dev", link]);
    }
    run(&lab.rt, "sysctl", &["-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"]);
    let router = start(&lab);
    one_answer_each(&lab, router);
}

#[test]
fn c_66_when_the_firewall_is_silent_so_is_the_router() {
    let lab = talkative_lab(Options::default());
    run(&lab.rt, "sysctl", &["-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"]);
    run(&lab.rt, "ip", &["address", "add", "192.0.2.193/29", "dev", "wan0"]);
    let quiet = "table inet quiet { chain input { type filter hook input priority 0; policy drop; \
                 icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept; }; }";
    run(&lab.fw, "nft", &[quiet]);
    let router = start(&lab);
    let ears = Ears::open(&lab);
    // Alone on the link for its question, so that one silence is not taken for another's.
    for public in ["192.0.2.193", "192.0.2.194", "198.51.100.241", "2001:db8:a:c80::1", "2001:db8:b:be01:27ea::100"] {
        let told = ask_everything(&lab, public.parse().unwrap(), Duration::from_millis(200));
        assert_eq!(told, [Some(ErrorKind::TimedOut), Some(ErrorKind::WouldBlock)], "{public}");
    }
    assert_eq!(ears.close(), [vec![], vec![]]);
    router.end(&[]);
}

/// What the kernel cannot bring to an inside host would be its business to say, with its own address, by its own routes.
#[test]
fn c_66_nobody_outside_hears_the_kernel_when_an_inside_host_is_gone() {
    let lab = talkative_lab(Options::default());
    run(&lab.fw, "ip", &["address", "del", "10.250.250.6/29", "dev", "lan0"]);
    run(&lab.fw, "ip", &["address", "del", "fd00:bad:b01:fe::2/128", "dev", "lan0"]);
    // The firewall would say that the address is not there, if it were its router.
    run(&lab.rt, "ip", &["route", "add", "unreachable", "10.250.250.5/32"]);
    run(&lab.rt, "ip", &["route", "add", "unreachable", "fd00:bad:b01:1::100/128"]);
    let router = start(&lab);
    let ears = Ears::open(&lab);
    for public in ["192.0.2.197", "198.51.100.245", "192.0.2.196", "198.51.100.244", "2001:db8:a:c81::100"] {
        attempt(&lab.inet, "ping", &["-n", "-c", "1", "-W", "1", public]);
    }
    // The neighbour of 10.250.250.6 is asked for three times, a second apart, before the kernel gives up.
    wait_until("the kernel has given up", || run(&lab.rt, "ip", &["neigh", "show", "10.250.250.6"]).contains("FAILED"));
    assert_eq!(ears.close(), [vec![], vec![]]);
    router.end(&[]);
}

#[test]
fn c_66_nothing_for_an_owned_address_is_forwarded_back_out() {
    let lab = talkative_lab(Options::default());
    run(&lab.rt, "sysctl", &["-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"]);
    let publics: Vec<Public> = public_addresses(lab.options());
    let to_public = {
        let publics = publics.clone();
        move |said: &Said| publics.iter().any(|public| public.address == said.destination)
    };
    let ping_all = || {
        for public in &publics {
            attempt(&lab.inet, "ping", &["-n", "-c", "1", "-W", "1", &public.address.to_string()]);
        }
    };
    // Without flowpin the kernel does just that: it has a default route.
    let ears = Ears::open(&lab);
    attempt(&lab.inet, "ping", &["-n", "-c", "1", "-W", "1", "198.51.100.241"]);
    assert!(ears.close().concat().iter().any(&to_public));
    let router = start(&lab);
    let ears = Ears::open(&lab);
    ping_all();
    let back: Vec<Said> = ears.close().concat().into_iter().filter(to_public).collect();
    assert_eq!(back, []);
    router.end(&[]);
}

/// Sends a word to a TCP server that listens in `at` and expects it back.
fn tcp_echo(at: &Namespace, listen: SocketAddr, from: &Namespace) {
    let listener =
        at.run(|| TcpListener::bind(listen)).expect("the namespace can be entered").expect("the port is free");
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a visitor");
        let mut word = [0; 5];
        stream.read_exact(&mut word).expect("a word");
        stream.write_all(&word).expect("the visitor is there");
    });
    let mut stream = from
        .run(|| TcpStream::connect_timeout(&listen, PATIENCE))
        .expect("the namespace can be entered")
        .unwrap_or_else(|error| panic!("{listen}: {error}"));
    stream.write_all(b"hello").expect("the server is there");
    let mut word = [0; 5];
    stream.read_exact(&mut word).expect("the word comes back");
    server.join().expect("the server ended well");
}

/// Shows RFC 1812 §4.3.3.6, RFC 1812 §5.2.3, RFC 4443 §4.1.
#[test]
fn the_routers_own_addresses_answer_and_its_own_sockets_reach_out() {
    let lab = talkative_lab(Options::default());
    let router = start(&lab);
    let pings = [
        (&lab.ispb, "198.18.2.2"),
        (&lab.inet, "198.18.2.2"),
        (&lab.ispa, "fe80::a2%customer"),
        (&lab.ispb, "fe80::b2%customer"),
        (&lab.fw, "10.250.250.1"),
        (&lab.fw, "fd00:bad:b01:f::1"),
        (&lab.rt, "203.0.113.10"),
        (&lab.rt, "10.250.250.2"),
        (&lab.rt, "fd00:bad:b01:1::100"),
    ];
    for (from, to) in pings {
        let text = run(from, "ping", &["-n", "-c", "2", "-i", "0.2", "-W", "5", to]);
        assert!(!text.contains("DUP!") && text.contains(" 2 received"), "{text}");
    }
    tcp_echo(&lab.rt, "198.18.2.2:2222".parse().unwrap(), &lab.inet);
    tcp_echo(&lab.inet, "203.0.113.10:2222".parse().unwrap(), &lab.rt);
    tcp_echo(&lab.rt, "10.250.250.1:2222".parse().unwrap(), &lab.fw);
    let server = mirror(&lab.inet, SERVER4);
    let seen = lab.rt.run(|| ask("198.18.2.2:4444".parse().unwrap(), server)).expect("the namespace can be entered");
    assert_eq!(seen, Some("198.18.2.2:4444".parse().unwrap()));
    router.end(&[]);
}

#[test]
fn dhcp_answers_reach_the_kernel_by_broadcast_and_by_unicast() {
    let lab = talkative_lab(Options::default());
    let router = start(&lab);
    let heard = |socket: &UdpSocket| {
        let mut word = [0; 16];
        let length = socket.recv(&mut word).expect("a word");
        String::from_utf8_lossy(&word[..length]).into_owned()
    };
    let client = lab.rt.run(|| UdpSocket::bind("0.0.0.0:68")).expect("the namespace can be entered").expect("port 68");
    client.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut link = Raw::open(&lab.ispa, "customer");
    link.send(&datagram([0xff; 6], Ipv4Addr::BROADCAST, b"offer"));
    assert_eq!(heard(&client), "offer");
    // A renewal of an owned address that the client has configured.
    run(&lab.rt, "ip", &["address", "add", "192.0.2.193/29", "dev", "wan0"]);
    link.send(&datagram(mac::RT_WAN0, Ipv4Addr::new(192, 0, 2, 193), b"renewed"));
    assert_eq!(heard(&client), "renewed");
    wait_until("flowpin has seen the address", || router.status().epoch > 1);
    router.end(&[]);
}

/// UDP from the DHCP server's port of ISP a to the client's port.
fn datagram(to_mac: [u8; 6], to: Ipv4Addr, payload: &[u8]) -> Vec<u8> {
    let length = |header: usize| u16::try_from(header + payload.len()).unwrap().to_be_bytes();
    let mut ip = [0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 198, 0, 0, 0, 0];
    ip[2..4].copy_from_slice(&length(28));
    ip[16..].copy_from_slice(&to.octets());
    let sum = pnet::packet::util::checksum(&ip, 5);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    // A checksum of 0: none was made (RFC 768).
    let udp = [&[0, 67, 0, 68][..], &length(8), &[0, 0]].concat();
    [&ethernet(to_mac, mac::ISPA, 0x0800)[..], &ip, &udp, payload].concat()
}

#[test]
fn router_advertisements_reach_the_kernel() {
    let lab = talkative_lab(Options::default());
    run(&lab.rt, "sysctl", &["-qw", "net.ipv6.conf.wan0.accept_ra=1"]);
    let router = start(&lab);
    Raw::open(&lab.ispa, "customer").send(&advertisement());
    wait_until("the kernel has the route", || {
        run(&lab.rt, "ip", &["-6", "route", "show", "default", "dev", "wan0"]).contains("via fe80::a1 proto ra")
    });
    router.end(&[]);
}

/// RFC 4861 §4.2: a router for half an hour, to all nodes.
fn advertisement() -> Vec<u8> {
    let (from, to): (Ipv6Addr, Ipv6Addr) = ("fe80::a1".parse().unwrap(), "ff02::1".parse().unwrap());
    let mut message = [&[134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1][..], &mac::ISPA].concat();
    let sum = ipv6_checksum(&message, 1, &[], &from, &to, IpNextHeaderProtocols::Icmpv6);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    let header = [0x60, 0, 0, 0, 0, 24, 58, 255];
    [&ethernet([0x33, 0x33, 0, 0, 0, 1], mac::ISPA, 0x86dd)[..], &header, &from.octets(), &to.octets(), &message]
        .concat()
}

#[test]
fn addresses_of_the_on_link_block_that_nobody_has_are_silent() {
    let lab = talkative_lab(Options::default());
    let router = start(&lab);
    let ears = Ears::open(&lab);
    let mut link = Raw::open(&lab.ispa, "customer");
    // 198 is the ISP's own. Nobody answers ARP for the others: sent to the router all the same.
    for last in [0, 191, 192, 199, 200, 255] {
        link.send(&datagram(mac::RT_WAN0, Ipv4Addr::new(192, 0, 2, last), b"anybody?"));
    }
    settle();
    run(&lab.ispa, "ping", &["-n", "-c", "1", "-W", "5", "192.0.2.193"]);
    let [at_ispa, at_ispb] = ears.close();
    assert_eq!(
        (at_ispa.iter().map(|said| said.kind).collect::<Vec<_>>(), at_ispb),
        (vec![0], vec![]),
        "one echo reply"
    );
    router.end(&[]);
}
