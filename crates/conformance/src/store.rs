//! The contract of [`ConditionalStore`](velostream_core::ConditionalStore), point by point.

pub(crate) mod claims;
pub(crate) mod commit;
pub(crate) mod concurrency;
pub(crate) mod delete;
pub(crate) mod keys;
pub(crate) mod list;
pub(crate) mod puts;
pub(crate) mod read;
pub(crate) mod reopen;
pub(crate) mod values;
pub(crate) mod versions;
