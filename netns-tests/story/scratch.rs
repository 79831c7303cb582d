//! A directory in which `flowpin replay` runs, and what it said. Must never know: what is replayed.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU64, Ordering};

/// A directory of one test's own, gone with it.
pub struct Scratch {
    pub path: PathBuf,
    config: PathBuf,
}

impl Scratch {
    /// One whose replays have the configuration of the captures.
    pub fn new(name: &str) -> Self {
        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("netns-tests/captures/two-wans.toml");
        Self { path: directory(name), config }
    }

    /// One whose replays have this configuration.
    pub fn with_config(name: &str, config: &str) -> Self {
        let path = directory(name);
        let file = path.join("flowpin.toml");
        std::fs::write(&file, config).unwrap();
        Self { path, config: file }
    }

    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path.join(name)).unwrap()
    }

    /// The files here, sorted.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.path).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// `flowpin replay` in this directory.
    pub fn replay(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowpin"));
        command.current_dir(&self.path).arg("replay").arg("--config").arg(&self.config).args(args).output().unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// A new one, whatever the name and however many tests use it at once.
fn directory(name: &str) -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let name: String = name.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("flowpin-replay-{name}-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&path).unwrap();
    path
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

pub fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}
