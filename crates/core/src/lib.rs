//! The vocabulary of velostream: records, positions, splits, the traits that connectors and stores implement, and
//! errors that say what is known about the effect.
//!
//! Layer 0: every other crate builds on this one and it builds on none of ours. It holds no driver, no file format
//! and no runtime. Third parties implement [`SplitReader`], [`SinkLane`], [`Membership`] or [`ConditionalStore`] to
//! add a system.
//!
//! ```
//! use velostream_core::{Code, Disposition, Error};
//!
//! let error = Error::new(Code::SourceGap, Disposition::Reject, "orders-3: offsets 33..55 are gone");
//! assert!(error.is_fatal());
//! assert_eq!(error.to_string(), "VS-0030: orders-3: offsets 33..55 are gone");
//! ```

mod chunk;
mod clock;
mod code;
mod disposition;
mod error;
mod guarantees;
mod ids;
mod lane;
mod membership;
pub mod mutant;
mod not_admitted;
mod position;
mod reader;
mod record;
mod shared_ids;
mod store;

pub use chunk::{Chunk, Codec, Encoded, Encoding, Payload};
pub use clock::Clock;
pub use code::Code;
pub use disposition::Disposition;
pub use error::{Error, Result, causes};
pub use guarantees::{DeliveryLevel, DurabilityClass};
pub use ids::{AssignmentVersion, BatchId, Epoch, InstanceName, JobName, LaneIndex, Nonce, SplitId};
pub use lane::{Claim, Progress, SinkLane};
pub use membership::{Assignment, Membership, Phase, Standing, Token};
pub use not_admitted::NotAdmitted;
pub use position::{KafkaPartition, SourcePosition, TopicId};
pub use reader::{Read, SplitReader};
pub use record::{Header, StreamRecord};
pub use shared_ids::{Expired, InTurn, Member, MemberState, Settlement, SharedId, SharedIds, Taking, Turn};
pub use store::{ConditionalStore, Outcome, Put, RootVersion, RootWrite, StoreGuarantees, Versioned};

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
