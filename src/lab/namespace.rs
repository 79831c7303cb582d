//! One network namespace under a name, as `ip netns` keeps them: made, entered by threads, deleted on drop.
//! A process has as many network namespaces as it has threads that entered one, so everything here happens on a thread
//! of its own and no caller's thread ever changes its place. Must never know: what the namespace is for.

use super::fault::fault;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::sync::Arc;
use std::thread::JoinHandle;

/// Where iproute2 keeps the names (`ip-netns(8)`).
const NAMES: &str = "/run/netns";

/// A network namespace that this process made.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    path: PathBuf,
    handle: Arc<File>,
}

impl Namespace {
    /// Makes an empty namespace (its loopback is down) and gives it a name for `ip netns exec`.
    ///
    /// # Errors
    /// No right to do so, or the name is taken.
    pub fn create(name: &str) -> io::Result<Self> {
        let path = Path::new(NAMES).join(name);
        prepare_names().map_err(fault(format_args!("cannot prepare {NAMES}")))?;
        File::create_new(&path).map_err(fault(format_args!("cannot name a namespace {}", path.display())))?;
        let made = on_a_thread(|| {
            unshare(CloneFlags::CLONE_NEWNET)?;
            let own = Path::new("/proc/thread-self/ns/net");
            mount(Some(own), &path, None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
            File::open(own)
        });
        match made.flatten() {
            Ok(handle) => Ok(Self { name: name.to_owned(), path, handle: Arc::new(handle) }),
            Err(error) => {
                let _ = umount2(&path, MntFlags::MNT_DETACH);
                let _ = fs::remove_file(&path);
                Err(fault(format_args!("cannot make the network namespace {name}"))(error))
            }
        }
    }

    /// Its name for `ip netns exec`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The namespace itself, to move links into it.
    #[must_use]
    pub fn handle(&self) -> &File {
        &self.handle
    }

    /// Runs `work` on a thread inside the namespace and waits for it. A panic in `work` goes on in the caller.
    ///
    /// # Errors
    /// The namespace cannot be entered.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> io::Result<T> {
        on_a_thread(|| {
            setns(self.handle.as_ref(), CloneFlags::CLONE_NEWNET)?;
            Ok(work())
        })
        .flatten()
    }

    /// Starts a thread inside the namespace that runs `work`.
    ///
    /// # Errors
    /// No thread can be started. If the namespace cannot be entered, that is the result of the thread.
    pub fn thread<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<JoinHandle<io::Result<T>>> {
        let handle = Arc::clone(&self.handle);
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            setns(handle.as_ref(), CloneFlags::CLONE_NEWNET)?;
            Ok(work())
        })
    }

    /// Starts a program inside the namespace: a child is born where its parent thread is.
    ///
    /// # Errors
    /// The namespace cannot be entered or the program not be started.
    pub fn spawn(&self, command: &mut Command) -> io::Result<Child> {
        self.run(|| command.spawn()).flatten()
    }

    /// Runs a program inside the namespace to its end, with its output.
    ///
    /// # Errors
    /// The namespace cannot be entered or the program not be started.
    pub fn output(&self, command: &mut Command) -> io::Result<Output> {
        self.run(|| command.output()).flatten()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = umount2(&self.path, MntFlags::MNT_DETACH);
        let _ = fs::remove_file(&self.path);
    }
}

fn on_a_thread<T: Send>(work: impl FnOnce() -> T + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().spawn_scoped(scope, work)?;
        Ok(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// Makes the directory a shared mount as iproute2 does, so that names made here are seen and can be deleted everywhere.
/// The lock is iproute2's own: two mounts on top of each other would hide the names of the first.
fn prepare_names() -> io::Result<()> {
    fs::create_dir_all(NAMES)?;
    let lock = File::open(NAMES)?;
    lock.lock()?;
    let share = || mount(None::<&str>, NAMES, None::<&str>, MsFlags::MS_SHARED | MsFlags::MS_REC, None::<&str>);
    if share().is_err() {
        mount(Some(NAMES), NAMES, None::<&str>, MsFlags::MS_BIND | MsFlags::MS_REC, None::<&str>)?;
        share()?;
    }
    Ok(())
}
