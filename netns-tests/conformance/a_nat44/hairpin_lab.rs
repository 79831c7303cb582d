//! C-07 and C-08 with real kernels: the firewall's hosts call each other by their public addresses, on both WANs and in
//! every translation, and neither ISP sees a packet of it.

use crate::lab::{Frame, Sniffer, lab, run, start, visitor};
use flowpin::lab::topology::{
    DSL4, DSL6_PREFIX, DSL6_RFC6296, FIBER4, FIBER6_PREFIX, FIBER6_RFC6296, INBOUND6, INBOUND6_PUBLIC, INSIDE4,
    INSIDE6, public_addresses,
};
use flowpin::lab::traffic::Traffic;
use flowpin::lab::{Lab, Npt, Options};
use std::net::IpAddr;

/// A caller, what it calls, and how it is seen.
type Call = [IpAddr; 3];

fn calls(npt: [Npt; 2]) -> Vec<Call> {
    let fiber6 = if npt[0] == Npt::Prefix { FIBER6_PREFIX } else { FIBER6_RFC6296 };
    let dsl6 = if npt[1] == Npt::Prefix { DSL6_PREFIX } else { DSL6_RFC6296 };
    vec![
        [INSIDE4[0].into(), FIBER4[1].into(), FIBER4[0].into()],
        [INSIDE4[0].into(), DSL4[1].into(), DSL4[0].into()],
        [INSIDE4[3].into(), DSL4[3].into(), DSL4[3].into()],
        [INSIDE6.into(), INBOUND6_PUBLIC.into(), fiber6.into()],
        [INBOUND6.into(), fiber6.into(), INBOUND6_PUBLIC.into()],
        [INSIDE6.into(), dsl6.into(), dsl6.into()],
    ]
}

/// What the two ISPs see of the inside or its public addresses.
fn watch(lab: &Lab) -> [Sniffer; 2] {
    let own: Vec<IpAddr> =
        public_addresses(lab.options()).iter().flat_map(|public| [public.address, public.inside]).collect();
    [&lab.ispa, &lab.ispb].map(|isp| {
        let own = own.clone();
        let concerns = move |(from, to): (IpAddr, IpAddr)| own.contains(&from) || own.contains(&to);
        // What flowpin announces of its addresses goes to all.
        Sniffer::start(isp, move |frame: &Frame| frame.0[0] & 1 == 0 && frame.addresses().is_some_and(&concerns))
    })
}

/// Shows RFC 4787 REQ-9, RFC 4787 REQ-9a, RFC 5382 REQ-8, RFC 5382 REQ-8a, RFC 5508 REQ-7, RFC 6296 §4.3.
#[test]
fn c_08_inside_hosts_call_each_other_by_public_addresses_and_no_isp_sees_it() {
    for npt in [[Npt::Prefix, Npt::Rfc6296], [Npt::Rfc6296, Npt::Prefix]] {
        let lab = lab(Options { npt, ..Options::default() });
        let router = start(&lab);
        let _servers = Traffic::servers(&lab).expect("servers");
        let sniffers = watch(&lab);
        for [caller, called, seen] in calls(npt) {
            let (from, to) = (caller.to_string(), called.to_string());
            let host = if called.is_ipv4() { to.clone() } else { format!("[{to}]") };
            let curl = |url: &str, more: &[&str]| {
                run(&lab.fw, "curl", &[&["-sS", "--max-time", "20", "--interface", &from, url][..], more].concat())
            };
            assert_eq!(visitor(&curl(&format!("http://{host}/"), &[])), seen, "{from} calls {to}");
            let size = curl(&format!("http://{host}/300001"), &["-o", "/dev/null", "-w", "%{size_download}"]);
            assert_eq!(size, "300001", "{from} calls {to}");
            // A datagram of three fragments and its answer, and a ping of as many.
            let script = format!("head -c 4000 /dev/zero | nc -w 1 -u -s {from} {to} 7 | wc -c");
            assert_eq!(run(&lab.fw, "sh", &["-c", &script]).trim(), "4000", "{from} calls {to}");
            run(&lab.fw, "ping", &["-n", "-c", "1", "-W", "5", "-s", "4000", "-I", &from, &to]);
        }
        let [fiber, dsl] = sniffers.map(Sniffer::stop);
        assert_eq!((fiber, dsl), (vec![], vec![]));
        let status = router.status();
        // Of each call more than two connections, six fragments and six of a ping.
        assert!(status.events["hairpinned"] > 6 * 20, "{:?}", status.events);
        assert_eq!(status.table.created, 0, "no flow is needed");
        router.end(&[]);
    }
}

/// Shows RFC 5508 REQ-7.
#[test]
fn c_09_a_closed_port_is_told_to_the_inside_caller() {
    let lab = crate::lab::talkative_lab(Options::default());
    let router = start(&lab);
    for [caller, called, _] in calls(lab.options().npt) {
        let refused = || {
            let socket = std::net::UdpSocket::bind((caller, 0)).expect("a port is free");
            socket.set_read_timeout(Some(std::time::Duration::from_secs(5))).expect("a timeout");
            socket.connect((called, 9)).expect("a route");
            socket.send(b"anybody?").expect("it leaves");
            socket.recv(&mut [0; 8]).err().and_then(|error| error.raw_os_error())
        };
        let heard = lab.fw.run(refused).expect("the namespace can be entered");
        assert_eq!(heard, Some(libc::ECONNREFUSED), "{caller} calls {called}");
    }
    router.end(&[]);
}
