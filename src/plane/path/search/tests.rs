//! Claims about the search, on a simulated path: where it ends, how soon, and what it never does.

use super::*;
use proptest::prelude::*;

/// A path, and the searcher at its end: answers come 30 ms after their probe, or not at all.
struct Net {
    mtu: u16,
    hints: bool,
    silent: bool,
    /// Whether the packet with this number is lost.
    lost: fn(u64) -> bool,
    now: Tick,
    search: Search,
    sizes: Vec<u16>,
}

const RTT_MS: u64 = 30;

impl Net {
    fn new(floor: u16, link: u16, mtu: u16) -> Self {
        let search = Search::new(floor, link, 1, Tick::from_secs(1));
        let now = Tick::from_secs(1);
        Self { mtu, hints: false, silent: false, lost: |_| false, now, search, sizes: Vec::new() }
    }

    /// Lets that many seconds pass.
    fn run(&mut self, secs: u64) {
        let end = self.now.plus_millis(secs * 1000);
        while self.now < end {
            if let Some(probe) = self.search.step(self.now) {
                self.sizes.push(probe.size);
                let passes = probe.size <= self.mtu;
                self.now = self.now.plus_millis(RTT_MS);
                match passes {
                    _ if self.silent || (self.lost)(self.sizes.len() as u64) => {}
                    true => self.search.answered(self.now),
                    false if self.hints => self.search.too_big(self.mtu, self.now),
                    false => {}
                }
            }
            self.now = self.search.due().max(self.now.plus_millis(1)).min(end.plus_millis(1));
        }
    }

    fn now_found(&self) -> (Option<u16>, State) {
        (self.search.found(), self.search.state())
    }
}

#[test]
fn the_link_is_tried_right_after_the_smallest_size() {
    let mut net = Net::new(576, 1500, 1500);
    net.run(29);
    assert_eq!((net.now_found(), &net.sizes[..]), ((Some(1500), State::Found), &[576, 1500][..]));
    net.run(60);
    assert_eq!(net.sizes[2..], [1500, 1500], "confirmed every 30 s");
}

#[test]
fn a_black_hole_is_measured_to_the_byte() {
    let mut net = Net::new(576, 1500, 1400);
    assert_eq!(net.search.found(), None, "the link's own MTU until it is known better");
    net.run(30);
    assert_eq!(net.now_found(), (Some(1400), State::Found));
    assert_eq!(net.sizes[..5], [576, 1500, 1500, 1500, 576], "three times, and is the target still there?");
    for size in [1401, 1500] {
        assert_eq!(net.sizes.iter().filter(|tried| **tried == size).count(), 3, "{size}");
    }
}

#[test]
fn a_hint_is_tried_next_and_then_one_byte_more() {
    let mut net = Net { hints: true, ..Net::new(1280, 9000, 1420) };
    net.run(20);
    assert_eq!((net.now_found(), &net.sizes[..]), ((Some(1420), State::Found), &[1280, 9000, 1420, 1421][..]));
}

#[test]
fn hints_that_cannot_be_are_not_believed() {
    for hint in [0, 67, 1279, 1500, 1501, u16::MAX] {
        let mut search = Search::new(1280, 1500, 1, Tick(0));
        let _ = search.step(Tick(0));
        search.answered(Tick(1));
        assert_eq!(search.step(Tick(1)), Some(Probe { size: 1500, fresh: true }));
        search.too_big(hint, Tick(2));
        assert_eq!((search.found(), search.size, search.high), (None, 1500, 1501), "{hint}");
    }
}

#[test]
fn a_hint_that_is_a_lie_does_not_last() {
    let mut net = Net::new(576, 1500, 1500);
    let _ = net.search.step(net.now);
    net.search.answered(net.now);
    let _ = net.search.step(net.now);
    net.search.too_big(600, net.now);
    assert_eq!(net.search.found(), Some(600));
    net.run(5);
    assert_eq!(net.search.found(), Some(1499), "the size that was refused is not asked again at once");
    net.run(700);
    assert_eq!(net.now_found(), (Some(1500), State::Found));
}

#[test]
fn who_never_answers_lowers_nothing() {
    let mut net = Net { silent: true, ..Net::new(576, 1500, 1500) };
    net.run(300);
    assert_eq!(net.now_found(), (None, State::NoAnswer));
    assert!(net.sizes.iter().all(|size| *size == 576));
    net.silent = false;
    net.run(60);
    assert_eq!(net.now_found(), (Some(1500), State::Found));
}

#[test]
fn who_falls_silent_leaves_what_was_found() {
    let mut net = Net::new(576, 1500, 1400);
    net.run(40);
    net.silent = true;
    net.run(120);
    assert_eq!(net.now_found(), (Some(1400), State::NoAnswer));
    (net.silent, net.mtu) = (false, 1500);
    net.run(60);
    assert_eq!(net.now_found(), (Some(1500), State::Found));
}

#[test]
fn a_target_that_dies_in_the_middle_is_no_small_mtu() {
    let mut net = Net::new(576, 1500, 1500);
    let first = net.search.step(net.now);
    net.search.answered(net.now);
    assert_eq!(first, Some(Probe { size: 576, fresh: true }));
    net.silent = true;
    net.run(60);
    assert_eq!(net.now_found(), (None, State::NoAnswer));
}

