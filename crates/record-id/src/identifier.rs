//! The trait behind every strategy.

use std::fmt::Debug;

use velostream_core::StreamRecord;

use crate::{RecordId, RecordMetadata, Result};

/// Makes ids. Synchronous and pure: the same record gives the same id everywhere and for ever, else a replay after a
/// crash is not recognised.
pub trait RecordIdentifier: Debug + Send + Sync {
    /// The id of a record.
    ///
    /// # Errors
    /// Reject, where the record has no id; the job's failure strategy decides what becomes of it.
    fn generate_id(&self, record: &StreamRecord) -> Result<RecordId>;

    /// Checks that this identifier could have generated `id`.
    ///
    /// # Errors
    /// `NotAnId` -> Reject.
    fn validate_id(&self, id: &RecordId) -> Result<()>;

    /// What the id says about its record.
    ///
    /// # Errors
    /// `NotAnId` -> Reject.
    fn extract_metadata(&self, id: &RecordId) -> Result<RecordMetadata>;
}
