//! From the job file to the settings of each part: which field feeds which, and nothing else.

#[cfg(feature = "connector-file")]
pub mod file;
#[cfg(feature = "connector-kafka")]
pub mod kafka;

use velostream_processor::{Backoff, Transactions, WorkerConfig};

use crate::config::{JobFile, PassThrough, Source};

/// Settings of the worker; `bounded` ends it where every split has reached its end. A job over files that it does
/// not follow ends there in any case.
#[must_use]
pub fn worker(job: &JobFile, bounded: bool) -> WorkerConfig {
    let ends_by_itself = matches!(&job.source, Source::File(source) if !source.follow);
    let exactly_once = &job.exactly_once;
    WorkerConfig {
        transactions: Transactions {
            max_interval: exactly_once.transaction.max_interval,
            max_bytes: exactly_once.transaction.max_bytes,
            pass_through: exactly_once.pass_through == PassThrough::Auto,
        },
        backoff: Backoff { base: job.processing.retry_backoff, max: job.processing.retry_backoff_max },
        bounded: bounded || ends_by_itself,
        max_decoded_bytes: length(job.processing.max_decoded_bytes),
    }
}

/// A size as a length in memory.
fn length(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
