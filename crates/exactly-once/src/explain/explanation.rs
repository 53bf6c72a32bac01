//! The level of a job with its reasons.

use serde::Serialize;
use serde::ser::Serializer;
use velostream_core::DeliveryLevel;

use super::reason::{Reason, Role};
use super::rules;
use crate::config::JobFile;
use crate::{Error, Result};

/// What a job can promise, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Explanation {
    /// Name of the job.
    pub job: String,
    /// The level.
    #[serde(serialize_with = "as_text")]
    pub level: DeliveryLevel,
    /// Why; in the order of their roles.
    pub reasons: Vec<Reason>,
}

/// The level that an operator insists on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Required {
    /// Either kind of exactly-once.
    ExactlyOnce,
}

/// Computes what `job` can promise.
#[must_use]
pub fn explain(job: &JobFile) -> Explanation {
    let mut reasons = rules::reasons(job);
    reasons.sort_by_key(|reason| reason.role);
    let lowered = reasons.iter().any(|reason| reason.role == Role::Lowers);
    let level = if lowered { DeliveryLevel::AtLeastOnce } else { DeliveryLevel::ExactlyOnceTransactional };
    Explanation { job: job.job.to_string(), level, reasons }
}

impl Explanation {
    /// Refuses a level that is lower than what is required.
    ///
    /// # Errors
    /// [`Error::Guarantee`] -> `Reject`.
    pub fn require(&self, required: Required) -> Result<()> {
        match required {
            Required::ExactlyOnce if self.level.is_exactly_once() => Ok(()),
            Required::ExactlyOnce => {
                Err(Error::Guarantee { job: self.job.clone(), required: "exactly_once", level: self.level })
            }
        }
    }

    /// The reasons of one role.
    pub fn of(&self, role: Role) -> impl Iterator<Item = &Reason> {
        self.reasons.iter().filter(move |reason| reason.role == role)
    }
}

fn as_text<S: Serializer>(level: &DeliveryLevel, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(level)
}
