//! One owner of an output directory at a time, on one host.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;

use crate::layout::Directory;
use crate::{Error, Result};

/// The held lock; the operating system frees it with the process, however that ends.
///
/// An advisory whole-file lock (`flock`), not inherited by children. Keeps a second process of this program away,
/// which is liveness and a clear message; safety does not rest on it but on the epochs of the manifests.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    /// Held, never read.
    _file: File,
}

impl DirectoryLock {
    /// Takes the lock; the state directory exists.
    ///
    /// # Errors
    /// `Locked` where it is held, with the process id that its owner wrote; `Write`.
    pub(crate) fn acquire(dir: &Directory) -> Result<Self> {
        let path = dir.lock();
        let failed = |action| {
            let path = path.clone();
            move |source| Error::Write { action, path, source }
        };
        loop {
            let mut options = File::options();
            // Not truncated: until the lock is ours the content is the owner's.
            let mut file = options
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)
                .map_err(failed("open"))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let pid = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok());
                    return Err(Error::Locked { dir: dir.path().to_owned(), pid });
                }
                Err(TryLockError::Error(source)) => return Err(failed("lock")(source)),
            }
            // A lock on a file that was deleted or replaced meanwhile keeps nobody out.
            let held = file.metadata().map_err(failed("inspect"))?;
            match fs::metadata(&path) {
                Ok(there) if (there.dev(), there.ino()) == (held.dev(), held.ino()) => {}
                Ok(_) => continue,
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                Err(source) => return Err(failed("inspect")(source)),
            }
            // The process id is for people only: a full disk must not keep the owner out.
            let written = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
            drop(written);
            return Ok(Self { _file: file });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn prepared(root: &Path) -> Directory {
        let dir = Directory::new(root);
        fs::create_dir(dir.state()).unwrap();
        dir
    }

    #[test]
    fn second_owner_is_refused_with_the_first_ones_pid_until_it_lets_go() {
        let root = tempfile::tempdir().unwrap();
        let dir = prepared(root.path());
        let first = DirectoryLock::acquire(&dir).unwrap();
        let refused = DirectoryLock::acquire(&dir).unwrap_err();
        assert!(
            matches!(refused, Error::Locked { pid: Some(pid), .. } if pid == std::process::id()),
            "{refused}"
        );
        drop(first);
        DirectoryLock::acquire(&dir).unwrap();
    }

    #[test]
    fn content_of_an_old_lock_file_does_not_matter() {
        let root = tempfile::tempdir().unwrap();
        let dir = prepared(root.path());
        fs::write(dir.lock(), "4194304999 and more text than a pid").unwrap();
        let held = DirectoryLock::acquire(&dir).unwrap();
        assert_eq!(fs::read_to_string(dir.lock()).unwrap(), format!("{}\n", std::process::id()));
        drop(held);
    }
}