#[test]
fn targets_take_turns_until_one_answers() {
    let mut search = Search::new(576, 1500, 3, Tick(0));
    let mut asked = Vec::new();
    for ms in (0..20_000).step_by(10) {
        let now = Tick::from_millis(ms);
        if search.step(now).is_some() {
            asked.push((search.target(), ms));
        }
        if search.target() == 2 && search.is_asking() {
            search.answered(now);
        }
    }
    assert_eq!(asked[..7], [(0, 0), (0, 1000), (0, 2000), (1, 3000), (1, 4000), (1, 5000), (2, 6000)]);
    assert_eq!((search.found(), search.state(), search.target()), (Some(1500), State::Found, 2));
}

#[test]
fn a_path_that_shrinks_is_noticed_by_its_confirmation() {
    let mut net = Net::new(1280, 1500, 1500);
    net.run(10);
    net.mtu = 1400;
    net.run(60);
    assert_eq!(net.now_found(), (Some(1400), State::Found));
    let told = Net { hints: true, mtu: 1300, ..net };
    let mut told = Net { sizes: Vec::new(), ..told };
    told.run(31);
    assert_eq!((told.search.found(), &told.sizes[..]), (Some(1300), &[1400, 1300, 1301][..]));
}

#[test]
fn a_path_that_grows_is_noticed_in_ten_minutes() {
    let mut net = Net::new(576, 1500, 1400);
    net.run(60);
    net.mtu = 1500;
    net.run(500);
    assert_eq!(net.search.found(), Some(1400));
    net.run(100);
    assert_eq!(net.now_found(), (Some(1500), State::Found));
}

#[test]
fn a_link_that_changes_is_followed() {
    let mut net = Net::new(576, 1500, 9000);
    net.run(10);
    net.search.restart(1400, 1, net.now);
    assert_eq!(net.search.found(), Some(1400), "at once");
    net.run(10);
    net.search.restart(9000, 1, net.now);
    assert_eq!(net.search.found(), Some(1400), "what was found is believed until more is known");
    net.run(10);
    assert_eq!(net.now_found(), (Some(9000), State::Found));
}

#[test]
fn a_size_is_tried_three_times_a_second_apart() {
    let mut search = Search::new(576, 1500, 1, Tick(0));
    let sent: Vec<_> = (0..6000).filter(|ms| search.step(Tick::from_millis(*ms)).is_some()).collect();
    assert_eq!(sent, [0, 1000, 2000], "and then there is a pause");
}

proptest! {
    #[test]
    fn the_search_ends_at_the_true_path_mtu(
        link in 577u16..=u16::MAX,
        part in 0.0..1.0f64,
        hints: bool,
        family in prop::sample::select(&Family::ALL[..]),
        loss in 0..3usize,
    ) {
        let floor = floor(family);
        prop_assume!(link > floor);
        let mtu = floor + (f64::from(link - floor) * part) as u16;
        // Never three in a row: then the first search is right.
        let lost: [fn(u64) -> bool; 3] = [|_| false, |n| n % 2 == 0, |n| n % 3 != 0];
        let mut net = Net { hints, lost: lost[loss], ..Net::new(floor, link, mtu) };
        net.run(300);
        prop_assert_eq!(net.now_found(), (Some(mtu.min(u16::MAX - 1)), State::Found));
    }

    #[test]
    fn whatever_is_lost_the_search_gets_there(
        mtu in 576u16..=1500,
        hints: bool,
        seed: u64,
    ) {
        // A third of all packets, by chance: three in a row happen, and are set right later on.
        let mut net = Net { hints, ..Net::new(576, 1500, mtu) };
        let mut state = seed | 1;
        for _ in 0..20 {
            net.lost = |_| false;
            for _ in 0..40 {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                net.lost = if state % 3 == 0 { |_| true } else { |_| false };
                net.run(1 + state % 40);
                prop_assert!(net.search.found().is_none_or(|found| found <= 1500));
            }
        }
        net.lost = |_| false;
        net.run(700);
        prop_assert_eq!(net.now_found(), (Some(mtu), State::Found));
    }

    #[test]
    fn whatever_happens_sizes_stay_between_the_bounds(
        events in prop::collection::vec((0..5u8, any::<u16>(), 0..40_000u64), 0..200),
    ) {
        let mut now = Tick(0);
        let mut search = Search::new(576, 1500, 2, now);
        for (event, number, ms) in events {
            now = now.plus_millis(ms);
            match event {
                0 => search.answered(now),
                1 => search.too_big(number, now),
                2 => search.restart(number.max(577), 1, now),
                _ => {}
            }
            if let Some(probe) = search.step(now) {
                prop_assert!((576..=search.ceiling()).contains(&probe.size));
                prop_assert!(search.due() >= now.plus_millis(1000));
            }
            prop_assert!(search.found().is_none_or(|found| (576..=search.ceiling()).contains(&found)));
        }
    }
}
