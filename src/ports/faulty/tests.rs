//! Claims about what a faulty port does to which frames, and that the seed alone decides.

use super::*;
use crate::ports::memory::{Sink, Source};
use crate::types::{Disposition, WanId};

const WAN: End = End::Wan(WanId(0));

/// Numbers of the frames that arrive when 0, 1, 2 and so on are sent to the port.
fn received(rates: Rates, seed: u64, count: u8) -> Vec<u8> {
    let faults = Faults::default();
    faults.set(rates);
    let mut source = Source::default();
    source.extend((0..count).map(|number| Stored::new(&[9; 14], &[number])));
    let mut port = Faulty::new(source, &faults, seed);
    let mut numbers = Vec::new();
    loop {
        let mut batch = Batch::new();
        port.receive(&mut batch).unwrap();
        assert!(batch.iter().all(|frame| frame.link() == [9; 14]));
        let came = batch.len();
        numbers.extend(batch.iter().map(|frame| frame.packet()[0]));
        drop(batch);
        port.release();
        if came == 0 {
            return numbers;
        }
    }
}

/// What the port says, and the numbers of the frames that reach the other side, when 0, 1, 2 and so on are sent by it in
/// one batch.
fn sent(rates: Rates, seed: u64, count: u8) -> (Sent, Vec<u8>) {
    let (faults, sink) = (Faults::default(), Sink::default());
    faults.set(rates);
    let mut port = Faulty::new(sink.clone(), &faults, seed);
    let mut frames: Vec<_> = (0..count).map(|number| LaidOut::new(Stored::new(&[], &[number]))).collect();
    let mut batch: Batch = frames.iter_mut().filter_map(LaidOut::frame).collect();
    batch.iter_mut().for_each(|frame| frame.disposition = Disposition::Send(WAN));
    let said = port.transmit(&batch, WAN).unwrap();
    (said, sink.take().iter().map(|frame| frame.packet[0]).collect())
}

fn in_order(count: u8) -> Vec<u8> {
    (0..count).collect()
}

const NEVER: Rates = Rates { lose: 0, double: 0, delay: 0, refuse: 0 };
const ALWAYS: [Rates; 4] = [
    Rates { lose: 1000, ..NEVER },
    Rates { double: 1000, ..NEVER },
    Rates { delay: 1000, ..NEVER },
    Rates { refuse: 1000, ..NEVER },
];

#[test]
fn a_good_line_changes_nothing() {
    assert_eq!(received(NEVER, 1, 100), in_order(100));
    assert_eq!(sent(NEVER, 1, 64), (Sent { sent: 64, ..Sent::default() }, in_order(64)));
}

#[test]
fn each_fault_does_what_its_name_says_to_every_frame_at_1000_thousandths() {
    let [lose, double, delay, refuse] = ALWAYS;
    let twice: Vec<_> = in_order(20).into_iter().flat_map(|number| [number; 2]).collect();
    assert_eq!(received(lose, 1, 3), in_order(0), "and the port looks empty");
    assert_eq!(received(double, 1, 20), twice);
    assert_eq!(received(delay, 1, 20), in_order(20), "all alike late");
    assert_eq!(received(refuse, 1, 20), in_order(20), "a receiver refuses nothing");
    let all = Sent { sent: 20, ..Sent::default() };
    assert_eq!(sent(lose, 1, 20), (all, vec![]), "the sender does not notice");
    assert_eq!(sent(double, 1, 20), (all, twice));
    assert_eq!(sent(delay, 1, 20), (all, in_order(20)));
    assert_eq!(sent(refuse, 1, 20), (Sent { full: 20, ..Sent::default() }, vec![]));
}

#[test]
fn a_delayed_frame_comes_behind_the_others_of_its_batch_and_none_is_lost() {
    let some = Rates { delay: 300, ..NEVER };
    for numbers in [received(some, 7, 64), sent(some, 7, 64).1] {
        let fall = numbers.windows(2).filter(|pair| pair[0] > pair[1]).count();
        let mut sorted = numbers.clone();
        sorted.sort_unstable();
        assert_eq!((fall, sorted), (1, in_order(64)), "{numbers:?}");
    }
}

#[test]
fn a_full_batch_has_no_room_for_what_comes_twice() {
    let [_, double, ..] = ALWAYS;
    let doubled = received(double, 1, 64);
    assert_eq!(doubled, in_order(64));
}

#[test]
fn the_seed_alone_decides_and_the_rates_are_met() {
    let bad = Rates { lose: 100, double: 100, delay: 100, refuse: 100 };
    assert_eq!((received(bad, 5, 200), sent(bad, 5, 60)), (received(bad, 5, 200), sent(bad, 5, 60)));
    assert_ne!(received(bad, 5, 200), received(bad, 6, 200));
    let mut dice = Dice(42);
    let drawn: Vec<_> = (0..10_000).map(|_| dice.draw(bad)).collect();
    for fate in [Fate::Lose, Fate::Double, Fate::Delay, Fate::Refuse] {
        let count = drawn.iter().filter(|drawn| **drawn == fate).count();
        assert!((900..1100).contains(&count), "{fate:?}: {count}");
    }
}

#[test]
fn a_port_that_is_broken_on_command_fails_at_everything_from_then_on() {
    let (faults, (port, far)) = (Faults::default(), crate::ports::memory::live().unwrap());
    let LivePort { mut receive, mut transmit } = wrap(port, &faults, 1);
    far.send(Stored::new(&[], &[1]));
    assert!(receive.check().is_ok());
    faults.break_port();
    let said = [
        receive.check().unwrap_err(),
        receive.receive(&mut Batch::new()).unwrap_err(),
        transmit.transmit(&[], WAN).unwrap_err(),
    ];
    assert_eq!(said.map(|error| error.to_string()), ["broken on command"; 3]);
}
