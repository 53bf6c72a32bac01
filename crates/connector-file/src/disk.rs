//! The seam through which the sink changes the disk, so that tests can cut the power between any two changes.

use std::fmt::Debug;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

#[cfg(test)]
pub(crate) mod unreliable;

/// Everything the sink does to a disk. Paths go with handles for messages and for the simulation.
///
/// What survives a crash of the machine: content after `sync`, names after `sync_dir` of their directory; before
/// that, any subset of the changes. `link` and `rename` are atomic (POSIX `link(2)`, `rename(2)`).
pub(crate) trait Disk: Debug + Send + Sync {
    /// Creates a directory; the parent exists. Existing is fine.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Creates a file for writing that must not exist.
    fn create(&self, path: &Path) -> io::Result<File>;
    /// Writes at an offset.
    fn write(&self, file: &File, path: &Path, bytes: &[u8], at: u64) -> io::Result<()>;
    /// Cuts a file.
    fn truncate(&self, file: &File, path: &Path, length: u64) -> io::Result<()>;
    /// Makes content durable.
    fn sync(&self, file: &File, path: &Path) -> io::Result<()>;
    /// Gives a file a second name that must not exist.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Renames over an existing name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a name.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
}

/// The operating system's disk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemDisk;

impl Disk for SystemDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        match fs::create_dir(path) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            other => other,
        }
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        File::options().read(true).write(true).create_new(true).open(path)
    }

    fn write(&self, file: &File, _path: &Path, bytes: &[u8], at: u64) -> io::Result<()> {
        file.write_all_at(bytes, at)
    }

    fn truncate(&self, file: &File, _path: &Path, length: u64) -> io::Result<()> {
        file.set_len(length)
    }

    fn sync(&self, file: &File, _path: &Path) -> io::Result<()> {
        // Includes the size, which reading needs (fdatasync(2)).
        file.sync_data()
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
}
