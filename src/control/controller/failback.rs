//! What a WAN that is up wants of flows on worse tiers, and from when on. Must never know: flows.

use crate::config::settings::Wan;
use crate::health::{Judge, State};
use crate::types::{Family, OnUp, Remedies, Remedy, Tick, WanId};

/// What it wants now: nothing unless it is up, for long enough.
pub(super) fn now(judge: &Judge, id: WanId, family: Family, said: OnUp, now: Tick) -> Remedies {
    let wants = from(judge, id, family, said).is_some_and(|from| from <= now);
    if wants { said.remedies } else { Remedies::all(Remedy::Drain) }
}

/// When it will want something that it does not want yet.
pub(super) fn due(judge: &Judge, id: WanId, wan: &Wan, now: Tick) -> Option<Tick> {
    Family::ALL.into_iter().filter_map(|family| from(judge, id, family, wan.on_up)).filter(|from| *from > now).min()
}

/// Who is only taken to be up, before anything is known, wants nothing.
fn from(judge: &Judge, id: WanId, family: Family, said: OnUp) -> Option<Tick> {
    let condition = judge.condition(id, family).filter(|condition| condition.state == State::Up)?;
    (said != OnUp::default()).then(|| condition.since.plus_millis(said.after.into()))
}
