//! What the service says of itself, in the words of `api`: gathered from the policy in force, the plane's shared state
//! and the counters; and what operators tell it. Must never know: sockets, HTTP.

mod addresses;
mod command;
mod device;
mod flows;
mod health;
#[cfg(test)]
pub(super) mod sample;
mod sources;
mod status;

pub use command::{Command, OperatorCommand};
pub use device::queue_full;
pub use flows::Page;
pub use sources::Sources;

use crate::api::{PrefixCommand, Status, Wan, WanCommand};
use crate::types::WanId;
use tokio::sync::oneshot;

impl Sources {
    /// The state of the service now.
    #[must_use]
    pub fn status(&self) -> Status {
        status::status(self, self.clock.now())
    }

    /// Puts an operator's word on how to treat a WAN in force. The WAN as it is then.
    ///
    /// # Errors
    /// One sentence: what in the command cannot be.
    pub async fn treat(&self, said: WanCommand) -> Result<Wan, String> {
        let (wan, command) = command::treat(said, &self.settings)?;
        self.send(wan, command).await
    }

    /// Puts an operator's or a hook's word about a WAN's IPv6 prefix in force. The WAN as it is then.
    ///
    /// # Errors
    /// One sentence: what in the command cannot be.
    pub async fn set_prefix(&self, said: PrefixCommand) -> Result<Wan, String> {
        let (wan, command) = command::prefix(&said, &self.settings)?;
        self.send(wan, command).await
    }

    /// Ends the service, which puts back everything that it changed. Returns at once.
    pub fn end(&self) {
        // Who is not there any more is ending.
        let _ = self.down.send(());
    }

    async fn send(&self, wan: WanId, command: Command) -> Result<Wan, String> {
        let (done, is_done) = oneshot::channel();
        let stops = || "flowpin is stopping".to_owned();
        self.commands.send(OperatorCommand { wan, command, done }).map_err(|_| stops())?;
        is_done.await.map_err(|_| stops())??;
        let name = self.settings.wans.get(wan).map(|wan| wan.name.as_str());
        self.status().wans.into_iter().find(|it| Some(it.name.as_str()) == name).ok_or_else(stops)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_order_that_cannot_be_is_refused_in_one_sentence() {
        let sources = sample::sources(1);
        let refusal = async |wan: &str, verb: &str, reason: &str| {
            let order = WanCommand { wan: wan.into(), verb: verb.into(), reason: Some(reason.into()) };
            sources.treat(order).await.unwrap_err()
        };
        assert_eq!(refusal("fibre", "down", "").await, "no WAN is named \"fibre\": did you mean \"fiber\"?");
        assert_eq!(refusal("lte", "down", "").await, "no WAN is named \"lte\": there is fiber, cable");
        assert_eq!(refusal("fiber", "drained", "").await, "\"drained\" is none of auto, drain, down, up");
        let one_line = "a reason is one line of at most 200 letters";
        assert_eq!(refusal("fiber", "down", "two\nlines").await, one_line);
        assert_eq!(refusal("fiber", "down", &"x".repeat(201)).await, one_line);
        assert_eq!(refusal("fiber", "down", "why not").await, "flowpin is stopping", "nobody listens");
    }
}
