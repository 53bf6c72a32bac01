//! The ledger's contract over the memory store with scripted faults, and over redb.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a broken test shows itself by a panic"
)]

mod batches;
mod checkpoints;
mod claims;
mod dates;
mod differential;
mod faults;
mod formats;
mod records;
mod redb;
mod rig;
mod wrappers;
