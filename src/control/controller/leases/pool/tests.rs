//! Who vouches for what, for how long, and what is current meanwhile. Letters stand for prefixes.

use super::*;
use proptest::prelude::*;

fn at(ms: u64) -> Tick {
    Tick::from_millis(ms)
}

/// What is held, the current one first, with its number.
fn held(pool: &mut Pool<char>, ms: u64) -> Vec<(char, u8)> {
    pool.pass(at(ms));
    pool.valid(at(ms)).iter().map(|entry| (entry.leased.held, entry.leased.lease.0)).collect()
}

fn listed(pool: &mut Pool<char>, ms: u64, all: &str) {
    pool.listed(at(ms), 1, &all.chars().collect::<Vec<_>>(), PREFIX_GRACE_MS);
}

#[test]
fn what_the_kernel_names_first_is_current_and_the_others_hold() {
    let mut pool = Pool::default();
    listed(&mut pool, 0, "ab");
    assert_eq!(held(&mut pool, 0), [('a', 1), ('b', 2)]);
    listed(&mut pool, 1, "cab");
    assert_eq!(held(&mut pool, 1), [('c', 3), ('a', 1), ('b', 2)]);
    listed(&mut pool, 2, "bca");
    assert_eq!(held(&mut pool, 2), [('b', 2), ('c', 3), ('a', 1)], "it thinks better of it");
    assert_eq!(pool.pass(at(2)), None);
}

#[test]
fn an_address_that_the_kernel_loses_holds_three_seconds_more() {
    let mut pool = Pool::default();
    let listed = |pool: &mut Pool<char>, ms, all: &[char]| pool.listed(at(ms), 1, all, GRACE_MS);
    listed(&mut pool, 0, &['a']);
    listed(&mut pool, 1000, &[]);
    assert_eq!((held(&mut pool, 1000), pool.pass(at(1000))), (vec![('a', 1)], Some(at(4000))));
    listed(&mut pool, 2500, &[]);
    assert_eq!(held(&mut pool, 3999), [('a', 1)], "said again is not said anew");
    assert_eq!(held(&mut pool, 4000), []);
    assert_eq!(pool.find('a').unwrap().why, "gone from the link");
    listed(&mut pool, 9000, &['a']);
    assert_eq!(held(&mut pool, 9000), [('a', 1)], "back under its number");
}

#[test]
fn a_prefix_that_is_gone_without_a_successor_holds_ten_minutes_and_three_seconds_with_one() {
    let mut pool = Pool::default();
    listed(&mut pool, 0, "a");
    listed(&mut pool, 1000, "");
    assert_eq!(held(&mut pool, 600_999), [('a', 1)]);
    assert_eq!(held(&mut pool, 601_000), []);
    listed(&mut pool, 700_000, "a");
    listed(&mut pool, 701_000, "b");
    assert_eq!(held(&mut pool, 703_999), [('b', 2), ('a', 1)]);
    assert_eq!(held(&mut pool, 704_000), [('b', 2)]);
}

#[test]
fn a_client_that_starts_anew_within_that_time_changes_nothing() {
    let mut pool = Pool::default();
    listed(&mut pool, 0, "a");
    listed(&mut pool, 1000, "");
    listed(&mut pool, 2000, "a");
    assert_eq!((held(&mut pool, 9000), pool.pass(at(9000))), (vec![('a', 1)], None));
}

#[test]
fn another_one_replaces_what_is_in_its_grace_at_once() {
    let mut pool = Pool::default();
    listed(&mut pool, 0, "a");
    listed(&mut pool, 1000, "b");
    assert_eq!(held(&mut pool, 1000), [('b', 2), ('a', 1)]);
    assert_eq!(held(&mut pool, 4000), [('b', 2)]);
}

#[test]
fn a_word_by_hand_is_current_at_once_and_holds_as_long_as_it_says() {
    let mut pool = Pool::default();
    listed(&mut pool, 0, "a");
    pool.set(at(10), 2, 'b', at(5000));
    assert_eq!(held(&mut pool, 10), [('b', 2), ('a', 1)]);
    assert_eq!(pool.pass(at(10)), Some(at(5000)));
    listed(&mut pool, 100, "a");
    assert_eq!(held(&mut pool, 4999), [('b', 2), ('a', 1)], "the kernel says nothing new");
    assert_eq!(held(&mut pool, 5000), [('a', 1)], "no grace: its end was known");
    pool.set(at(6000), 3, 'b', at(7000));
    pool.set(at(6500), 4, 'b', at(9000));
    assert_eq!((held(&mut pool, 8999).len(), held(&mut pool, 9000).len()), (2, 1), "said again is longer");
}

#[test]
fn what_was_set_without_an_end_ends_with_the_next_one_but_not_what_has_its_time() {
    let mut pool = Pool::default();
    pool.set(at(0), 1, 'a', NO_END);
    pool.set(at(1000), 2, 'b', at(60_000));
    assert_eq!(held(&mut pool, 1000), [('b', 2), ('a', 1)]);
    assert_eq!(held(&mut pool, 4000), [('b', 2)]);
    assert_eq!(pool.find('a').unwrap().why, "replaced by hand");
    pool.set(at(5000), 3, 'c', NO_END);
    assert_eq!(held(&mut pool, 59_999), [('c', 3), ('b', 2)]);
    assert_eq!((held(&mut pool, 60_000), pool.pass(at(60_000))), (vec![('c', 3)], None));
}

