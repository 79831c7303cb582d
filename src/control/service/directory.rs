//! The directory of the control socket and its lock, made if need be. Must never know: what lies in it.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

const WRITABLE_BY_ALL: u32 = 0o002;

/// Takes the directory away when dropped, if it was made here and is empty by then.
#[derive(Debug)]
pub struct Directory {
    made: Option<PathBuf>,
}

impl Directory {
    /// Makes `path` unless it exists.
    ///
    /// # Errors
    /// One sentence: it cannot be made, or everybody may write into it.
    pub fn make(path: &Path) -> Result<Self, String> {
        if path.is_dir() {
            let metadata = fs::metadata(path).map_err(|error| {
                format!("cannot look at the directory {} of the control socket: {error}", path.display())
            })?;
            if metadata.mode() & WRITABLE_BY_ALL != 0 {
                return Err(format!(
                    "everybody may write into the directory {} of the control socket, so anybody could put files in \
                     flowpin's place: choose another in [control] socket, such as /run/flowpin/control.sock",
                    path.display()
                ));
            }
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

    #[test]
    fn a_directory_that_everybody_may_write_into_is_refused() {
        let path = std::env::temp_dir().join(format!("flowpin-open-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o1777)).unwrap();
        let refused = Directory::make(&path).unwrap_err();
        assert!(refused.starts_with("everybody may write into the directory /"), "{refused}");
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o775)).unwrap();
        assert!(Directory::make(&path).is_ok());
        fs::remove_dir(&path).unwrap();
    }
}
