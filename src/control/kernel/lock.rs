//! One flowpin per control socket and per network namespace. Of the first speaks a locked file beside the socket, of the
//! second an nftables table that nobody else can take; both end with the process, however that ends.
//! Must never know: what the service does.

use super::nft::batch::{Batch, Netfilter};
use super::nft::{Attributes, CREATE, EXCLUSIVE, Family, Message, OWNER};
use super::plan::beside;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Both locks, held until dropped; file and table go with them.
pub struct Lock {
    _file: FileLock,
    _table: Netfilter,
}

/// The lock of a control socket.
#[derive(Debug)]
struct FileLock {
    path: PathBuf,
    _file: File,
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Still locked here: nobody else can be using this file, and `acquire` notices when it lost the race.
        let _ = fs::remove_file(&self.path);
    }
}

/// Takes `<socket>.lock`, making its directory if need be, and writes the process id into it; then the network namespace.
///
/// # Errors
/// A sentence: which process holds it and what to do, or why a lock cannot be made.
pub fn acquire(socket: &Path) -> Result<Lock, String> {
    Ok(Lock { _file: acquire_file(socket)?, _table: acquire_namespace()? })
}

/// Name of the table that is the lock of a network namespace. It is of the family inet, empty, and its socket's alone
/// (`NFT_TABLE_F_OWNER`, Linux 5.12): only who may change the namespace can make it, and no `flush ruleset` takes it.
const TABLE: &str = "flowpin";

fn acquire_namespace() -> Result<Netfilter, String> {
    let cannot = |error: io::Error| format!("cannot take this network namespace (nftables table \"{TABLE}\"): {error}");
    let mut netfilter = Netfilter::open().map_err(cannot)?;
    let mut batch = Batch::new(Family::Inet);
    batch.add(Message::NewTable, CREATE | EXCLUSIVE, Attributes::new().string(1, TABLE).number(2, OWNER));
    let Err(refused) = netfilter.commit(&batch) else { return Ok(netfilter) };
    if !matches!(refused.error.raw_os_error(), Some(libc::EPERM | libc::EEXIST)) {
        return Err(cannot(refused.error));
    }
    let tables = netfilter.tables().map_err(cannot)?;
    let table = tables.into_iter().find(|table| table.family == Family::Inet as u8 && table.name == TABLE);
    match table.map(|table| table.owner) {
        // The number of a process's first netlink socket is its own.
        Some(Some(owner)) => Err(format!(
            "flowpin runs already in this network namespace (process {owner}), and there is room for one: stop it first"
        )),
        Some(None) => Err(format!(
            "the nftables table \"{TABLE}\" of this machine is not flowpin's and has the name that flowpin needs: rename it"
        )),
        None => Err(cannot(refused.error)),
    }
}

/// The file that is locked while a service with this control socket runs, and goes with it.
#[must_use]
pub fn lock_file(socket: &Path) -> PathBuf {
    beside(socket, "lock")
}

fn acquire_file(socket: &Path) -> Result<FileLock, String> {
    let path = lock_file(socket);
    match try_acquire(&path) {
        Ok(Attempt::Locked(lock)) => Ok(lock),
        Ok(Attempt::Held(pid)) => Err(format!(
            "flowpin is already running here (process {pid}, lock {}): stop it first, or give this one another control \
             socket and a network namespace of its own",
            path.display()
        )),
        Err(error) => Err(format!("cannot take the lock file {}: {error}", path.display())),
    }
}

enum Attempt {
    Locked(FileLock),
    Held(String),
}

/// Another process may remove the file between our open and our lock: then the lock is worth nothing, try again.
const RACES: usize = 16;

fn try_acquire(path: &Path) -> io::Result<Attempt> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    for _ in 0..RACES {
        let mut file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Attempt::Held(holder(&mut file))),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        if is_still(path, &file)? {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())?;
            return Ok(Attempt::Locked(FileLock { path: path.to_owned(), _file: file }));
        }
    }
    Err(io::Error::other("others keep taking and leaving it"))
}

fn holder(file: &mut File) -> String {
    let mut pid = String::new();
    let read = file.take(20).read_to_string(&mut pid);
    if read.is_ok() && !pid.trim().is_empty() { pid.trim().to_owned() } else { String::from("unknown") }
}

fn is_still(path: &Path, file: &File) -> io::Result<bool> {
    let ours = file.metadata()?;
    match fs::metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_instance_is_told_who_holds_the_lock() {
        let directory = std::env::temp_dir().join(format!("flowpin-lock-{}", std::process::id()));
        let socket = directory.join("control.sock");
        let first = acquire_file(&socket).unwrap();
        let refused = acquire_file(&socket).unwrap_err();
        let said = format!("flowpin is already running here (process {}, lock ", std::process::id());
        assert!(refused.starts_with(&said), "{refused}");
        drop(first);
        assert!(!directory.join("control.sock.lock").exists());
        drop(acquire_file(&socket).unwrap());
        fs::remove_dir(directory).unwrap();
    }
}
