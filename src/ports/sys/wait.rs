//! Waiting: `poll` and `eventfd`. Must never know: what is waited for.

use super::checked;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, RawFd};

/// What `poll` found at one descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Readiness {
    /// Something waits to be read.
    pub readable: bool,
    /// The other side is gone, or an error waits to be fetched.
    pub fault: bool,
}

/// A set of descriptors to wait for. They are numbers: one that was closed reads as a fault.
#[derive(Debug, Default)]
pub struct WaitSet(Vec<libc::pollfd>);

impl WaitSet {
    /// Takes one more descriptor in and returns its position; `None` keeps a position that never wakes.
    pub fn push(&mut self, fd: Option<BorrowedFd<'_>>) -> usize {
        let fd = fd.map_or(-1, |fd| fd.as_raw_fd());
        self.0.push(libc::pollfd { fd, events: libc::POLLIN, revents: 0 });
        self.0.len() - 1
    }

    /// Changes the descriptor at a position.
    pub fn set(&mut self, at: usize, fd: Option<BorrowedFd<'_>>) {
        if let Some(entry) = self.0.get_mut(at) {
            entry.fd = fd.map_or(-1, |fd| fd.as_raw_fd());
            entry.revents = 0;
        }
    }

    /// Waits until a descriptor is ready or `millis` milliseconds passed. A signal ends the wait early.
    ///
    /// # Errors
    /// The error of `poll`.
    pub fn wait(&mut self, millis: libc::c_int) -> io::Result<()> {
        // SAFETY: pointer and length describe one array of pollfd, which the call may write to.
        let ready = unsafe { libc::poll(self.0.as_mut_ptr(), self.0.len() as libc::nfds_t, millis) };
        match checked(ready) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    /// What the last `wait` found at a position.
    #[must_use]
    pub fn readiness(&self, at: usize) -> Readiness {
        let events = self.0.get(at).map_or(0, |entry| entry.revents);
        Readiness {
            readable: events & libc::POLLIN != 0,
            fault: events & (libc::POLLERR | libc::POLLHUP | libc::POLLNVAL) != 0,
        }
    }
}

/// A bell that wakes a waiting thread (`eventfd`).
#[derive(Debug)]
pub struct Bell(File);

impl Bell {
    /// A silent bell.
    ///
    /// # Errors
    /// No descriptor left.
    pub fn new() -> io::Result<Self> {
        // SAFETY: the call takes no pointer.
        let fd: RawFd = checked(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        // SAFETY: the kernel has just made this descriptor, and nothing else owns it.
        Ok(Self(unsafe { File::from_raw_fd(fd) }))
    }

    /// Rings: a thread that waits wakes. Rung again before it was silenced, it wakes the thread once.
    pub fn ring(&self) {
        // Fails only when the counter is at its end, and then the bell has been rung.
        let _ = (&self.0).write(&1u64.to_ne_bytes());
    }

    /// Silences it.
    pub fn silence(&self) {
        let _ = (&self.0).read(&mut [0; 8]);
    }
}

impl std::os::fd::AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn a_bell_wakes_until_it_is_silenced() {
        let bell = Bell::new().unwrap();
        let mut set = WaitSet::default();
        let nothing = set.push(None);
        let at = set.push(Some(bell.as_fd()));
        set.wait(0).unwrap();
        assert_eq!(set.readiness(at), Readiness::default());
        bell.ring();
        bell.ring();
        set.wait(1000).unwrap();
        assert_eq!((set.readiness(at).readable, set.readiness(nothing).readable), (true, false));
        bell.silence();
        set.wait(0).unwrap();
        assert_eq!(set.readiness(at), Readiness::default());
    }
}
