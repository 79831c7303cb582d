//! The directory of the control socket and its lock, made if need be. Must never know: what lies in it.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Takes the directory away when dropped, if it was made here and is empty by then.
#[derive(Debug)]
pub struct Directory {
    made: Option<PathBuf>,
}

impl Directory {
    /// Makes `path` unless it exists.
    ///
    /// # Errors
    /// One sentence.
    pub fn make(path: &Path) -> Result<Self, String> {
        if path.is_dir() {
            return Ok(Self { made: None });
        }
        let made = DirBuilder::new().mode(0o755).recursive(true).create(path);
        made.map_err(|error| format!("cannot make the directory {} for the control socket: {error}", path.display()))?;
        Ok(Self { made: Some(path.to_owned()) })
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if let Some(made) = &self.made {
            // Not empty: somebody else uses it as well, then it stays.
            let _ = fs::remove_dir(made);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_directory_made_here_goes_away() {
        let base = std::env::temp_dir().join(format!("flowpin-directory-{}", std::process::id()));
        let outer = Directory::make(&base).unwrap();
        let inner = base.join("run");
        drop(Directory::make(&inner).unwrap());
        assert!(!inner.exists());
        drop(Directory::make(&base).unwrap());
        assert!(base.exists());
        drop(outer);
        assert!(!base.exists());
    }
}
