//! What arrives for the router itself, as the answer to something that the data plane asked.
//! Must never know: what was asked.

use crate::plane::health;
use crate::plane::health::Place;
use crate::plane::outbox::Outbox;
use crate::plane::packet::headers::Headers;
use crate::plane::path;
use crate::plane::policy::Wan;
use crate::plane::state::Core;
use crate::types::{Family, Frame, Tick, WanId};

impl Core {
    /// Whether a packet from a WAN is about a probe of its path or of its health, and has been taken note of.
    pub fn hear(
        &self,
        now: Tick,
        (id, wan): (WanId, &Wan),
        headers: &Headers,
        frame: &Frame<'_>,
        outbox: &mut Outbox,
    ) -> bool {
        let (health, neighbors) = (&self.shared.health, &self.shared.neighbors);
        path::heard(&self.shared.paths, id, wan, headers, frame)
            || health::heard(Place { now, id, wan, health, neighbors }, headers, frame, outbox)
    }

    /// Tells the probes of a WAN's gateway that it was heard from, if it was.
    pub fn hear_neighbors(&self, now: Tick, id: WanId) {
        for family in Family::ALL {
            if self.shared.neighbors.has_spoken(id, family) {
                health::neighbor_spoke(&self.shared.health, now, id, family);
            }
        }
    }
}
