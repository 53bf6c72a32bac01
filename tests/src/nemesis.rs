//! Workers of a job as real processes, and what is done to them: kill -9, pauses past the session, restarts.

mod fleet;
mod job;
mod program;
mod scene;
mod torment;
mod worker;

pub use fleet::{Fleet, FleetOptions};
pub use job::Job;
pub use program::{Ended, binary, build, run};
pub use scene::{NO_EXPIRY, PATIENCE, Scene, ends_well, until};
pub use torment::{Deeds, Torment};
pub use worker::Worker;

pub use crate::services::Signal;
