//! What can go wrong with files, and what is then known.

use std::io::{self, ErrorKind};
use std::path::PathBuf;

use velostream_core::{Code, Disposition, Epoch, SourcePosition, SplitId};

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the file source or the file sink. Crosses the traits of core as [`velostream_core::Error`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A read failed; nothing was changed. `Retry`, or `Reject` where only an operator can help.
    #[error("cannot read {path}: {source}")]
    Read {
        /// What was read.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A write before the point of commit failed: the open transaction is not committed and nothing committed is
    /// touched. `Abort`, or `Reject` where only an operator can help (disk full, no permission, read-only).
    #[error("cannot {action} {path}: {source}")]
    Write {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Replacing the manifest failed midway: the commit may stand. `Reconcile`, or `Reject` as for `Write`; both
    /// are safe because every claim reads back what stands.
    #[error("outcome of the commit unknown, cannot {action} {path}: {source}")]
    CommitUnknown {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The path pattern cannot be parsed. `Reject`.
    #[error("path pattern {pattern:?}: {source}")]
    Pattern {
        /// As configured.
        pattern: String,
        /// The cause.
        source: glob::PatternError,
    },
    /// A setting is out of range. `Reject`.
    #[error("{field}: {why}")]
    Setting {
        /// Name of the field.
        field: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// No file matches, so that the job would do nothing. `Reject`.
    #[error("no file matches {pattern:?}")]
    NoFile {
        /// As configured.
        pattern: String,
    },
    /// A matching path is not UTF-8: it cannot be named in positions. `Reject`.
    #[error("{path:?} is not a UTF-8 path")]
    PathNotUtf8 {
        /// The path.
        path: PathBuf,
    },
    /// A split that is not a file, or a position of another file. `Reject`.
    #[error("{split} cannot be read from {position}")]
    NotOurs {
        /// The split.
        split: SplitId,
        /// The position it came with.
        position: SourcePosition,
    },
    /// The source file is not what was read before. `Reject`.
    #[error("{path}: {why}; position {offset} (line {line}), size {size} bytes")]
    Changed {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        why: &'static str,
        /// Byte offset next to be read.
        offset: u64,
        /// Line next to be read, from 0.
        line: u64,
        /// Size now, in bytes.
        size: u64,
    },
    /// A line of the source is longer than `max_line_bytes`. `Reject`.
    #[error("{path}: line {line} at byte {offset} is longer than max_line_bytes {limit}")]
    LineTooLong {
        /// The file.
        path: PathBuf,
        /// The line, from 0.
        line: u64,
        /// Its first byte.
        offset: u64,
        /// The limit in bytes.
        limit: usize,
    },
    /// A value holds a newline, which the format `lines` cannot keep apart from two records. `Reject`.
    #[error("{position}: the value holds a newline, which format `lines` cannot represent")]
    NewlineInValue {
        /// The record.
        position: SourcePosition,
    },
    /// A record without value, which the format `lines` cannot tell from an empty one. `Reject`.
    #[error("{position}: a record without value (tombstone), which format `lines` cannot represent")]
    Tombstone {
        /// The record.
        position: SourcePosition,
    },
    /// Another part failed: the decoder of a chunk, the source of start positions. Crosses as it came.
    #[error("{source}")]
    Passed {
        /// Its error.
        source: velostream_core::Error,
    },
    /// An assignment that says that nothing is ours. `Fenced`.
    #[error("{call}: the assignment was lost")]
    NotOwned {
        /// The call that was refused.
        call: &'static str,
    },
    /// A live process holds the lock of the output directory. `Reject`.
    #[error("{dir} is in use by {}", owner(*pid))]
    Locked {
        /// The output directory.
        dir: PathBuf,
        /// Process id of the owner, where it could be read.
        pid: Option<u32>,
    },
    /// A newer owner has claimed the directory. `Fenced`.
    #[error("{dir}: epoch {ours} was superseded by {newest}")]
    Fenced {
        /// The output directory.
        dir: PathBuf,
        /// Epoch of this lane.
        ours: Epoch,
        /// Newest epoch found.
        newest: Epoch,
    },
    /// A split is written or committed that this lane has not claimed. `Fenced`.
    #[error("{split} is not claimed by this lane")]
    Unclaimed {
        /// The split.
        split: SplitId,
    },
    /// Committed output is gone. `Reject`.
    #[error("{path}: {committed} bytes are committed, {found} are there")]
    WentBack {
        /// The data file or manifest.
        path: PathBuf,
        /// Bytes committed.
        committed: u64,
        /// Bytes found.
        found: u64,
    },
    /// A manifest that must be there is not: deleted, or the directory was restored from an older copy. `Reject`.
    #[error("{path} is gone")]
    ManifestGone {
        /// The manifest.
        path: PathBuf,
    },
    /// The output directory holds a file of ours by name, but no manifest: it is somebody else's. `Reject`.
    #[error("{path} exists and was not written by this sink")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The output directory belongs to another job. `Reject`.
    #[error("{dir} belongs to job {found}, not to {job}")]
    OtherJob {
        /// The output directory.
        dir: PathBuf,
        /// This job.
        job: String,
        /// The job in the manifest.
        found: String,
    },
    /// The job wrote another file name before. `Reject`.
    #[error("{dir}: this job wrote {found} so far, not {name}")]
    OtherName {
        /// The output directory.
        dir: PathBuf,
        /// File name now.
        name: String,
        /// File name in the manifest.
        found: String,
    },
    /// A manifest's bytes cannot be what was written. `Corrupt`.
    #[error("{path}: {why}")]
    ManifestCorrupt {
        /// The manifest.
        path: PathBuf,
        /// What does not fit.
        why: String,
    },
    /// A manifest is of a newer format. `Reject`.
    #[error("{path}: format {found}, this program knows up to {known}")]
    ManifestVersion {
        /// The manifest.
        path: PathBuf,
        /// Version found.
        found: u32,
        /// Newest version known.
        known: u32,
    },
    /// A position of a kind that the manifest cannot hold. `Reject`.
    #[error("{position}: a position of this kind cannot be stored in a manifest")]
    PositionKind {
        /// The position.
        position: SourcePosition,
    },
    /// An earlier call failed or was dropped midway: what it did is not known. `Reconcile`.
    #[error("{call}: an earlier call did not end well, reset the lane first")]
    InDoubt {
        /// The call that was refused.
        call: &'static str,
    },
    /// The caller broke the contract of the trait. `Reject`.
    #[error("{call}: {why}")]
    Misuse {
        /// The call.
        call: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A blocking task died. `Reconcile`.
    #[error("{call}: the blocking task ended early: {source}")]
    Task {
        /// The call it served.
        call: &'static str,
        /// The cause.
        source: tokio::task::JoinError,
    },
}

impl Error {
    /// What is known about the effect.
    #[must_use]
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Read { source, .. } => unless_operator(source, Disposition::Retry),
            Self::Write { source, .. } => unless_operator(source, Disposition::Abort),
            Self::CommitUnknown { source, .. } => unless_operator(source, Disposition::Reconcile),
            Self::Passed { source } => source.disposition(),
            Self::Fenced { .. } | Self::Unclaimed { .. } | Self::NotOwned { .. } => Disposition::Fenced,
            Self::ManifestCorrupt { .. } => Disposition::Corrupt,
            Self::InDoubt { .. } | Self::Task { .. } => Disposition::Reconcile,
            Self::Pattern { .. }
            | Self::Setting { .. }
            | Self::NoFile { .. }
            | Self::PathNotUtf8 { .. }
            | Self::NotOurs { .. }
            | Self::Changed { .. }
            | Self::LineTooLong { .. }
            | Self::NewlineInValue { .. }
            | Self::Tombstone { .. }
            | Self::Locked { .. }
            | Self::WentBack { .. }
            | Self::ManifestGone { .. }
            | Self::Foreign { .. }
            | Self::OtherJob { .. }
            | Self::OtherName { .. }
            | Self::ManifestVersion { .. }
            | Self::PositionKind { .. }
            | Self::Misuse { .. } => Disposition::Reject,
        }
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Read { .. }
            | Self::Write { .. }
            | Self::CommitUnknown { .. }
            | Self::NoFile { .. }
            | Self::PathNotUtf8 { .. }
            | Self::Foreign { .. } => Code::FileIo,
            Self::Pattern { .. } | Self::Setting { .. } => Code::Config,
            Self::Changed { .. } => Code::FileChanged,
            Self::LineTooLong { .. } | Self::NewlineInValue { .. } | Self::Tombstone { .. } => {
                Code::RecordRefused
            }
            Self::Passed { source } => source.code(),
            Self::Locked { .. } => Code::FileLocked,
            Self::Fenced { .. } | Self::Unclaimed { .. } | Self::NotOwned { .. } => Code::StoreFenced,
            Self::WentBack { .. } | Self::ManifestGone { .. } => Code::SinkWentBack,
            Self::OtherJob { .. } => Code::JobConflict,
            Self::OtherName { .. } => Code::JobConfigChanged,
            Self::ManifestCorrupt { .. } => Code::StateCorrupt,
            Self::ManifestVersion { .. } => Code::StateVersion,
            Self::NotOurs { .. }
            | Self::PositionKind { .. }
            | Self::InDoubt { .. }
            | Self::Misuse { .. }
            | Self::Task { .. } => Code::Internal,
        }
    }

    /// What to do where the page of the code speaks of something else than files.
    fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::NoFile { .. } => {
                Some("Correct the path, or set `follow: true` to wait for files to appear.")
            }
            Self::PathNotUtf8 { .. } => Some("Rename the file."),
            Self::Foreign { .. } => Some("Move the file away or write to another path."),
            Self::LineTooLong { .. } => Some("Raise `max_line_bytes` of the source, or correct the file."),
            Self::NewlineInValue { .. } => {
                Some("Transform or filter the records: one line holds one record.")
            }
            Self::Tombstone { .. } => {
                Some("Filter records without value: a file of lines has no tombstones.")
            }
            Self::WentBack { .. } | Self::ManifestGone { .. } => {
                Some("Restore the output directory, or move it away as a whole and start with an empty one.")
            }
            Self::OtherJob { .. } => Some("Give each job its own output directory."),
            Self::OtherName { .. } => Some("Give the new file name another directory."),
            _ => None,
        }
    }
}

