//! The lab as one value: its namespaces, its directory, and the service in its router.
//! Must never know: who is linked to whom (build.rs), how the service is configured (settings.rs).

use super::fault::fault;
use super::namespace::Namespace;
use super::options::Options;
use super::service::Service;
use super::settings;
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
    /// Six empty namespaces and a directory.
    pub(super) fn empty(options: Options) -> io::Result<Self> {
        let prefix = unique();
        let namespace = |role: &str| Namespace::create(&format!("{prefix}-{role}"));
        Ok(Self {
            fw: namespace("fw")?,
            rt: namespace("rt")?,
            ispa: namespace("ispa")?,
            ispb: namespace("ispb")?,
            ispc: namespace("ispc")?,
            inet: namespace("inet")?,
            directory: Directory::create(&prefix)?,
            options,
        })
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
