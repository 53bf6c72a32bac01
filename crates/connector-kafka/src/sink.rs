//! The sink: transactional lanes, and what they claim.

mod claim;
mod coordinator;
mod destination;
mod fence;
mod hanging;
mod lane;
mod outgoing;
mod owner;
mod produce;
mod small;
mod split;
mod suspects;
mod topics;

pub use destination::{Concern, DestinationSettings};
#[cfg(fuzzing)]
pub use hanging::fuzz_log as fuzz_transaction_log;
pub use lane::KafkaLane;
pub(crate) use topics::{Needed, SinkTopic, await_leaders, describe, prepare_topics};
