//! Workers of a job as real processes, and what is done to them: kill -9, pauses past the session, restarts.

mod arena;
mod blow;
mod fleet;
mod gate;
mod hunter;
mod job;
mod matrix;
mod member;
mod program;
mod scene;
mod side;
mod strike;
mod tally;
mod torment;
mod worker;

pub use arena::Arena;
pub use blow::{Blow, End, TAMPERED, Tamper};
pub use fleet::{Fleet, FleetOptions};
pub use job::Job;
pub use matrix::Matrix;
pub use member::Member;
pub use program::{Ended, binary, build, choose, run};
pub use scene::{NO_EXPIRY, PATIENCE, Scene, ends_well, until};
pub use side::Side;
pub use strike::{Mix, Strike, plan};
pub use tally::Tally;
pub use torment::{Deeds, Torment};
pub use worker::Worker;

pub use crate::services::Signal;
