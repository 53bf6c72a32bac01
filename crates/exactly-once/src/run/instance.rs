//! The name of a worker, and the lock that makes it its own.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use velostream_core::{Code, Disposition, Error, InstanceName, Result};

use crate::config::JobFile;

/// Most workers of one job that name themselves on one host.
const MAX_UNNAMED: u32 = 1000;

/// A name that this process holds until it ends, however it ends: the operating system gives the lock back.
#[derive(Debug)]
pub(crate) struct Instance {
    name: InstanceName,
    #[cfg_attr(
        not(feature = "connector-kafka"),
        allow(dead_code, reason = "only a Kafka sink keeps something there")
    )]
    directory: PathBuf,
    /// Held, not read.
    _lock: File,
}

impl Instance {
    /// Takes the given name, or the first of `<host>-0`, `<host>-1`, ... that no live process of this host holds.
    ///
    /// # Errors
    /// `Reject`: [`Code::InstanceConflict`] where a live process holds the given name, [`Code::StateIo`] where the
    /// state directory cannot be written.
    pub(crate) fn acquire(job: &JobFile, name: Option<InstanceName>) -> Result<Self> {
        if let Some(name) = name {
            return Self::lock(job, &name)?.ok_or_else(|| {
                let message =
                    format!("job {}: a live process on this host is worker {name} already", job.job);
                Error::new(Code::InstanceConflict, Disposition::Reject, message)
            });
        }
        let host = host();
        for n in 0..MAX_UNNAMED {
            if let Some(instance) = Self::lock(job, &InstanceName::new(format!("{host}-{n}")))? {
                return Ok(instance);
            }
        }
        let message = format!("job {}: {MAX_UNNAMED} workers run on this host already", job.job);
        Err(Error::new(Code::InstanceConflict, Disposition::Reject, message))
    }

    fn lock(job: &JobFile, name: &InstanceName) -> Result<Option<Self>> {
        let directory = job.state_dir.of_instance(&job.job, name);
        std::fs::create_dir_all(&directory).map_err(|e| state_io(&directory, e))?;
        let path = directory.join("lock");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|e| state_io(&path, e))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { name: name.clone(), directory, _lock: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(state_io(&path, e)),
        }
    }

    /// The name.
    pub(crate) const fn name(&self) -> &InstanceName {
        &self.name
    }

    /// Directory of this worker, for what must be found again after a restart.
    #[cfg_attr(
        not(feature = "connector-kafka"),
        allow(dead_code, reason = "only a Kafka sink keeps something there")
    )]
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }
}

fn state_io(path: &Path, source: io::Error) -> Error {
    let message = format!("state directory: {} cannot be used", path.display());
    Error::new(Code::StateIo, Disposition::Reject, message).with_source(source)
}

/// Name of this host, in letters that fit a transactional id.
fn host() -> String {
    let uname = rustix::system::uname();
    let name = uname.nodename().to_string_lossy();
    let short = name.split('.').next().unwrap_or_default();
    let fit: String =
        short.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).take(40).collect();
    if fit.is_empty() { "host".to_owned() } else { fit }
}
