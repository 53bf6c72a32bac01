//! The sink: transactional lanes, and what they claim.

mod claim;
mod coordinator;
mod fence;
mod hanging;
mod lane;
mod outgoing;
mod owner;
mod produce;
mod settings;
mod small;
mod split;
mod suspects;
mod topics;

#[cfg(fuzzing)]
pub use hanging::fuzz_log as fuzz_transaction_log;
pub use lane::KafkaLane;
pub use settings::{Concern, DestinationSettings};
pub(crate) use topics::{Needed, SinkTopic, await_leaders, describe, prepare_topics};
