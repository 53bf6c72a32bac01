//! Workers of a job as real processes, and what is done to them: kill -9, pauses past the session, restarts.

mod fleet;
mod torment;

pub use fleet::{Fleet, FleetOptions};
pub use torment::{Deeds, Torment};
