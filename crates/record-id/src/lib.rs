//! Deterministic record ids: what makes two deliveries of one record recognisable as one.
//!
//! Layer 1, on `velostream-core` alone; pure and synchronous. The processor asks a [`RecordIdStrategy`] for ids, the
//! ledger stores their [`TrackerKey`]s, idempotent sinks use the whole id as a key.
//!
//! Contract:
//! 1. The same record gives the same id in every process and every release.
//! 2. [`SourcePosition`](RecordIdStrategy::SourcePosition) and [`Composite`](RecordIdStrategy::Composite) ids are
//!    injective: different positions or field values give different ids, and an id parses back to them.
//! 3. [`ContentHash`](RecordIdStrategy::ContentHash) is SHA-256 over key, value and headers with unambiguous framing;
//!    null and empty differ, the order of headers counts, the timestamp and the position do not.
//! 4. An id is text and has one spelling; [`RecordIdentifier::validate_id`] refuses every other.
//!
//! ```
//! use velostream_core::{SourcePosition, StreamRecord};
//! use velostream_record_id::{RecordIdStrategy, RecordIdentifier};
//!
//! let position = SourcePosition::File { path: "in/a.ndjson".into(), offset: 17, line: 1 };
//! let record = StreamRecord { key: None, value: None, headers: vec![], timestamp_ms: -1, position };
//! let id = RecordIdStrategy::SourcePosition.generate_id(&record)?;
//! assert_eq!(id.to_string(), "file://in%2Fa.ndjson/17");
//! # Ok::<(), velostream_record_id::Error>(())
//! ```
//!
//! It keeps no set of seen ids (that is the ledger) and calls no service: an identifier that needs one cannot be
//! deterministic.

mod composite;
mod content;
mod error;
mod escape;
mod field;
mod id;
mod identifier;
mod metadata;
mod position;
mod strategy;

pub use composite::CompositeFields;
pub use content::content_digest;
pub use error::{Error, Result};
pub use field::{Field, FieldValue};
pub use id::{MAX_ID_BYTES, RecordId, TrackerKey};
pub use identifier::RecordIdentifier;
pub use metadata::RecordMetadata;
pub use position::{parse_position, position_id};
pub use strategy::RecordIdStrategy;

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
