//! One flowpin per control socket: a locked file beside it that ends with the process, however that ends.
//! Must never know: what the service does.

use super::plan::beside;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The lock, held until dropped; the file goes with it.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    _file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Still locked here: nobody else can be using this file, and `acquire` notices when it lost the race.
        let _ = fs::remove_file(&self.path);
    }
}

/// Takes `<socket>.lock`, making its directory if need be, and writes the process id into it.
///
/// # Errors
/// A sentence: which process holds it and what to do, or why the file cannot be made.
pub fn acquire(socket: &Path) -> Result<Lock, String> {
    let path = beside(socket, "lock");
    match try_acquire(&path) {
        Ok(Attempt::Locked(lock)) => Ok(lock),
        Ok(Attempt::Held(pid)) => Err(format!(
            "flowpin is already running here (process {pid}, lock {}): stop it first, or give this one another control \
             socket and TUN",
            path.display()
        )),
        Err(error) => Err(format!("cannot take the lock file {}: {error}", path.display())),
    }
}

enum Attempt {
    Locked(Lock),
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
            return Ok(Attempt::Locked(Lock { path: path.to_owned(), _file: file }));
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
        let first = acquire(&socket).unwrap();
        let refused = acquire(&socket).unwrap_err();
        let said = format!("flowpin is already running here (process {}, lock ", std::process::id());
        assert!(refused.starts_with(&said), "{refused}");
        drop(first);
        assert!(!directory.join("control.sock.lock").exists());
        drop(acquire(&socket).unwrap());
        fs::remove_dir(directory).unwrap();
    }
}
