//! What an id says about its record.

use velostream_core::SourcePosition;

use crate::{Field, FieldValue};

/// What can be read back from an id. Everything is `None` or empty where the strategy does not keep it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordMetadata {
    /// Name of the strategy, as in the job file.
    pub strategy: &'static str,
    /// Position of the record; leader epoch -1 and line 0.
    pub position: Option<SourcePosition>,
    /// Fields of a composite, in their configured order.
    pub fields: Vec<(Field, FieldValue)>,
    /// Digest of the content.
    pub digest: Option<[u8; 32]>,
}

impl RecordMetadata {
    /// Nothing but the strategy's name.
    #[must_use]
    pub const fn new(strategy: &'static str) -> Self {
        Self { strategy, position: None, fields: Vec::new(), digest: None }
    }
}
