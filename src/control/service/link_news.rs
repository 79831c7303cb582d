//! Brings the kernel's news of links to the control loop, and subscribes anew whenever the subscription ended.
//! Must never know: what is done about news.

use crate::config::settings::Settings;
use crate::control::links::{self, Changes, News};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::Sender;

/// How long after a failure it is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// News that may wait for the control loop; what is more waits in the kernel.
pub const WAITING: usize = 64;

/// Brings news until nobody wants any.
pub async fn forward(mut changes: Changes, settings: Arc<Settings>, news: Sender<News>) {
    loop {
        while let Ok(what) = changes.next().await {
            if news.send(what).await.is_err() {
                return;
            }
        }
        changes = loop {
            tokio::time::sleep(RETRY).await;
            match links::watch(&settings.downstream.prefixes) {
                Ok(changes) => break changes,
                Err(sentence) => tracing::warn!("{sentence}"),
            }
        };
        // Anything may have happened meanwhile.
        if news.send(News::Changed).await.is_err() {
            return;
        }
    }
}
