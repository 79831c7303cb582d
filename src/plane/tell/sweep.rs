//! After a WAN went down or lost a public address, or a better one came back that ends what is elsewhere: TCP connections
//! whose inside hosts are silent, and so would not notice for hours, are looked for among the flows that this worker
//! watches, and ended. So are, once a second while a WAN is softly down, those that nothing answers there. A few flows at a
//! time, so that no packet waits for it.
//! All others are judged when their next packet comes. Must never know: how the wheel and the table are made (flow.rs).

use super::remote;
use crate::plane::choose::{failover, soft_down};
use crate::plane::context::Ctx;
use crate::plane::counters::Event;
use crate::plane::craft::rst;
use crate::plane::flow::pin::Pin;
use crate::plane::flow::wheel::Walk;
use crate::plane::packet::numbers::protocol;
use crate::plane::policy::{Policy, Wan};
use crate::plane::state::Core;
use crate::types::{End, Family, Remedy, Tick};
use std::net::SocketAddr;

/// Flows looked at in one step.
const LOOKS: usize = 1024;
/// Connections ended in one step.
const RESETS: usize = 64;
/// Milliseconds from one look for unanswered connections to the next.
const PERIOD_MS: u64 = 1000;

/// Whether some WAN ends its TCP connections, or those on worse tiers, under `new` and did not so under `old`; also where it
/// spared those that had no better one.
pub fn is_due(old: &Policy, new: &Policy) -> bool {
    let pairs = || new.wans().filter_map(|(id, new)| Some((old.wan(id)?, new)));
    let others = || pairs().any(|(old, new)| old.standing != new.standing);
    let spared = |wan| old.fixed.last_resort && Family::ALL.into_iter().any(|family| ends(wan, family)) && others();
    pairs().any(|(old, new)| {
        let falls = |family| ends(new, family) && !ends(old, family);
        let is_back = |family| fails_back(new, family) && !fails_back(old, family);
        Family::ALL.into_iter().any(|family| falls(family) || is_back(family))
            || new.hard_remedy(true) == Remedy::Reset && has_lost_one(old, new)
            || spared(new)
    })
}

fn ends(wan: &Wan, family: Family) -> bool {
    wan.remedy(family, true) == Some(Remedy::Reset)
}

fn fails_back(wan: &Wan, family: Family) -> bool {
    wan.failback(family, true) == Some(Remedy::Reset)
}

/// Whether a public address that comes and goes has gone.
fn has_lost_one(old: &Wan, new: &Wan) -> bool {
    old.leases4().any(|it| !new.has_lease(Family::V4, it.lease, it.since))
        || old.nptv6.iter().any(|it| !new.has_lease(Family::V6, it.lease, it.since))
        || old.host6.leases().any(|(lease, since)| !new.has_lease(Family::V6, lease, since))
}

/// Begins anew if it is time for the next look at the connections over WANs that are softly down.
pub fn begin_if_due(core: &mut Core, policy: &Policy, now: Tick) {
    let resets = |wan: &Wan, family| wan.judges(family, true).is_some_and(|(_, remedy)| remedy == Remedy::Reset);
    let drains = |wan: &Wan| Family::ALL.into_iter().any(|family| resets(wan, family));
    if core.sweep.is_none() && now >= core.next_sweep && policy.wans().any(|(_, wan)| drains(wan)) {
        begin(core);
        core.next_sweep = now.plus_millis(PERIOD_MS);
    }
}

/// Begins anew, from the flow that is due for a look next.
pub fn begin(core: &mut Core) {
    core.sweep = Some(Walk::default());
}

/// One step. Nothing is left of the sweep after the last.
pub fn step(core: &mut Core, ctx: &mut Ctx<'_>) {
    let Some(walk) = core.sweep else { return };
    let (policy, now) = (ctx.policy, ctx.now);
    let mut resets = 0;
    core.sweep = core.wheel.walk(walk, LOOKS, |key| {
        if key.protocol() != protocol::TCP {
            return true;
        }
        // For a RST and a challenge.
        if resets >= RESETS || ctx.outbox.room() < 2 {
            return false;
        }
        let is_doomed = |pin: &Pin| failover::remedy(policy, key, pin, now) == Some(Remedy::Reset);
        if let Some((pin, rcv_nxt)) = core.shared.table.terminate_silent(key, now, &policy.fixed.timeouts, is_doomed) {
            let host = SocketAddr::new(key.inside(), key.inside_port());
            let remote = SocketAddr::new(key.remote(), key.remote_port());
            ctx.outbox.push(End::Inside, &[], |out| rst::unasked(out, remote, host, rcv_nxt));
            remote::challenge(core, ctx, key, &pin, rcv_nxt);
            core.counters.event(Event::Reset);
            if soft_down::remedy(policy, key, &pin, now).is_some() {
                core.counters.event(Event::Silent);
            }
            resets += 1;
        }
        true
    });
}
