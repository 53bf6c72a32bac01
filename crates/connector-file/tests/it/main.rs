//! The connector from outside, over real files and real processes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests, where a panic is the finding"
)]

mod clock;
mod job;
mod lane;
mod process;
mod source;
