//! C-25 to C-27 with real kernels at both ends: calls that nobody expects, calls that cross, and a router that is gone and
//! back in the middle of a download.

use crate::lab::{Frame, Sniffer, lab, run, start, start_with, wait_until};
use flowpin::lab::topology::{DSL4, DSL6_RFC6296, FIBER4, FIBER6_PREFIX, INSIDE4, INSIDE6, SERVER4, SERVER6, mac};
use flowpin::lab::{Lab, Options};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use socket2::{Domain, Socket, Type};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

/// Longer than the six seconds that RFC 5382 REQ-4 asks for.
const SIX_SECONDS: Duration = Duration::from_millis(6500);
/// Nobody listens there.
const CLOSED: u16 = 9;

/// TCP flags of an IP frame.
fn flags(frame: &Frame) -> Option<u8> {
    let (protocol, at) = match frame.0.get(12..14)? {
        [0x08, 0x00] => (23, 47),
        [0x86, 0xdd] => (20, 67),
        _ => return None,
    };
    (frame.0.get(protocol) == Some(&6)).then(|| frame.0.get(at).copied()).flatten()
}

/// What the router says over TCP or ICMP on the fiber, as the ISP hears it.
fn router_speaks(lab: &Lab) -> Sniffer {
    let spoken = |frame: &Frame| matches!(frame.0.get(12..14), Some([0x08, 0x00])) || flags(frame).is_some();
    Sniffer::start(&lab.ispa, move |frame| frame.0.get(6..12) == Some(&mac::RT_WAN0) && spoken(frame))
}

/// What becomes of a connection from the Internet host.
fn call(lab: &Lab, to: SocketAddr, patience: Duration) -> Result<(), ErrorKind> {
    let called = lab.inet.run(|| TcpStream::connect_timeout(&to, patience)).expect("the namespace can be entered");
    called.map(drop).map_err(|error| error.kind())
}

/// Shows RFC 5382 REQ-4, RFC 5382 REQ-4a.
#[test]
fn c_25_an_unasked_syn_to_an_address_that_nobody_has_stays_without_an_answer_for_six_seconds() {
    let lab = lab(Options::default());
    let nobody = FIBER4[4];
    let mapping = format!("\"{}\" = \"{nobody}\"\n", INSIDE4[4]);
    let config = lab.config();
    assert!(config.contains(&mapping));
    let router = start_with(&lab, &config.replace(&mapping, ""));
    // The ISP sends it all the same.
    let station = mac::RT_WAN0.map(|octet| format!("{octet:02x}")).join(":");
    run(
        &lab.ispa,
        "ip",
        &["neigh", "add", &nobody.to_string(), "lladdr", &station, "dev", "customer", "nud", "permanent"],
    );
    let speaks = router_speaks(&lab);
    let arrives = Sniffer::start(&lab.rt, |frame| frame.is_to(mac::RT_WAN0) && flags(frame) == Some(2));
    assert_eq!(call(&lab, SocketAddr::new(nobody.into(), 80), SIX_SECONDS), Err(ErrorKind::TimedOut));
    assert!(arrives.stop().len() > 1, "a SYN and its repetitions");
    assert_eq!(speaks.stop(), [], "neither flowpin nor the kernel says anything");
    assert_eq!(router.status().table.created, 0);
    router.end(&[]);
}

/// Shows RFC 5382 REQ-3, RFC 5382 REQ-4.
#[test]
fn c_25_an_unasked_syn_to_a_mapped_address_is_its_hosts_to_answer() {
    let lab = lab(Options::default());
    let router = start(&lab);
    let addresses: [(IpAddr, IpAddr); 2] =
        [(FIBER4[1].into(), INSIDE4[1].into()), (FIBER6_PREFIX.into(), INSIDE6.into())];
    for (public, inside) in addresses {
        let (speaks, patience) = (router_speaks(&lab), Duration::from_secs(5));
        assert_eq!(call(&lab, SocketAddr::new(public, CLOSED), patience), Err(ErrorKind::ConnectionRefused));
        let listener = lab.fw.run(|| TcpListener::bind((inside, 8080))).expect("the namespace can be entered");
        assert_eq!(call(&lab, SocketAddr::new(public, 8080), patience), Ok(()));
        let spoken = speaks.stop();
        let spoken = spoken.iter().filter(|frame| frame.addresses().is_some_and(|(source, _)| source == public));
        let spoken: Vec<_> = spoken.filter_map(flags).collect();
        // One RST with ACK from the closed port, one SYN-ACK from the open one, whatever its kernel says at the end.
        assert_eq!(spoken[..2], [0x14, 0x12], "{public}");
        drop(listener);
    }
    router.end(&[]);
}

/// Shows RFC 5382 REQ-4.
#[test]
fn c_25_an_unasked_syn_to_a_host_that_is_silent_stays_without_an_answer_for_six_seconds() {
    let lab = lab(Options::default());
    let router = start(&lab);
    let silence = "table inet silent { chain in { type filter hook input priority 0; tcp dport 9 drop; }; }";
    run(&lab.fw, "nft", &[silence]);
    let speaks = router_speaks(&lab);
    let called =
        |public| assert_eq!(call(&lab, SocketAddr::new(public, CLOSED), SIX_SECONDS), Err(ErrorKind::TimedOut));
    std::thread::scope(|threads| {
        threads.spawn(|| called(FIBER4[1].into()));
        threads.spawn(|| called(FIBER6_PREFIX.into()));
    });
    assert_eq!(speaks.stop(), []);
    assert_eq!(router.status().table.created, 2);
    router.end(&[]);
}

