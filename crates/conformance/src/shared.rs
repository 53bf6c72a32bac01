//! The contract of [`SharedIds`](velostream_core::SharedIds), point by point.

mod concurrency;
mod delivered;
mod double;
mod entry;
mod expiry;
mod fixture;
mod ids;
mod job;
mod leaving;
mod lie;
mod members;
mod notes;
mod reopen;
mod settling;
mod suite;
mod taking;
mod turns;

pub use double::LyingIds;
pub use fixture::SharedFixture;
pub use lie::SharedLie;
pub use suite::SHARED_CASES;
