//! Brings what was done to the kernel side to the control loop, and subscribes anew whenever the subscription ended.
//! Must never know: what is done about it.

use crate::control::kernel::{Touched, Watch};
use std::time::Duration;
use tokio::sync::mpsc::Sender;

/// How long after a failure it is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// What may wait for the control loop; what is more waits in the kernel.
pub const WAITING: usize = 64;

/// Brings what the watch of `tun` and `port` tells until nobody wants any.
pub async fn forward(mut watch: Watch, tun: String, port: u32, touches: Sender<Touched>) {
    loop {
        while let Ok(what) = watch.next().await {
            if touches.send(what).await.is_err() {
                return;
            }
        }
        watch = loop {
            tokio::time::sleep(RETRY).await;
            match Watch::start(&tun, port) {
                Ok(watch) => break watch,
                Err(sentence) => tracing::warn!("{sentence}"),
            }
        };
        // Anything may have happened meanwhile; who looks at the rules looks at the tables soon, too.
        if touches.send(Touched::Forwarding).await.is_err() {
            return;
        }
    }
}
