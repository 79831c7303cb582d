//! What each step of one packet's pass is given: the snapshot in force, the time, and where the plane's own frames go.
//! Must never know: state.

use super::outbox::Outbox;
use super::policy::{Policy, Wan};
use crate::types::{Tick, WanId};

/// The surroundings of one packet.
pub struct Ctx<'a> {
    /// The snapshot in force.
    pub policy: &'a Policy,
    /// When it arrived.
    pub now: Tick,
    /// Takes answers, errors and fragments.
    pub outbox: &'a mut Outbox,
}

impl<'a> Ctx<'a> {
    /// A WAN of the snapshot in force.
    #[must_use]
    pub fn line(&self, id: WanId) -> Option<Line<'a>> {
        self.policy.wan(id).map(|wan| Line { id, wan })
    }
}

/// A WAN and its number.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// Its number.
    pub id: WanId,
    /// Its part of the snapshot.
    pub wan: &'a Wan,
}
