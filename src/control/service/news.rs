//! Brings what the kernel says, of its links and of the kernel side, to the control loop, and subscribes anew whenever a
//! subscription ended. Must never know: what is done about news.

use crate::control::kernel::{Touched, Watch};
use crate::control::links::{Changes, News};
use std::time::Duration;
use tokio::sync::mpsc::Sender;

/// How long after a failure it is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// News that may wait for the control loop; what is more waits in the kernel.
pub const WAITING: usize = 64;

/// A subscription.
pub trait Source: Sized + Send {
    /// What it tells.
    type News: Send;
    /// What is told where anything may have happened.
    const ANYTHING: Self::News;

    /// Waits for news; a sentence, when the subscription ended.
    fn next(&mut self) -> impl Future<Output = Result<Self::News, String>> + Send;
}

impl Source for Changes {
    type News = News;
    const ANYTHING: News = News::Changed;

    fn next(&mut self) -> impl Future<Output = Result<News, String>> + Send {
        Self::next(self)
    }
}

impl Source for Watch {
    type News = Touched;
    /// Who looks at the rules looks at the tables soon, too.
    const ANYTHING: Touched = Touched::Forwarding;

    fn next(&mut self) -> impl Future<Output = Result<Touched, String>> + Send {
        Self::next(self)
    }
}

/// Brings news until nobody wants any. `subscribe` makes a new source in place of one that ended.
pub async fn forward<S: Source>(
    mut source: S,
    subscribe: impl Fn() -> Result<S, String> + Send,
    news: Sender<S::News>,
) {
    loop {
        while let Ok(what) = source.next().await {
            if news.send(what).await.is_err() {
                return;
            }
        }
        source = loop {
            tokio::time::sleep(RETRY).await;
            match subscribe() {
                Ok(source) => break source,
                Err(sentence) => tracing::warn!("{sentence}"),
            }
        };
        if news.send(S::ANYTHING).await.is_err() {
            return;
        }
    }
}