impl From<Error> for velostream_core::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Passed { source } => source,
            other => {
                let crossing = Self::new(other.code(), other.disposition(), other.to_string());
                let crossing = match other.remedy() {
                    Some(remedy) => crossing.with_remedy(remedy),
                    None => crossing,
                };
                crossing.with_source(other)
            }
        }
    }
}

/// Faults that no repetition cures: the job stops with its message, and what is committed stays as it is.
fn unless_operator(source: &io::Error, otherwise: Disposition) -> Disposition {
    match source.kind() {
        ErrorKind::StorageFull
        | ErrorKind::QuotaExceeded
        | ErrorKind::FileTooLarge
        | ErrorKind::ReadOnlyFilesystem
        | ErrorKind::PermissionDenied
        | ErrorKind::NotFound
        | ErrorKind::NotADirectory
        | ErrorKind::IsADirectory
        | ErrorKind::InvalidFilename
        | ErrorKind::Unsupported => Disposition::Reject,
        _ => otherwise,
    }
}

fn owner(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(kind: ErrorKind) -> Error {
        Error::Write { action: "write", path: "out/a".into(), source: kind.into() }
    }

    #[test]
    fn write_on_a_full_disk_stops_the_job_and_any_other_fault_aborts() {
        assert_eq!(write(ErrorKind::StorageFull).disposition(), Disposition::Reject);
        assert_eq!(write(ErrorKind::FileTooLarge).disposition(), Disposition::Reject);
        assert_eq!(write(ErrorKind::Other).disposition(), Disposition::Abort);
    }

    #[test]
    fn crossing_error_keeps_code_disposition_remedy_and_source() {
        let error: velostream_core::Error = Error::NoFile { pattern: "in/*".into() }.into();
        assert_eq!(error.code(), Code::FileIo);
        assert_eq!(error.disposition(), Disposition::Reject);
        assert!(error.remedy().contains("follow"));
        assert!(std::error::Error::source(&error).is_some());
    }

    #[test]
    fn error_of_another_part_crosses_as_it_came() {
        let inner = velostream_core::Error::new(Code::CorruptBatch, Disposition::Corrupt, "x");
        let error: velostream_core::Error = Error::Passed { source: inner }.into();
        assert_eq!((error.code(), error.disposition()), (Code::CorruptBatch, Disposition::Corrupt));
    }
}
