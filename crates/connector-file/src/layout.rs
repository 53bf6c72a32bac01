//! Names of everything below an output directory.
//!
//! ```text
//! out/orders.0000000001.ndjson            data of epoch 1
//! out/orders.0000000004.ndjson            data of epoch 4 (2 and 3 committed none)
//! out/.velostream/lock                    the owner's lock
//! out/.velostream/manifest.0000000004     what is committed; only the newest one counts
//! ```

use std::path::{Path, PathBuf};
use std::{fs, io};

use velostream_core::Epoch;

use crate::{Error, Result};

/// State of the sink below the output directory.
const STATE_DIR: &str = ".velostream";
const MANIFEST_PREFIX: &str = "manifest.";
const TEMPORARY_SUFFIX: &str = ".tmp";

/// Digits of an epoch in a name: so that names sort by epoch. More digits than this still work, but do not sort.
const EPOCH_DIGITS: usize = 10;

/// The directory part of a layout: all that a reader needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.0.join(STATE_DIR)
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.state().join("lock")
    }

    pub(crate) fn manifest(&self, epoch: Epoch) -> PathBuf {
        self.state().join(format!("{MANIFEST_PREFIX}{}", digits(epoch)))
    }

    pub(crate) fn temporary(&self, epoch: Epoch) -> PathBuf {
        let process = std::process::id();
        self.state().join(format!("{MANIFEST_PREFIX}{}.{process}{TEMPORARY_SUFFIX}", digits(epoch)))
    }

    /// Epochs that have a manifest, newest first; empty where the state directory does not exist.
    ///
    /// # Errors
    /// `Read`.
    pub(crate) fn epochs(&self) -> Result<Vec<Epoch>> {
        let mut epochs: Vec<Epoch> = names(&self.state())?
            .iter()
            .filter_map(|name| name.strip_prefix(MANIFEST_PREFIX).and_then(parse))
            .collect();
        epochs.sort_unstable_by(|a, b| b.cmp(a));
        Ok(epochs)
    }

    /// Temporary files that a crash left.
    ///
    /// # Errors
    /// `Read`.
    pub(crate) fn temporaries(&self) -> Result<Vec<PathBuf>> {
        let state = self.state();
        let left = |name: &String| name.starts_with(MANIFEST_PREFIX) && name.ends_with(TEMPORARY_SUFFIX);
        Ok(names(&state)?.into_iter().filter(left).map(|name| state.join(name)).collect())
    }
}

/// Directory and data file names of one sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) dir: Directory,
    name: DataName,
}

impl Layout {
    /// From the configured path, `out/orders.ndjson`.
    ///
    /// # Errors
    /// `Setting` where the path has no file name or is not UTF-8.
    pub(crate) fn new(path: &Path) -> Result<Self> {
        let wrong = |why: &str| Error::Setting { field: "path", why: format!("{path:?} {why}") };
        let name = path.file_name().ok_or_else(|| wrong("has no file name"))?;
        let name = name.to_str().ok_or_else(|| wrong("is not UTF-8"))?;
        if name.starts_with('.') {
            return Err(wrong("names a hidden file"));
        }
        let dir = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        Ok(Self { dir: Directory::new(dir), name: DataName::new(name) })
    }

    /// The configured file name.
    pub(crate) fn name(&self) -> String {
        self.name.plain()
    }

    /// Name of the data file of an epoch.
    pub(crate) fn data_name(&self, epoch: Epoch) -> String {
        self.name.of(epoch)
    }

    pub(crate) fn data(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Data files that exist, with their epochs, in the order of epochs.
    ///
    /// # Errors
    /// `Read`.
    pub(crate) fn data_files(&self) -> Result<Vec<(Epoch, String)>> {
        let mut found: Vec<(Epoch, String)> = names(self.dir.path())?
            .into_iter()
            .filter_map(|name| self.name.epoch(&name).map(|epoch| (epoch, name)))
            .collect();
        found.sort_unstable();
        Ok(found)
    }
}

/// `<stem>.<epoch>[.<extension>]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DataName {
    stem: String,
    /// With its dot, or empty.
    extension: String,
}

impl DataName {
    pub(crate) fn new(plain: &str) -> Self {
        let (stem, extension) = match plain.rsplit_once('.') {
            Some((stem, extension)) => (stem, format!(".{extension}")),
            None => (plain, String::new()),
        };
        Self { stem: stem.to_owned(), extension }
    }

    fn plain(&self) -> String {
        format!("{}{}", self.stem, self.extension)
    }

    fn of(&self, epoch: Epoch) -> String {
        format!("{}.{}{}", self.stem, digits(epoch), self.extension)
    }

    /// The epoch in the name of a data file; `None` for any other name.
    pub(crate) fn epoch(&self, name: &str) -> Option<Epoch> {
        let middle = name.strip_prefix(self.stem.as_str())?.strip_suffix(self.extension.as_str())?;
        parse(middle.strip_prefix('.')?)
    }
}

fn digits(epoch: Epoch) -> String {
    format!("{:0EPOCH_DIGITS$}", epoch.0)
}

/// Only what `digits` writes: two names never mean one epoch.
fn parse(text: &str) -> Option<Epoch> {
    let epoch = Epoch(text.parse().ok()?);
    (digits(epoch) == text).then_some(epoch)
}

/// UTF-8 names in a directory; others are never ours.
fn names(dir: &Path) -> Result<Vec<String>> {
    let failed = |source| Error::Read { path: dir.to_owned(), source };
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(failed(e)),
    };
    let mut names = Vec::new();
    for entry in entries {
        if let Ok(name) = entry.map_err(failed)?.file_name().into_string() {
            names.push(name);
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_names_sort_by_epoch_and_give_it_back() {
        for plain in ["orders.ndjson", "orders", "a.b.c"] {
            let name = DataName::new(plain);
            assert_eq!(name.plain(), plain);
            assert!(name.of(Epoch(9)) < name.of(Epoch(10)));
            assert_eq!(name.epoch(&name.of(Epoch(10))), Some(Epoch(10)));
            assert_eq!(name.epoch(plain), None);
        }
    }

    #[test]
    fn foreign_names_are_never_taken_for_data() {
        let name = DataName::new("orders.ndjson");
        let foreign =
            ["orders.1.ndjson", "orders.+000000001.ndjson", "orders.0000000001.txt", "orders.bak.ndjson"];
        for foreign in foreign {
            assert_eq!(name.epoch(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn layout_of_a_bare_name_is_in_the_current_directory() {
        assert_eq!(Layout::new(Path::new("x.ndjson")).unwrap().dir.path(), Path::new("."));
        assert!(Layout::new(Path::new("out/..")).is_err());
        assert!(Layout::new(Path::new("out/.x")).is_err());
    }
}
