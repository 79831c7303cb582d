//! A line that was away is back, and has a say in what went by a worse one meanwhile: what is on the backup stays, ends,
//! moves, or gets some time to end by itself.

use crate::lab::{Router, connected, cut, event, flow, judged, lab, mend, seen, socket, start_with, wait_until};
use flowpin::lab::topology::{DSL4, FIBER4};
use flowpin::lab::traffic::Traffic;
use flowpin::lab::{Lab, Options};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, TcpStream, UdpSocket};

const ECHO: u16 = 7;

/// The fiber before all, the dsl as its backup, and what the fiber does when it is back.
fn backed_up(lab: &Lab, on_up: &str) -> String {
    let health = format!("rise = 1\nhold = \"0s\"\non_up = {on_up}");
    judged(lab, &health).replace("name = \"dsl\"\n", "name = \"dsl\"\ntier = 2\n")
}

/// What goes by the backup while the fiber is away, after which it is back.
struct Displaced {
    session: TcpStream,
    call: UdpSocket,
}

fn displaced(lab: &Lab, router: &Router<'_>) -> Displaced {
    wait_until("the fiber is up", || router.status().wans[0].state == "up");
    cut(lab, router, "fiber");
    let displaced = Displaced { session: connected(lab, router, ECHO, "dsl"), call: socket(lab, router, ECHO, "dsl") };
    mend(lab, router, "fiber");
    assert_eq!(seen(lab), IpAddr::from(FIBER4[0]), "new flows are back");
    displaced
}

impl Displaced {
    /// One more question and answer each.
    fn talk(&mut self) {
        self.session.write_all(&[b'.'; 200]).expect("it leaves");
        self.session.read_exact(&mut [0; 200]).expect("it comes back");
        self.call.send(b"again").expect("it leaves");
        self.call.recv(&mut [0; 64]).expect("it comes back");
    }

    fn is_reset(&mut self) {
        assert_eq!(self.session.read(&mut [0; 8]).map_err(|error| error.kind()), Err(ErrorKind::ConnectionReset));
    }

    /// The line of the UDP flow, and its public address there.
    fn called_by(&self, router: &Router<'_>) -> (String, Option<IpAddr>) {
        let flow = flow(router, "udp", self.call.local_addr().unwrap().port());
        (flow.wan, flow.public)
    }
}

fn by_fiber() -> (String, Option<IpAddr>) {
    ("fiber".to_owned(), Some(FIBER4[0].into()))
}

fn by_dsl() -> (String, Option<IpAddr>) {
    ("dsl".to_owned(), Some(DSL4[0].into()))
}

/// Flows on the backup that have not ended.
fn on_backup(router: &Router<'_>) -> usize {
    router.flows("wan=dsl&limit=100").iter().filter(|flow| flow.state != "closing").count()
}

#[test]
fn what_went_by_the_backup_stays_there_by_default() {
    let lab = lab(Options::default());
    let router = start_with(&lab, &backed_up(&lab, "\"keep\""));
    let _servers = Traffic::servers(&lab).expect("servers");
    let mut displaced = displaced(&lab, &router);
    displaced.talk();
    assert_eq!((displaced.called_by(&router), event(&router, "moved")), (by_dsl(), 0));
    router.end_with_losses();
}

#[test]
fn calls_go_back_to_the_better_line_with_their_next_packet_and_connections_stay() {
    let lab = lab(Options::default());
    let router = start_with(&lab, &backed_up(&lab, "{ udp = \"move\" }"));
    let _servers = Traffic::servers(&lab).expect("servers");
    let mut displaced = displaced(&lab, &router);
    displaced.talk();
    assert_eq!((displaced.called_by(&router), event(&router, "moved"), event(&router, "reset")), (by_fiber(), 1, 0));
    displaced.talk();
    router.end_with_losses();
}

#[test]
fn a_backup_that_costs_money_is_empty_at_once_where_flows_are_reset() {
    let lab = lab(Options::default());
    let router = start_with(&lab, &backed_up(&lab, "\"reset\""));
    let _servers = Traffic::servers(&lab).expect("servers");
    let mut displaced = displaced(&lab, &router);
    displaced.is_reset();
    displaced.call.send(b"again").expect("it leaves");
    let refused = displaced.call.recv(&mut [0; 64]).expect_err("it has ended");
    assert_eq!(refused.kind(), ErrorKind::HostUnreachable, "{refused}");
    displaced.call.send(b"anew").expect("it leaves");
    assert_eq!(displaced.call.recv(&mut [0; 64]).expect("it comes back"), 4);
    assert_eq!((displaced.called_by(&router), on_backup(&router)), (by_fiber(), 0));
    assert_eq!(event(&router, "reset"), 2);
    router.end_with_losses();
}

#[test]
fn a_backup_is_left_after_the_time_that_flows_had_to_end() {
    let lab = lab(Options::default());
    let router = start_with(&lab, &backed_up(&lab, "{ drain = \"4s\" }"));
    let _servers = Traffic::servers(&lab).expect("servers");
    let mut displaced = displaced(&lab, &router);
    displaced.talk();
    assert_eq!(displaced.called_by(&router), by_dsl(), "it has some time");
    displaced.is_reset();
    displaced.call.send(b"again").expect("it leaves");
    displaced.call.recv(&mut [0; 64]).expect("it has moved");
    assert_eq!((displaced.called_by(&router), on_backup(&router)), (by_fiber(), 0));
    assert_eq!((event(&router, "moved"), event(&router, "reset")), (1, 1));
    router.end_with_losses();
}
