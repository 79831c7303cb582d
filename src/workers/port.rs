//! The ports of one worker: a queue of the TUN and a port on each WAN link that is there.
//! Must never know: what comes through a port, why a link came or went.

use super::meters::Meters;
use crate::ports::link::Link;
use crate::ports::live::LivePort;
use crate::ports::meter::Meter;
use crate::ports::packet_socket;
use crate::ports::tun::TunDevice;
use crate::types::{End, WanId};
use std::io;
use std::sync::Arc;

/// What one worker works with.
pub struct Ports {
    pub(super) inside: LivePort,
    /// By `WanId`.
    pub(super) wans: Vec<Option<LivePort>>,
    pub(super) meters: Meters,
    pub(super) shared: bool,
}

impl Ports {
    /// Opens that queue of `tun` for worker `number` (from 0); its `wans` WANs have no port yet. `workers` is how many there
    /// will be: more than one share a link's frames, each flow staying with one worker.
    ///
    /// # Errors
    /// One sentence that names the TUN.
    pub fn open(tun: &TunDevice, number: usize, workers: usize, wans: usize) -> io::Result<Self> {
        let meters = Meters::new(wans);
        let (receive, transmit) = tun.open(number, &meters.inside).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("the TUN \"{}\" was made without a queue for worker {number}", tun.name()),
            )
        })?;
        let wans = (0..wans).map(|_| None).collect();
        Ok(Self { inside: LivePort::new(receive, transmit), wans, meters, shared: workers > 1 })
    }

    /// Opens a port on the link of `wan`. For several workers it must be up before Linux 6.13.
    ///
    /// # Errors
    /// One sentence that names the link.
    pub fn attach(&mut self, wan: WanId, link: &Link) -> io::Result<()> {
        let (port, meter) = (self.wans.get_mut(wan.index()), self.meters.wans.get(wan.index()));
        let (port, meter) = port.zip(meter).ok_or(io::ErrorKind::InvalidInput)?;
        *port = Some(open_wan(link, self.shared, meter)?);
        Ok(())
    }

    /// Closes the port of `wan`.
    pub fn detach(&mut self, wan: WanId) {
        self.wans.get_mut(wan.index()).map(Option::take);
    }

    /// Ports that exist already, in place of a TUN and packet sockets.
    #[cfg(test)]
    pub(super) fn of(inside: LivePort, wans: Vec<Option<LivePort>>) -> Self {
        let meters = Meters::new(wans.len());
        Self { inside, wans, meters, shared: false }
    }

    /// Gives each port to `wrap` and takes what comes back in its place: a decorator around it.
    #[must_use]
    pub fn wrapped(mut self, mut wrap: impl FnMut(End, LivePort) -> LivePort) -> Self {
        self.inside = wrap(End::Inside, self.inside);
        let ids = (0..).map(WanId);
        self.wans = ids.zip(self.wans).map(|(wan, port)| port.map(|port| wrap(End::Wan(wan), port))).collect();
        self
    }
}

/// Opens a port on a WAN link; `shared`: with other workers, each of which gets a part of its flows.
///
/// # Errors
/// One sentence that names the link.
pub(super) fn open_wan(link: &Link, shared: bool, meter: &Arc<Meter>) -> io::Result<LivePort> {
    let group = shared.then(|| fanout_group(link.index));
    let (receive, transmit) = packet_socket::open(link, group, meter)?;
    Ok(LivePort::new(receive, transmit))
}

/// A number for the fanout group of a link that this process's workers agree on and that other programs, which count from
/// 0 or 1 or take their process id, are unlikely to use.
fn fanout_group(index: u32) -> u16 {
    (std::process::id().wrapping_mul(0x9e37).wrapping_add(index.wrapping_mul(0x85eb)) >> 4 & 0xffff) as u16
}
