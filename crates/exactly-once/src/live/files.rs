//! Files of a source, the directory of a sink, and the directory of a worker's state.

use std::path::Path;
use std::sync::Arc;

use rustix::fs::{Access, access};
use serde::Serialize;
use velostream_connector_file as connector;
use velostream_connector_file::Manifest;
use velostream_core::{Code, Error, SourcePosition};
use velostream_processor::SystemClock;

use super::problem::{Problems, Side};
use crate::config::{FileSink, FileSource, JobFile};
use crate::settings;

/// Files that a pattern matches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FilesSeen {
    /// The pattern.
    pub path: String,
    /// In the order of their names.
    pub files: Vec<FileSeen>,
    /// Bytes of all.
    pub bytes: u64,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FileSeen {
    /// Path as the pattern gives it.
    pub path: String,
    /// Its size.
    pub bytes: u64,
}

/// The directory of a file sink.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DirectorySeen {
    /// The directory.
    pub directory: String,
    /// False where the job will make it.
    pub exists: bool,
    /// True where files can be made in it, or it can be made.
    pub writable: bool,
    /// Commits so far; 0 for a directory that no job has used.
    pub commits: u64,
    /// Committed bytes so far.
    pub committed_bytes: u64,
}

pub(super) async fn source(source: &FileSource, problems: &mut Problems) -> FilesSeen {
    let mut seen = FilesSeen { path: source.path.clone(), ..FilesSeen::default() };
    let config = settings::file::source(source, false);
    let found = async {
        let source = connector::FileSource::new(config, Arc::new(SystemClock::new()))?;
        Ok::<_, Error>(source.discover().await?)
    };
    let splits = match found.await {
        Ok(splits) => splits,
        Err(error) => {
            problems.carried(Side::Source, &error);
            return seen;
        }
    };
    for split in splits {
        let Some(SourcePosition::File { path, .. }) = connector::start_of(&split) else { continue };
        let readable = std::fs::File::open(&*path).and_then(|file| file.metadata());
        match readable {
            Ok(metadata) => {
                seen.bytes = seen.bytes.saturating_add(metadata.len());
                seen.files.push(FileSeen { path: path.to_string(), bytes: metadata.len() });
            }
            Err(e) => problems.blocks(Side::Source, Code::FileIo, format!("{path} cannot be read: {e}")),
        }
    }
    seen
}

pub(super) fn sink(job: &JobFile, sink: &FileSink, problems: &mut Problems) -> DirectorySeen {
    let directory = sink.directory();
    let mut seen = DirectorySeen {
        directory: directory.display().to_string(),
        exists: directory.is_dir(),
        writable: true,
        ..DirectorySeen::default()
    };
    if let Err(why) = writable(directory) {
        seen.writable = false;
        problems.blocks(Side::Sink, Code::FileIo, why);
    }
    if !seen.exists {
        return seen;
    }
    match Manifest::newest(directory) {
        Ok(None) => {}
        Ok(Some(manifest)) => {
            seen.commits = manifest.commits;
            seen.committed_bytes = manifest.files.iter().map(|file| file.bytes).sum();
            if manifest.job != job.job.as_str() {
                let text = format!("{} belongs to job {}", seen.directory, manifest.job);
                problems.blocks(Side::Sink, Code::JobConflict, text);
            }
        }
        Err(error) => problems.carried(Side::Sink, &Error::from(error)),
    }
    seen
}

/// Every worker keeps its lock in the state directory.
pub(super) fn state_dir(job: &JobFile, problems: &mut Problems) {
    if let Err(why) = writable(job.state_dir.path()) {
        problems.blocks(Side::Host, Code::StateIo, format!("state_dir: {why}"));
    }
}

/// Whether files can be made in a directory, or where it does not exist: whether it can be made. Nothing is written.
fn writable(directory: &Path) -> Result<(), String> {
    let here = Path::new(".");
    let above = directory.ancestors().map(|a| if a.as_os_str().is_empty() { here } else { a });
    let nearest = above.into_iter().find(|path| path.exists()).unwrap_or(here);
    if !nearest.is_dir() {
        return Err(format!("{} is not a directory", nearest.display()));
    }
    access(nearest, Access::WRITE_OK | Access::EXEC_OK)
        .map_err(|e| format!("{} cannot be written to: {}", nearest.display(), std::io::Error::from(e)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directory_is_writable_where_it_is_or_can_be_made() {
        let dir = tempfile::tempdir().unwrap();
        writable(dir.path()).unwrap();
        writable(&dir.path().join("a/b/c")).unwrap();
        writable(Path::new("not-there-yet")).unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(writable(&file).unwrap_err().ends_with("file is not a directory"));
        assert!(writable(&file.join("x")).unwrap_err().ends_with("file is not a directory"));
    }
}