#[test]
fn what_is_withdrawn_ends_at_once_unless_the_kernel_has_it() {
    let mut pool = Pool::default();
    listed(&mut pool, 0, "a");
    pool.set(at(0), 1, 'a', NO_END);
    pool.set(at(0), 1, 'b', at(50_000));
    pool.withdraw('b');
    pool.withdraw('a');
    pool.withdraw('z');
    assert_eq!(held(&mut pool, 1), [('a', 1)]);
}

#[test]
fn the_kernel_and_an_operator_may_both_vouch() {
    let mut pool = Pool::default();
    pool.set(at(0), 1, 'a', at(10_000));
    listed(&mut pool, 10, "a");
    assert_eq!(pool.valid(at(10))[0].until(), None, "as long as the kernel has it");
    listed(&mut pool, 20, "");
    assert_eq!(pool.valid(at(20))[0].until(), Some(at(10_000)));
    assert_eq!(held(&mut pool, 9_999).len(), 1);
    listed(&mut pool, 9_999, "a");
    assert_eq!(held(&mut pool, 10_000).len(), 1);
}

#[test]
fn numbers_go_round_and_never_mean_two_things_that_are_remembered() {
    let mut pool = Pool::default();
    let letter = |number: u32| char::from_u32(0x4e00 + number).unwrap();
    for number in 0..1000 {
        let epoch = 10 + number;
        pool.set(at(u64::from(number)), epoch, letter(number), at(u64::from(number) + 3));
        let valid = pool.valid(at(u64::from(number)));
        assert_eq!((valid.len(), valid[0].leased.held), (3.min(number as usize + 1), letter(number)));
        assert_eq!((valid[0].leased.since, valid[0].leased.lease == Lease::FIXED), (epoch, false));
        let mut numbers: Vec<u8> = pool.entries.iter().map(|entry| entry.leased.lease.0).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!((numbers.len(), numbers.len() <= REMEMBERED), (pool.entries.len(), true));
    }
}

#[test]
fn a_kernel_that_names_hundreds_fills_no_snapshot() {
    let mut pool = Pool::default();
    let many: Vec<char> = (0..300).map(|number| char::from_u32(0x4e00 + number).unwrap()).collect();
    pool.listed(at(0), 1, &many, PREFIX_GRACE_MS);
    assert_eq!(pool.valid(at(0)).len(), MOST);
    assert_eq!(pool.valid(at(0))[0].leased.held, many[0]);
}

/// What may happen to a pool, in milliseconds since what happened before.
#[derive(Clone, Debug)]
enum Happens {
    Listed(Vec<char>, u64),
    Set(char, u64),
    Withdrawn(char),
    Nothing,
}

fn happens() -> impl Strategy<Value = (u64, Happens)> {
    let letter = || prop::char::range('A', 'z');
    let listed = prop::collection::vec(letter(), 0..6).prop_map(|all| Happens::Listed(all, PREFIX_GRACE_MS));
    let what = prop_oneof![
        listed.clone(),
        listed.prop_map(|it| if let Happens::Listed(all, _) = it { Happens::Listed(all, GRACE_MS) } else { it }),
        (letter(), prop_oneof![Just(u64::MAX), 1..10_000u64]).prop_map(|(held, ms)| Happens::Set(held, ms)),
        letter().prop_map(Happens::Withdrawn),
        Just(Happens::Nothing),
    ];
    (0..4000u64, what)
}

proptest! {
    /// A flow that was proved in one snapshot finds its own address in another one, or none.
    #[test]
    fn a_number_of_a_time_never_means_two_things(events in prop::collection::vec(happens(), 1..120)) {
        let (mut pool, mut now) = (Pool::default(), at(0));
        let mut meant = std::collections::HashMap::new();
        for (epoch, (wait, what)) in (1u32..).zip(events) {
            now = now.plus_millis(wait);
            match what {
                Happens::Listed(all, grace) => pool.listed(now, epoch, &all, grace),
                Happens::Set(held, ms) => pool.set(now, epoch, held, now.plus_millis(ms)),
                Happens::Withdrawn(held) => pool.withdraw(held),
                Happens::Nothing => {}
            }
            let wake = pool.pass(now);
            prop_assert!(wake.is_none_or(|wake| wake > now && wake < NO_END), "{wake:?}");
            let valid = pool.valid(now);
            prop_assert!(valid.iter().skip(1).all(|it| !it.is_firm(now)) || valid[0].is_firm(now));
            let numbers: std::collections::HashSet<_> = valid.iter().map(|it| it.leased.lease).collect();
            prop_assert_eq!((numbers.len(), numbers.contains(&Lease::FIXED)), (valid.len(), false));
            for entry in &valid {
                let Leased { lease, since, held } = entry.leased;
                prop_assert!(since <= epoch);
                prop_assert_eq!(*meant.entry((lease, since)).or_insert(held), held);
            }
            // Nothing changes by time alone before it is said to.
            let later = wake.map_or(now.plus_millis(1_000_000), |wake| Tick(wake.0 - 1));
            let seen = |all: Vec<Entry<char>>| all.iter().map(|it| it.leased).collect::<Vec<_>>();
            prop_assert_eq!(seen(pool.valid(later)), seen(valid));
        }
    }
}
