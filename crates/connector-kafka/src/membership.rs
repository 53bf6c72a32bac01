//! The worker's membership in the job's consumer group on the sink cluster.
//!
//! The classic group protocol, spoken by our own client, because the fence depends on facts that general clients
//! hide: the exact moment when a generation ends, and that no lane uses a membership it has lost.

mod assignor;
mod client;
mod group;
mod keeper;
mod messages;
mod standings;
mod token;

pub use group::{KafkaMembership, MembershipParts};
pub(crate) use messages::Share;
#[cfg(fuzzing)]
pub use messages::fuzz as fuzz_group_message;
pub use token::GroupToken;
