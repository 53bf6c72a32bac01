//! What identifies a record.

use garde::Validate;
use serde::{Deserialize, Serialize};
use velostream_record_id::CompositeFields;

/// What identifies a record.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize, Validate)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RecordIds {
    /// Its place in the source. The committed position is the set of all delivered ids: nothing else is stored.
    #[default]
    SourcePosition,
    /// SHA-256 over key, value and headers: equal records are one record.
    ContentHash,
    /// Some fields: records that agree in all of them are one record.
    Composite(#[garde(dive)] Composite),
}

/// The fields of a composite id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Composite {
    /// `key`, `value`, `timestamp`, `position`, `header:NAME`, `key:/POINTER` or `value:/POINTER`; at least one.
    #[garde(custom(are_fields))]
    pub fields: Vec<String>,
}

impl RecordIds {
    /// A composite of these fields; checked with the job.
    pub fn composite<T: Into<String>>(fields: impl IntoIterator<Item = T>) -> Self {
        Self::Composite(Composite { fields: fields.into_iter().map(Into::into).collect() })
    }

    /// True where ids have to be remembered.
    #[must_use]
    pub const fn are_tracked(&self) -> bool {
        !matches!(self, Self::SourcePosition)
    }
}

fn are_fields(fields: &[String], (): &()) -> garde::Result {
    match CompositeFields::parse(fields) {
        Ok(_) => Ok(()),
        Err(error) => Err(garde::Error::new(format!("{error}\nwrite for example [key, \"value:/id\"]"))),
    }
}
