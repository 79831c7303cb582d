//! What an operator tells the service, checked here and put in force by the control loop. Must never know: sockets.

use crate::api::{PrefixCommand, WanCommand};
use crate::config::settings::Settings;
use crate::control::report::flows::find_wan;
use crate::health::Verb;
use crate::types::WanId;
use ipnet::Ipv6Net;
use tokio::sync::oneshot;

/// An operator's word about a WAN.
#[derive(Debug)]
pub struct OperatorCommand {
    /// The WAN.
    pub wan: WanId,
    /// What.
    pub command: Command,
    /// Where it is told that it is in force, or in one sentence why it cannot be.
    pub done: oneshot::Sender<Result<(), String>>,
}

/// What an operator says of a WAN.
#[derive(Debug)]
pub enum Command {
    /// How to treat it.
    Treat {
        /// What.
        verb: Verb,
        /// Why; may be empty.
        reason: String,
    },
    /// Which IPv6 prefix it has.
    Prefix {
        /// The prefix.
        prefix: Ipv6Net,
        /// How long; 0 is no more, `None` until the next one.
        seconds: Option<u32>,
    },
}

/// Letters of a reason at the most.
const LONGEST_REASON: usize = 200;

/// How an operator wants a WAN to be treated.
///
/// # Errors
/// One sentence: what in the command cannot be.
pub(super) fn treat(said: WanCommand, settings: &Settings) -> Result<(WanId, Command), String> {
    let wan = find_wan(&said.wan, settings)?;
    let verb = Verb::ALL.into_iter().find(|verb| verb.name() == said.verb);
    let verb = verb.ok_or_else(|| format!("\"{}\" is none of auto, drain, down, up", said.verb))?;
    let reason = said.reason.unwrap_or_default();
    if reason.chars().count() > LONGEST_REASON || reason.chars().any(char::is_control) {
        return Err(format!("a reason is one line of at most {LONGEST_REASON} letters"));
    }
    Ok((wan, Command::Treat { verb, reason }))
}

/// Which IPv6 prefix an operator or a hook says that a WAN has.
///
/// # Errors
/// One sentence: what in the command cannot be.
pub(super) fn prefix(said: &PrefixCommand, settings: &Settings) -> Result<(WanId, Command), String> {
    let wan = find_wan(&said.wan, settings)?;
    let prefix = said.prefix.parse();
    let prefix = prefix.map_err(|_| {
        format!("\"{}\" is no IPv6 prefix: write it such as 2001:db8:a:c80::/60", said.prefix.escape_debug())
    })?;
    Ok((wan, Command::Prefix { prefix, seconds: said.valid_seconds }))
}
