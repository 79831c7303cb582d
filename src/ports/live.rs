//! What a worker needs of a port beyond frames: to wait for it, and to learn that it is broken. The packet socket, the
//! TUN, memory and the decorators (`record`, `faulty`) are all such ports, and a worker cannot tell them apart.
//! Must never know: which kind a port is, why it is wrapped.

use super::batch::{Receive, Transmit};
use std::io;
use std::os::fd::AsFd;

/// The receiving half of a live port. Its descriptor is readable while a frame or a fault waits.
pub trait LiveReceive: Receive + AsFd {
    /// Fetches a fault that waits. To be called when `poll` reports one, and about once a second: not every fault is
    /// reported for long. A link that is only down is no fault, it can come up again.
    ///
    /// # Errors
    /// The port is gone or broken.
    fn check(&mut self) -> io::Result<()>;

    /// Adds what the kernel has dropped since the last call to the port's meter. To be called about once a second.
    fn count_losses(&mut self);
}

impl<P: LiveReceive + ?Sized> LiveReceive for Box<P> {
    fn check(&mut self) -> io::Result<()> {
        (**self).check()
    }

    fn count_losses(&mut self) {
        (**self).count_losses();
    }
}

/// A live port: what a worker is given for one end of the router. The halves are apart, for a batch borrows the memory
/// of the half that received it until its frames have been sent, some of them perhaps by the same port.
pub struct LivePort {
    /// Where frames come from. One virtual call a batch.
    pub receive: Box<dyn LiveReceive + Send>,
    /// Where frames go to. One virtual call a batch.
    pub transmit: Box<dyn Transmit + Send>,
}

impl LivePort {
    /// The port of these halves.
    #[must_use]
    pub fn new(receive: impl LiveReceive + Send + 'static, transmit: impl Transmit + Send + 'static) -> Self {
        Self { receive: Box::new(receive), transmit: Box::new(transmit) }
    }
}
