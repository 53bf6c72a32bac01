//! Which files a job reads.

use std::path::Path;
use std::sync::Arc;

use glob::MatchOptions;
use velostream_core::{Clock, SourcePosition, SplitId};

use crate::reader::FileReader;
use crate::{Error, Result, SourceConfig};

/// What every split of this source starts with; the rest is the path as the pattern gave it.
const SPLIT_PREFIX: &str = "file:";

/// A `*` does not descend, and hidden files (such as the sink's own state) match only where the pattern says so.
const MATCHING: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// Files that match a pattern: one split each. Cheap to clone.
#[derive(Debug, Clone)]
pub struct FileSource {
    config: Arc<SourceConfig>,
    clock: Arc<dyn Clock>,
}

impl FileSource {
    /// A source with checked settings. Touches no file.
    ///
    /// # Errors
    /// [`Error::Setting`], [`Error::Pattern`] -> `Reject`.
    pub fn new(config: SourceConfig, clock: Arc<dyn Clock>) -> Result<Self> {
        config.validate()?;
        glob::Pattern::new(&config.path)
            .map_err(|source| Error::Pattern { pattern: config.path.clone(), source })?;
        Ok(Self { config: Arc::new(config), clock })
    }

    /// Its settings.
    #[must_use]
    pub fn config(&self) -> &SourceConfig {
        &self.config
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The files there are now, in the order of their names.
    ///
    /// # Errors
    /// [`Error::NoFile`] -> `Reject` where nothing matches and the source does not follow; [`Error::Read`] -> `Retry`
    /// where a directory cannot be listed; [`Error::PathNotUtf8`] -> `Reject`.
    pub async fn discover(&self) -> Result<Vec<SplitId>> {
        let config = Arc::clone(&self.config);
        tokio::task::spawn_blocking(move || list(&config))
            .await
            .map_err(|source| Error::Task { call: "discover", source })?
    }

    /// A reader with no splits yet; every lane takes its own.
    #[must_use]
    pub fn reader(&self) -> FileReader {
        FileReader::new(Arc::clone(&self.config), Arc::clone(&self.clock))
    }
}

/// The beginning of a file split: byte 0, line 0. `None` where the split is not a file.
#[must_use]
pub fn start_of(split: &SplitId) -> Option<SourcePosition> {
    let path = path_of(split)?;
    Some(SourcePosition::File { path: path.into(), offset: 0, line: 0 })
}

pub(crate) fn path_of(split: &SplitId) -> Option<&str> {
    split.as_str().strip_prefix(SPLIT_PREFIX)
}

fn list(config: &SourceConfig) -> Result<Vec<SplitId>> {
    let pattern = || config.path.clone();
    let matches = glob::glob_with(&config.path, MATCHING)
        .map_err(|source| Error::Pattern { pattern: pattern(), source })?;
    let mut splits = Vec::new();
    for found in matches {
        let path = found.map_err(|e| Error::Read { path: e.path().to_owned(), source: e.into() })?;
        if path.is_file() {
            splits.push(split_of(&path)?);
        }
    }
    if splits.is_empty() && !config.follow {
        return Err(Error::NoFile { pattern: pattern() });
    }
    Ok(splits)
}

fn split_of(path: &Path) -> Result<SplitId> {
    let text = path.to_str().ok_or_else(|| Error::PathNotUtf8 { path: path.to_owned() })?;
    Ok(SplitId::new(format!("{SPLIT_PREFIX}{text}")))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn names(splits: &[SplitId], root: &Path) -> Vec<String> {
        let prefix = format!("{SPLIT_PREFIX}{}/", root.display());
        splits.iter().map(|s| s.as_str().strip_prefix(&prefix).unwrap().to_owned()).collect()
    }

    #[test]
    fn listing_gives_regular_visible_files_in_name_order() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b.ndjson", "a.ndjson", ".hidden.ndjson", "a.txt"] {
            fs::write(dir.path().join(name), "x\n").unwrap();
        }
        fs::create_dir(dir.path().join("c.ndjson")).unwrap();
        let config = SourceConfig::new(format!("{}/*.ndjson", dir.path().display()));
        assert_eq!(names(&list(&config).unwrap(), dir.path()), ["a.ndjson", "b.ndjson"]);
    }

    #[test]
    fn listing_without_a_match_is_an_error_unless_it_follows() {
        let dir = tempfile::tempdir().unwrap();
        let mut config = SourceConfig::new(format!("{}/*.ndjson", dir.path().display()));
        assert!(matches!(list(&config), Err(Error::NoFile { .. })));
        config.follow = true;
        assert_eq!(list(&config).unwrap(), []);
    }

    #[test]
    fn start_of_a_split_is_the_beginning_of_its_file() {
        let start = start_of(&SplitId::new("file:in/a")).unwrap();
        assert_eq!(start, SourcePosition::File { path: "in/a".into(), offset: 0, line: 0 });
        assert_eq!(start_of(&SplitId::new("orders-3")), None);
    }
}
