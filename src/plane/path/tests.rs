//! What all workers read of the paths.

use super::*;

#[test]
fn nothing_is_limited_until_something_was_found() {
    let paths = Paths::new(0);
    assert_eq!((paths.limit(WanId(3), Family::V4), paths.found(WanId(3), Family::V4)), (u16::MAX, None));
    paths.publish(WanId(3), Family::V4, Some(1400), State::Found);
    assert_eq!((paths.limit(WanId(3), Family::V4), paths.state(WanId(3), Family::V4)), (1400, State::Found));
    assert_eq!((paths.limit(WanId(3), Family::V6), paths.state(WanId(3), Family::V6)), (u16::MAX, State::Off));
    assert_eq!(paths.limit(WanId(200), Family::V4), u16::MAX);
}

#[test]
fn every_state_has_its_place() {
    for (index, state) in State::ALL.iter().enumerate() {
        assert_eq!(*state as usize, index);
    }
}
