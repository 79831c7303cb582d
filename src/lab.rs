//! The lab: a firewall, a router, three ISPs and an Internet host as network namespaces of this machine, for `flowpin lab`,
//! the tests and the benches. Everything it makes carries the process id in its name and goes away with the [`Lab`].
//! Must never know: how flowpin works; it starts the service as a program and asks it over its control socket.
//!
//! ```text
//!        fw                     rt                                   ispa                    inet
//!  10.250.250.2-6/29 lan0 - lan0 10.250.250.1/29                customer  uplink - ispa
//!  fd00:bad:b01:1::100           fe80::1         wan0 --------- 192.0.2.198/29           203.0.113.10
//!  fd00:bad:b01:fe::2                            fe80::a2       fe80::a1                 2001:db8:ffff::10
//!  fe80::2                                                           ispb
//!                                                wan1 --------- customer  uplink - ispb
//!                                                198.18.2.2/30  198.18.2.1/30
//!                                                fe80::b2       fe80::b1
//! ```
//! ISP a has the block 192.0.2.192/29 on its link (it asks ARP for every address, and the router's link has none of its
//! own); ISP b routes 198.51.100.240/29 to 198.18.2.2. Both route a /60 to the router's link-local address. The line to
//! ISP c (wwan0, block 203.0.113.240/29, gateway 203.0.113.246) is not there until it is plugged in.

mod build;
mod counters;
mod cut;
mod namespace;
mod options;
mod service;
mod settings;
pub mod topology;
pub mod traffic;
pub mod wire;

pub use counters::Counters;
pub use namespace::Namespace;
pub use options::{Npt, Options};
pub use service::Service;

use std::fmt::Display;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// The whole network. Dropping it deletes the namespaces, with all links in them, and the directory.
#[derive(Debug)]
pub struct Lab {
    /// The firewall: where inside hosts are.
    pub fw: Namespace,
    /// The router: where flowpin runs.
    pub rt: Namespace,
    /// The ISP that has the router's block on its link.
    pub ispa: Namespace,
    /// The ISP that routes the router's block.
    pub ispb: Namespace,
    /// The ISP whose line is plugged in.
    pub ispc: Namespace,
    /// The Internet's only host.
    pub inet: Namespace,
    directory: Directory,
    options: Options,
}

impl Lab {
    /// Builds the network.
    ///
    /// # Errors
    /// Not root, or the kernel refuses something; what was built by then is deleted.
    pub fn build(options: Options) -> io::Result<Self> {
        if !nix::unistd::geteuid().is_root() {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "the lab makes network namespaces: run it as root",
            ));
        }
        let prefix = unique();
        let namespace = |role: &str| Namespace::create(&format!("{prefix}-{role}"));
        let lab = Self {
            fw: namespace("fw")?,
            rt: namespace("rt")?,
            ispa: namespace("ispa")?,
            ispb: namespace("ispb")?,
            ispc: namespace("ispc")?,
            inet: namespace("inet")?,
            directory: Directory::create(&prefix)?,
            options,
        };
        build::build(&lab)?;
        Ok(lab)
    }

    /// What it was built from.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// A directory of its own for the configuration, the control socket and whatever a test writes.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory.0
    }

    /// The control socket of the service.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.directory().join("control.sock")
    }

    /// The namespaces with their roles: `fw`, `rt`, `ispa`, `ispb`, `ispc`, `inet`.
    #[must_use]
    pub fn namespaces(&self) -> [(&'static str, &Namespace); 6] {
        let Self { fw, rt, ispa, ispb, ispc, inet, .. } = self;
        [("fw", fw), ("rt", rt), ("ispa", ispa), ("ispb", ispb), ("ispc", ispc), ("inet", inet)]
    }

    /// The configuration of flowpin for this network.
    #[must_use]
    pub fn config(&self) -> String {
        settings::toml(&self.options, &self.socket())
    }

    /// Starts `flowpin run` in the router and waits until it is ready.
    ///
    /// # Errors
    /// It cannot be started, ends, or is not ready in time; the error carries what it logged.
    pub fn start_flowpin(&self, binary: &Path) -> io::Result<Service> {
        self.start_flowpin_with(binary, &self.config())
    }

    /// Like [`Lab::start_flowpin`] with a configuration of one's own.
    ///
    /// # Errors
    /// See there.
    pub fn start_flowpin_with(&self, binary: &Path, config: &str) -> io::Result<Service> {
        let file = self.directory().join("flowpin.toml");
        fs::write(&file, config)?;
        Service::start(&self.rt, binary, &file, self.socket())
    }
}

/// A directory under the system's temporary one, readable by its owner alone.
#[derive(Debug)]
struct Directory(PathBuf);

impl Directory {
    fn create(prefix: &str) -> io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        let path = std::env::temp_dir().join(format!("flowpin-lab-{prefix}"));
        let made = fs::DirBuilder::new().mode(0o700).create(&path);
        made.map_err(fault(format_args!("cannot make the directory {}", path.display())))?;
        Ok(Self(path))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// `fp` and the process id, and a number from the second lab of a process on.
fn unique() -> String {
    static LABS: AtomicU32 = AtomicU32::new(0);
    match (std::process::id(), LABS.fetch_add(1, Ordering::Relaxed)) {
        (pid, 0) => format!("fp{pid}"),
        (pid, lab) => format!("fp{pid}-{lab}"),
    }
}

/// Says what was tried in front of why it failed.
fn fault(what: impl Display) -> impl FnOnce(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{what}: {error}"))
}
