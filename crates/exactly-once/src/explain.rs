//! What a job can promise, computed from its file: the level, what gives it, what lowers it, and what it rests on.
//!
//! Pure: nothing is read and nobody is asked. The facts about servers that the level rests on are listed as
//! assumptions, each with the setting that makes it true.

mod explanation;
mod ids;
mod kafka_sink;
mod reason;
mod rules;
mod state_store;

pub use explanation::{Explanation, Required, explain};
pub use reason::{Reason, Role};
