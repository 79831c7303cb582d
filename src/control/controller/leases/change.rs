//! What became of public addresses, to be told. Must never know: why.

use crate::plane::lease::Leased;
use crate::types::{Family, WanId};
use ipnet::IpNet;

/// A public address or prefix became current, or went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LeaseChange {
    /// The WAN.
    pub wan: WanId,
    /// The family.
    pub family: Family,
    /// What.
    pub what: What,
    /// Why.
    pub reason: &'static str,
}

/// What became of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// New flows have another.
    Current {
        /// What they had.
        from: Option<IpNet>,
        /// What they have.
        to: Option<IpNet>,
    },
    /// What was not current any more is not valid any more.
    Ended(IpNet),
}

/// What is otherwise than before: first what is current, then what ended. `why` says why of each.
pub(super) fn between(
    (wan, family): (WanId, Family),
    before: &[Leased<IpNet>],
    after: &[Leased<IpNet>],
    why: impl Fn(IpNet) -> &'static str,
) -> Vec<LeaseChange> {
    let change = |what, reason| LeaseChange { wan, family, what, reason };
    let first = |all: &[Leased<IpNet>]| all.first().map(|it| it.held);
    let (from, to) = (first(before), first(after));
    let mut changes = Vec::new();
    if from != to {
        changes.push(change(What::Current { from, to }, to.or(from).map_or("", &why)));
    }
    // Where nothing is current now, the end of what was is told already.
    let told = from.filter(|_| to.is_none());
    let gone = before.iter().filter(|it| !after.contains(it) && told != Some(it.held));
    changes.extend(gone.map(|it| change(What::Ended(it.held), why(it.held))));
    changes
}
