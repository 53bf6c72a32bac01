//! The runtime of commands that talk to servers.

use exactly_once::core::{Code, Disposition, Error};
use tokio::runtime::{Builder, Runtime};

use crate::failure::Failure;

/// A runtime with a thread per core.
pub(crate) fn start() -> Result<Runtime, Failure> {
    Builder::new_multi_thread().enable_all().build().map_err(|error| {
        Error::new(Code::Internal, Disposition::Reject, "the runtime cannot be started")
            .with_source(error)
            .into()
    })
}
