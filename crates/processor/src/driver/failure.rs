//! What went wrong becomes an event, a line in the log and a number.

use tracing::{info, warn};
use velostream_core::{Code, Disposition, Error, causes};
use velostream_protocol::job::{During, Event};

use super::Driver;

impl Driver {
    pub(super) fn failure(&mut self, during: During, error: Error) -> Event {
        let disposition = error.disposition();
        self.parts.metrics.failed(during, disposition);
        if matches!(
            during,
            During::Recover | During::Restore | During::Take | During::Remember | During::Confirm
        ) {
            self.parts.metrics.store_answered(Some(&error));
        }
        if disposition == Disposition::Fenced {
            info!(during = during.as_str(), %error, "superseded; waiting for the next assignment");
        } else if !error.is_fatal() {
            let cause = causes(&error).join(": ");
            warn!(during = during.as_str(), %disposition, cause, %error, "will recover");
        }
        // What follows from a fatal error must not hide it.
        if !self.error.as_ref().is_some_and(Error::is_fatal) {
            self.error = Some(error);
        }
        Event::Failed { during, disposition }
    }

    pub(super) fn fatal(&mut self) -> Error {
        self.error.take().filter(Error::is_fatal).unwrap_or_else(|| {
            let what = "the reader left a gap or an overlap between two chunks";
            Error::new(Code::Internal, Disposition::Corrupt, what)
        })
    }
}
