//! What can go wrong before a job runs.

use std::io;
use std::path::PathBuf;

use velostream_core::{Code, DeliveryLevel, Disposition};

use crate::config::ConfigError;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong before a job runs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The job file is not valid.
    #[error(transparent)]
    Config {
        /// Everything that is wrong with it.
        source: ConfigError,
    },
    /// The job file cannot be read.
    #[error("{}: the job file cannot be read", path.display())]
    ConfigFile {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A job cannot be written as a file.
    #[error("the job cannot be written as YAML")]
    Yaml {
        /// Why.
        source: serde_saphyr::SerializeError,
    },
    /// The job cannot give the level that is required of it.
    #[error("job {job}: {required} is required, the job file gives {level}")]
    Guarantee {
        /// Name of the job.
        job: String,
        /// What is required.
        required: &'static str,
        /// What it gives.
        level: DeliveryLevel,
    },
}

impl Error {
    /// What is known about the effect: nothing was done yet, and only an operator can help.
    #[must_use]
    pub const fn disposition(&self) -> Disposition {
        match self {
            Self::Config { .. } | Self::ConfigFile { .. } | Self::Yaml { .. } | Self::Guarantee { .. } => {
                Disposition::Reject
            }
        }
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Config { .. } => Code::Config,
            Self::ConfigFile { .. } => Code::ConfigFile,
            Self::Yaml { .. } => Code::Internal,
            Self::Guarantee { .. } => Code::Guarantee,
        }
    }
}

impl From<Error> for velostream_core::Error {
    fn from(error: Error) -> Self {
        Self::new(error.code(), error.disposition(), error.to_string()).with_source(error)
    }
}