/// New flows take the fiber.
fn by_fiber(lab: &Lab) -> String {
    let config = lab.config().replace("name = \"fiber\"", "name = \"fiber\"\ntier = 1");
    config.replace("name = \"dsl\"", "name = \"dsl\"\ntier = 2")
}

/// A connection on its way. What is queued before it keeps it on its link for a while.
fn calls(from: SocketAddr, to: SocketAddr) -> Socket {
    let filler = UdpSocket::bind(SocketAddr::new(from.ip(), 0)).expect("a port is free");
    for _ in 0..4 {
        filler.send_to(&[0; 1200], SocketAddr::new(to.ip(), CLOSED)).expect("it leaves");
    }
    let socket = Socket::new(Domain::for_address(from), Type::STREAM, None).expect("a socket");
    socket.bind(&from.into()).expect("the port is free");
    socket.set_nonblocking(true).expect("a socket that does not wait");
    let started = socket.connect(&to.into()).expect_err("it takes time");
    assert_eq!(started.raw_os_error(), Some(libc::EINPROGRESS), "{started}");
    socket
}

/// Shows RFC 5382 REQ-2, RFC 5382 REQ-2a.
#[test]
fn c_26_two_real_hosts_that_call_each_other_at_once_are_connected() {
    let lab = lab(Options::default());
    let router = start_with(&lab, &by_fiber(&lab));
    for (namespace, link) in [(&lab.fw, "lan0"), (&lab.inet, "ispa")] {
        let slow = ["qdisc", "add", "dev", link, "root", "tbf", "rate", "80kbit", "burst", "1600", "limit", "20000"];
        run(namespace, "tc", &slow);
    }
    let ends: [(IpAddr, IpAddr, IpAddr); 2] =
        [(INSIDE4[0].into(), FIBER4[0].into(), SERVER4.into()), (INSIDE6.into(), FIBER6_PREFIX.into(), SERVER6.into())];
    for (inside, public, server) in ends {
        let heard = Sniffer::start(&lab.ispa, |frame| {
            let on_the_fiber = frame.is_to(mac::RT_WAN0) || frame.0.get(6..12) == Some(&mac::RT_WAN0);
            on_the_fiber && flags(frame).is_some_and(|flags| flags & 2 != 0)
        });
        let [inside_at, public_at, server_at] = [(inside, 5000), (public, 5000), (server, 6000)].map(SocketAddr::from);
        let caller = lab.fw.run(|| calls(inside_at, server_at)).expect("the namespace can be entered");
        let other = lab.inet.run(|| calls(server_at, public_at)).expect("the namespace can be entered");
        for socket in [&caller, &other] {
            socket.set_nonblocking(false).expect("a socket that waits");
            socket.set_write_timeout(Some(Duration::from_secs(10))).expect("a timeout");
            socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        }
        (&caller).write_all(b"hello").expect("it leaves");
        let mut words = [0; 5];
        (&other).read_exact(&mut words).expect("it arrives");
        let heard: Vec<_> =
            heard.stop().iter().map(|frame| (frame.is_to(mac::RT_WAN0), flags(frame).unwrap())).collect();
        for both_ways in [(false, 2), (true, 2), (false, 0x12), (true, 0x12)] {
            assert!(heard.contains(&both_ways), "{both_ways:?} (to the router, flags) of {heard:x?}");
        }
        let flows = router.flows("protocol=tcp");
        let flow = flows.iter().find(|flow| flow.inside == inside).expect("a flow");
        assert_eq!((flow.state.as_str(), flow.wan.as_str()), ("established", "fiber"));
    }
    router.end(&[]);
}

/// Bytes of the download, and where the router is stopped in it.
const DOWNLOAD: usize = 20_000_000;
const PART: usize = 1_000_000;

/// Reads that much, and tells that it is what the server sends.
fn read(stream: &mut TcpStream, length: usize) {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).expect("the download goes on");
    assert!(bytes.iter().all(|byte| *byte == 0x5a));
}

#[test]
fn c_27_a_download_goes_on_after_the_router_was_killed_and_started_again() {
    let lab = lab(Options::default());
    let servers: [(IpAddr, IpAddr, [IpAddr; 2]); 2] = [
        (SERVER4.into(), INSIDE4[0].into(), [FIBER4[0].into(), DSL4[0].into()]),
        (SERVER6.into(), INSIDE6.into(), [FIBER6_PREFIX.into(), DSL6_RFC6296.into()]),
    ];
    let mut router = start(&lab);
    for (server, inside, publics) in servers {
        let listener = lab.inet.run(|| TcpListener::bind((server, 8080))).expect("the namespace can be entered");
        let listener = listener.expect("the port is free");
        let serve = std::thread::spawn(move || {
            let (mut stream, from) = listener.accept().expect("a visitor");
            stream.write_all(&vec![0x5a; DOWNLOAD]).expect("all of it leaves");
            from.ip()
        });
        let connect = || TcpStream::connect_timeout(&SocketAddr::new(server, 8080), Duration::from_secs(10));
        let mut stream = lab.fw.run(connect).expect("the namespace can be entered").expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
        assert_eq!(stream.local_addr().expect("an address").ip(), inside);
        read(&mut stream, PART);
        let process = i32::try_from(router.service().pid()).expect("a pid");
        kill(Pid::from_raw(process), Signal::SIGKILL).expect("it lives");
        wait_until("it is dead", || !router.service().alive());
        drop(router);
        router = start(&lab);
        read(&mut stream, DOWNLOAD - PART);
        assert_eq!(stream.read(&mut [0]).expect("the end"), 0);
        assert!(publics.contains(&serve.join().expect("it serves")));
        assert_eq!(router.flows("protocol=tcp").iter().filter(|flow| flow.inside == inside).count(), 1);
    }
    router.end(&[]);
}
