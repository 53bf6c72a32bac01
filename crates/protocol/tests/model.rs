//! The protocol as a model that drives the real machines: the right one holds, and every wrong one is refuted.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a failed expectation is a failed test, and a model says how far it went"
)]

#[path = "model/aborted.rs"]
mod aborted;
#[path = "model/act.rs"]
mod act;
#[path = "model/actions.rs"]
mod actions;
#[path = "model/checked.rs"]
mod checked;
#[path = "model/claim.rs"]
mod claim;
#[path = "model/coordinator.rs"]
mod coordinator;
#[path = "model/driver.rs"]
mod driver;
#[path = "model/fencing.rs"]
mod fencing;
#[path = "model/group.rs"]
mod group;
#[path = "model/heal.rs"]
mod heal;
#[path = "model/log.rs"]
mod log;
#[path = "model/network.rs"]
mod network;
#[path = "model/right.rs"]
mod right;
#[path = "model/rules.rs"]
mod rules;
#[path = "model/worker.rs"]
mod worker;
#[path = "model/world.rs"]
mod world;
#[path = "model/wrong.rs"]
mod wrong;
