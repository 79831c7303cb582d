//! What the machine was like before flowpin: a file that survives a crash, so that the next stop restores the original.
//! Must never know: which switches there are and why.

use super::plan::beside;
use super::sysctl::{self, Switch};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The switches that flowpin has changed, and the file that remembers them.
pub(super) struct Saved {
    path: PathBuf,
    record: Record,
}

#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    /// The kernel's boot id: after a reboot nothing of this holds.
    boot: String,
    /// The TUN of that run, which names its shield.
    tun: String,
    /// In the order they were written.
    values: Vec<Value>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Value {
    path: String,
    old: String,
    new: String,
}

impl Saved {
    /// What an earlier run that never stopped has left; empty if there is none or the machine has been restarted since.
    ///
    /// # Errors
    /// A sentence, when the file cannot be read or is damaged.
    pub fn load(path: &Path) -> Result<Self, String> {
        let boot = boot_id();
        let mut record = match fs::read(path) {
            Ok(bytes) => serde_json::from_slice::<Record>(&bytes).map_err(|e| {
                format!(
                    "the state file {} is damaged ({e}): check the sysctls of this machine, then delete it",
                    path.display()
                )
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Record::default(),
            Err(error) => return Err(format!("cannot read the state file {}: {error}", path.display())),
        };
        if record.boot != boot {
            record = Record { boot, ..Record::default() };
        }
        Ok(Self { path: path.to_owned(), record })
    }

    /// The TUN of the run that left this behind.
    pub fn left_by(&self) -> Option<&str> {
        Some(self.record.tun.as_str()).filter(|tun| !tun.is_empty())
    }

    /// The value that a switch would have without flowpin: what it has now, unless flowpin set it. A link that came since
    /// has what `default` had then, so that it is the original of `default` which it would have.
    pub fn original(&self, path: &str) -> Option<String> {
        let now = sysctl::read(path)?;
        let ours = self.recorded(path).or_else(|| self.recorded(&of_default(path)?));
        Some(ours.filter(|value| value.new == now).map_or(now, |value| value.old.clone()))
    }

    fn recorded(&self, path: &str) -> Option<&Value> {
        self.record.values.iter().find(|value| value.path == path)
    }

    /// Remembers the originals of `switches` on disk, then sets them. What an earlier run had set and this one does not
    /// want is put back first. In words, what somebody else had changed and is as flowpin needs it again.
    ///
    /// # Errors
    /// A sentence for the first switch that could not be set; what was set until then is remembered.
    pub fn set(&mut self, tun: &str, switches: Vec<Switch>) -> Result<Vec<String>, String> {
        let values: Vec<Value> = switches
            .into_iter()
            .filter_map(|(path, new)| Some(Value { old: self.original(&path)?, path, new }))
            .collect();
        let before = self.record.clone();
        let was_ours =
            |value: &Value| before.values.iter().any(|old| (&old.path, &old.new) == (&value.path, &value.new));
        let mut mended = Vec::new();
        let unwanted: Vec<Value> =
            self.record.values.iter().filter(|old| values.iter().all(|v| v.path != old.path)).cloned().collect();
        let kept = unwanted.iter().chain(&values).cloned().collect();
        self.record = Record { values: kept, tun: tun.to_owned(), ..self.record.clone() };
        if self.record != before || !self.path.exists() {
            self.store()?;
        }
        if !unwanted.is_empty() {
            restore(&unwanted)?;
            self.record.values = values;
            self.store()?;
        }
        for value in &self.record.values {
            let Some(now) = sysctl::read(&value.path).filter(|now| *now != value.new) else { continue };
            put(&value.path, &value.new)?;
            if was_ours(value) {
                mended.push(format!("{} was {now}", value.path.replace('/', ".")));
            }
        }
        Ok(mended)
    }

    /// Puts the originals back and removes the file. What somebody else has changed meanwhile is left alone. How many
    /// were put back.
    ///
    /// # Errors
    /// A sentence; the file stays then.
    pub fn restore(self) -> Result<usize, String> {
        let restored = restore(&self.record.values)?;
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(format!("cannot remove the state file {}: {error}", self.path.display()))
            }
            _ => Ok(restored),
        }
    }

    /// Complete on disk before it takes the old one's place.
    fn store(&self) -> Result<(), String> {
        let store = || -> io::Result<()> {
            let directory = self.path.parent().unwrap_or(Path::new("/"));
            fs::create_dir_all(directory)?;
            let fresh = beside(&self.path, "new");
            let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
            file.write_all(&serde_json::to_vec_pretty(&self.record)?)?;
            file.sync_all()?;
            fs::rename(&fresh, &self.path)?;
            File::open(directory)?.sync_all()
        };
        store().map_err(|e| format!("cannot write the state file {}: {e}", self.path.display()))
    }
}

/// The path of the same switch for links to come; `None` for what is no switch of one link.
fn of_default(path: &str) -> Option<String> {
    let (head, link, switch) = match path.splitn(5, '/').collect::<Vec<_>>()[..] {
        [net, family, "conf", link, switch] => (format!("{net}/{family}/conf"), link, switch),
        _ => return None,
    };
    (!["all", "default"].contains(&link)).then(|| format!("{head}/default/{switch}"))
}

/// Decides for all switches before it writes the first: one switch may drag others along. How many were put back.
fn restore(values: &[Value]) -> Result<usize, String> {
    let is_ours = |value: &&Value| value.path.starts_with("net/") && !value.path.contains("..");
    let still = |value: &&Value| sysctl::read(&value.path).as_ref() == Some(&value.new);
    let due: Vec<&Value> = values.iter().filter(is_ours).filter(still).filter(|value| value.old != value.new).collect();
    for value in due.iter().rev() {
        if sysctl::read(&value.path).is_some_and(|now| now != value.old) {
            put(&value.path, &value.old)?;
        }
    }
    Ok(due.len())
}

fn put(path: &str, value: &str) -> Result<(), String> {
    match sysctl::write(path, value) {
        // A link that has gone took its switches along.
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(format!("cannot set {} to {value}: {error}", path.replace('/', ".")))
        }
        _ => Ok(()),
    }
}

fn boot_id() -> String {
    sysctl::read("kernel/random/boot_id").unwrap_or_default()
}
