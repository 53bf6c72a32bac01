//! Where the file is and how much memory it may take.

use std::path::PathBuf;

/// Settings of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The file. It is created where it does not exist; its directory is not.
    pub path: PathBuf,
    /// redb's page cache in bytes. Default 8 MiB: roots and the newest chunks, well inside a worker's 64 MB.
    pub cache_bytes: usize,
    /// Files up to this size are checked page by page when they are opened, so that damage is found before work
    /// begins. Default 256 MiB, about a second; a larger file is only checked after a crash.
    pub check_up_to_bytes: u64,
    /// Writes a little more with each commit, so that a large file opens at once after a crash. Default off: the
    /// repair reads the whole file, which for the usual few megabytes is nothing.
    pub quick_repair: bool,
}

impl Config {
    /// The defaults for this file.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            cache_bytes: 8 * 1024 * 1024,
            check_up_to_bytes: 256 * 1024 * 1024,
            quick_repair: false,
        }
    }
}
