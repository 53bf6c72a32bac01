//! Why a verification could not be done. A difference is no error: it is in the report.

use rdkafka::error::KafkaError;
use velostream_core::Disposition;

use crate::compare::Side;

/// Why a verification could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No topic pair was given.
    #[error("nothing to compare: no topic pair was given")]
    NothingToCompare,

    /// librdkafka refuses the settings of a side.
    #[error("the {} client's settings are refused", side.as_str())]
    Settings {
        /// The side.
        side: Side,
        /// The setting that is wrong.
        source: Box<KafkaError>,
    },

    /// No broker of a side answers what the topic and its offsets are.
    #[error(
        "the {} at {bootstrap_servers} does not answer for topic {topic}{}",
        side.as_str(),
        complaint.as_deref().map(|c| format!(": {c}")).unwrap_or_default()
    )]
    Unreachable {
        /// The side.
        side: Side,
        /// Where it was looked for.
        bootstrap_servers: String,
        /// The topic that was asked about.
        topic: String,
        /// What the client complained about, in librdkafka's words.
        complaint: Option<String>,
        /// The last cause.
        source: Box<KafkaError>,
    },

    /// A topic does not exist.
    #[error("the {} has no topic {topic}", side.as_str())]
    NoTopic {
        /// The side.
        side: Side,
        /// The topic.
        topic: String,
    },

    /// An offset that has to be read is not there any more: retention removed it, or the topic was made anew.
    #[error("the {} has no offset {offset} in {topic}-{partition} any more", side.as_str())]
    OffsetGone {
        /// The side.
        side: Side,
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The offset next to read.
        offset: i64,
    },

    /// A partition cannot be read.
    #[error("cannot read {topic}-{partition} of the {} at offset {offset}", side.as_str())]
    Read {
        /// The side.
        side: Side,
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The offset next to read.
        offset: i64,
        /// What the client says.
        source: Box<KafkaError>,
    },

    /// A partition yields nothing for as long as the configuration allows.
    #[error(
        "{topic}-{partition} of the {} yields nothing from offset {offset} on for {waited_s} s; {end} is its end",
        side.as_str()
    )]
    Stalled {
        /// The side.
        side: Side,
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The offset next to read.
        offset: i64,
        /// The end that was to be reached.
        end: i64,
        /// How long nothing came.
        waited_s: u64,
        /// What the client complained about meanwhile, if anything.
        source: Option<Box<KafkaError>>,
    },
}

impl Error {
    /// What may be done next. Nothing here writes, so what may pass by itself may be tried again.
    #[must_use]
    pub const fn disposition(&self) -> Disposition {
        match self {
            Self::NothingToCompare
            | Self::Settings { .. }
            | Self::NoTopic { .. }
            | Self::OffsetGone { .. } => Disposition::Reject,
            Self::Unreachable { .. } | Self::Read { .. } | Self::Stalled { .. } => Disposition::Retry,
        }
    }
}
