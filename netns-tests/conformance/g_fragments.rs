//! C-70 to C-77: fragments in any order, both families and directions; bounded, and never judged by what they overlap.

use crate::story::packets::{Ip, ip};
use crate::story::{self, At, SERVER, Step, arrives, cut4, leaves};
use At::{Fiber, Inside};
use Step::GiveUp;
use std::time::Duration;

/// Three fragments of one UDP datagram that may be fragmented.
fn three(from: &str, ttl: u8, id: u16) -> Vec<Vec<u8>> {
    let payload: Vec<u8> = (0..100).collect();
    cut4(&Ip { id, fragment: 0, ttl, ..ip(from, SERVER) }.udp((4000, 53), &payload), &[48, 40])
}

#[test]
fn c_70_fragments_that_overtake_their_first_leave_behind_it_in_the_order_of_their_arrival() {
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0], [2, 0, 1], [0, 2, 1]] {
        let (before, after) = (three("10.250.250.2", 64, 7), three("192.0.2.2", 63, 7));
        let mut steps = Vec::new();
        let mut waiting = Vec::new();
        let mut passed = false;
        for number in order {
            steps.push(arrives(Inside, &before[number]));
            waiting.push(number);
            passed |= number == 0;
            if passed {
                waiting.sort_by_key(|number| *number != 0);
                steps.extend(waiting.drain(..).map(|number| leaves(Fiber, &after[number])));
            }
        }
        story::check("c-70", steps, 1);
    }
}

#[test]
fn c_71_a_fragment_whose_first_never_comes_is_given_up_after_three_seconds() {
    let (before, after) = (three("10.250.250.2", 64, 7), three("192.0.2.2", 63, 7));
    let steps = vec![
        arrives(Inside, &before[1]),
        Step::Wait(Duration::from_millis(2_900)),
        arrives(Inside, &before[0]),
        leaves(Fiber, &after[0]),
        leaves(Fiber, &after[1]),
        arrives(Inside, &three("10.250.250.2", 64, 8)[2]),
        Step::Wait(Duration::from_millis(4_100)),
        GiveUp("unknown-fragment"),
        arrives(Inside, &three("10.250.250.2", 64, 8)[0]),
        leaves(Fiber, &three("192.0.2.2", 63, 8)[0]),
    ];
    story::check("c-71", steps, 1);
}
