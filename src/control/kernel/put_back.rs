//! Puts back what a run left that ended with the door shut, or that was killed. Must never know: what a plan asks for.

use super::forwarding::unroute;
use super::plan::state_beside;
use super::saved::Saved;
use super::shield::Shield;
use serde::Serialize;
use std::path::Path;

/// How much was put back.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize)]
pub struct PutBack {
    /// Kernel settings that have their old values again.
    pub settings: usize,
    /// Policy rules, routes and nftables tables that were removed.
    pub rules: usize,
    /// See there.
    pub routes: usize,
    /// See there.
    pub tables: usize,
}

/// Puts everything back that flowpin has left in this network namespace; the settings are those in the state file beside
/// the control socket. The caller holds the lock. Needs a tokio runtime.
///
/// # Errors
/// One sentence for each thing that stays.
pub async fn put_back(socket: &Path) -> Result<PutBack, Vec<String>> {
    let mut faults = Vec::new();
    let mut note = |fault: String| faults.push(fault);
    let settings = Saved::load(&state_beside(socket)).and_then(Saved::restore);
    let settings = settings.map_err(&mut note).unwrap_or_default();
    let unrouted = unroute().await.map_err(|faults| faults.into_iter().for_each(&mut note));
    let (rules, routes) = unrouted.unwrap_or_default();
    let tables = Shield::remove_all().map_err(&mut note).unwrap_or_default();
    if faults.is_empty() { Ok(PutBack { settings, rules, routes, tables }) } else { Err(faults) }
}
