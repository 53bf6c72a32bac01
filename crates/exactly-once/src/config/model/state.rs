//! Where a worker keeps what it must find again after a restart.

use std::path::{Path, PathBuf};

use garde::Validate;
use serde::{Deserialize, Serialize};
use velostream_core::{InstanceName, JobName};

use super::format::not_empty;

/// A directory on a local disk. `<state_dir>/<job>/<instance>/` holds the instance's lock and its last member id;
/// `<state_dir>/<job>/state.redb` is the default state store, where the job needs one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, Validate)]
#[serde(transparent)]
#[garde(transparent)]
pub struct StateDir(#[garde(custom(|path: &String, ctx: &()| not_empty(path, ctx)))] String);

impl StateDir {
    /// The directory `path`.
    #[must_use]
    pub fn new(path: impl Into<String>) -> Self {
        Self(path.into())
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        Path::new(&self.0)
    }

    /// Directory of one job.
    #[must_use]
    pub fn of_job(&self, job: &JobName) -> PathBuf {
        self.path().join(job.as_str())
    }

    /// Directory of one worker of one job.
    #[must_use]
    pub fn of_instance(&self, job: &JobName, instance: &InstanceName) -> PathBuf {
        self.of_job(job).join(instance.as_str())
    }
}

pub(crate) fn state_dir() -> StateDir {
    StateDir::new("./.velostream")
}
