//! The lab's whole traffic, until each kind of exchange has been seen to work. Must never know: any single claim.

use flowpin::clock::pause;
use flowpin::lab::Lab;
use flowpin::lab::topology::{Line, public_addresses};
use flowpin::lab::traffic::{Protocol, Score, Tally, Traffic};
use std::time::Duration;

const PROTOCOLS: usize = 3;
const FAMILIES: usize = 2;

/// How often it is looked whether everything was carried, and the pause between two looks.
const TIMES: usize = 300;
const EACH: Duration = Duration::from_millis(50);

/// Runs the lab's traffic until every protocol was carried in both families and to every public address; then its
/// clients end and its servers stay. No TCP connection may have failed. A datagram that a busy second swallows is no
/// fault, since the next exchange of its kind shows that the way is open.
pub fn everything_passes(lab: &Lab) -> Traffic {
    let mut traffic = Traffic::start(lab).expect("traffic");
    let targets = public_addresses(lab.options()).into_iter().filter(|public| public.wan != Line::Lte.name()).count();
    let kinds = PROTOCOLS * (FAMILIES + targets);
    let carried = |tally: &Tally| {
        let scores = scores(tally);
        scores.len() == kinds && scores.iter().all(|(_, _, score)| score.done > 0)
    };
    for _ in 0..TIMES {
        if carried(traffic.tally()) {
            break;
        }
        pause(EACH);
    }
    traffic.stop_clients().expect("the clients end well");
    let tally = traffic.tally();
    assert_eq!(scores(tally).len(), kinds, "{:?}", scores(tally));
    for (what, protocol, score) in scores(tally) {
        assert!(score.done > 0 && (protocol != Protocol::Tcp || score.done == score.tried), "{what} {score:?}");
    }
    assert_eq!((tally.wrong(), tally.moved()), (0, 0), "{:?}", tally.example());
    traffic
}

fn scores(tally: &Tally) -> Vec<(String, Protocol, Score)> {
    let outbound = tally.outbound().into_iter().map(|(kind, score)| (format!("{kind:?}"), kind.protocol, score));
    let inbound = tally.inbound().into_iter();
    outbound.chain(inbound.map(|((to, protocol), score)| (format!("{protocol:?} to {to}"), protocol, score))).collect()
}
