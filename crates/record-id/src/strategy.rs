//! The choice of a job.

use std::sync::Arc;

use velostream_core::StreamRecord;

use crate::position::shown;
use crate::{
    CompositeFields, Error, RecordId, RecordIdentifier, RecordMetadata, Result, content_digest,
    parse_position, position_id,
};

/// How a job tells its records apart. Cheap to clone.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum RecordIdStrategy {
    /// SHA-256 over key, value and headers: equal records are one record.
    ContentHash,
    /// Where the record stands in its source; needs no set of ids, the committed position is the set.
    SourcePosition,
    /// Some fields of the record: records that agree in them are one record.
    Composite {
        /// The fields.
        fields: CompositeFields,
    },
    /// The user's own identifier.
    Custom(Arc<dyn RecordIdentifier>),
}

impl RecordIdStrategy {
    /// Name in the job file.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ContentHash => "content_hash",
            Self::SourcePosition => "source_position",
            Self::Composite { .. } => "composite",
            Self::Custom(_) => "custom",
        }
    }

    /// True where the ids have to be tracked: positions are their own set.
    #[must_use]
    pub const fn needs_tracking(&self) -> bool {
        !matches!(self, Self::SourcePosition)
    }
}

impl RecordIdentifier for RecordIdStrategy {
    fn generate_id(&self, record: &StreamRecord) -> Result<RecordId> {
        match self {
            Self::ContentHash => Ok(RecordId::from_digest(content_digest(record))),
            Self::SourcePosition => position_id(&record.position),
            Self::Composite { fields } => fields.generate(record),
            Self::Custom(identifier) => identifier.generate_id(record),
        }
    }

    fn validate_id(&self, id: &RecordId) -> Result<()> {
        match self {
            Self::ContentHash | Self::SourcePosition | Self::Composite { .. } => {
                self.extract_metadata(id).map(|_| ())
            }
            Self::Custom(identifier) => identifier.validate_id(id),
        }
    }

    fn extract_metadata(&self, id: &RecordId) -> Result<RecordMetadata> {
        let mut metadata = RecordMetadata::new(self.name());
        match self {
            Self::ContentHash => {
                let digest = id.digest().ok_or_else(|| Error::NotAnId {
                    id: shown(id),
                    strategy: self.name(),
                    why: "it is not sha256: and 64 lower-case hexadecimal digits",
                })?;
                metadata.digest = Some(*digest);
            }
            Self::SourcePosition => metadata.position = Some(parse_position(id)?),
            Self::Composite { fields } => metadata.fields = fields.parse_id(id)?,
            Self::Custom(identifier) => metadata = identifier.extract_metadata(id)?,
        }
        Ok(metadata)
    }
}
