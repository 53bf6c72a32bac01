//! What a ledger makes of the store: who owns a task, which batches count, what runs out.

pub(crate) mod batch;
pub(crate) mod expiry;
pub(crate) mod faults;
pub(crate) mod fencing;
mod rig;
