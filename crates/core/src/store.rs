//! What a state store backend implements: immutable values plus one compare-and-set.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{DurabilityClass, Result};

/// An immutable value. Written no later than the root of the same commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// Key; `[a-z0-9/._-]`, at most 512 bytes.
    pub key: String,
    /// Value.
    pub value: Bytes,
}

/// The version of a root: opaque, changes with every write. Where a store can roll back to an earlier state, versions
/// of the two histories must differ all the same (chain them by content, not by count), else a stale owner's
/// compare-and-set would succeed against the wrong history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RootVersion(pub u64);

/// A value as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned {
    /// The value.
    pub value: Bytes,
    /// Its version.
    pub version: RootVersion,
}

/// The one conditional write of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootWrite {
    /// Key.
    pub key: String,
    /// Version that must stand; `None` = the key must be absent.
    pub expected: Option<RootVersion>,
    /// New value.
    pub value: Bytes,
}

/// Result of a commit whose outcome is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Root and puts are durable as far as the store's class says.
    Applied(RootVersion),
    /// The root was not as expected; nothing of it was written. `None` = the key is absent.
    Conflict(Option<Versioned>),
}

impl Outcome {
    /// The outcome of a commit that found `held` where it expected something else: a value that equals the new one
    /// counts as applied, since the reply of an earlier try may have been lost.
    #[must_use]
    pub fn unexpected(held: Option<Versioned>, root: &RootWrite) -> Self {
        match held {
            Some(held) if held.value == root.value => Self::Applied(held.version),
            held => Self::Conflict(held),
        }
    }
}

/// What a backend claims; [`ConditionalStore::attest`] checks it against the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreGuarantees {
    /// How much can be lost.
    pub class: DurabilityClass,
    /// Reads and conditional writes are linearizable.
    pub linearizable: bool,
    /// More than one process can use the store at a time.
    pub shared: bool,
    /// Largest value in bytes.
    pub max_value_bytes: usize,
    /// Most puts in one commit.
    pub max_puts: usize,
}

/// A backend of the ledger. Clones of the handle share one store.
///
/// Contract, each point with one conformance case of the same name:
/// 1. `read` is linearizable with the commits of this store where `guarantees().linearizable` says so.
/// 2. `commit` applies all or nothing of the root; puts of a commit that conflicted may remain as garbage.
/// 3. Repeating a commit with the same arguments after it was applied answers `Applied`: a conflict whose current
///    value equals the one to be written counts as applied.
/// 4. A put is never changed by a later put of the same key and value; keys are written once.
/// 5. A lost reply is an error with [`Reconcile`](crate::Disposition::Reconcile), never a guess.
#[async_trait]
pub trait ConditionalStore: Debug + Send + Sync {
    /// Reads keys; the answer has the same length and order, `None` where a key is absent.
    ///
    /// # Errors
    /// `Retry` while unreachable, `Corrupt` where the stored bytes cannot be what was written.
    async fn read(&self, keys: &[&str]) -> Result<Vec<Option<Versioned>>>;

    /// Writes `puts` and then, conditionally, `root`.
    ///
    /// # Errors
    /// `Retry` where certainly nothing was applied, `Reconcile` where the reply was lost.
    async fn commit(&self, puts: &[Put], root: RootWrite) -> Result<Outcome>;

    /// Deletes keys; best effort, for garbage only.
    ///
    /// # Errors
    /// As `commit`; repeating is harmless.
    async fn delete(&self, keys: &[&str]) -> Result<()>;

    /// Keys with this prefix, sorted, after `after`, at most `max`.
    ///
    /// # Errors
    /// As `read`.
    async fn list(&self, prefix: &str, after: Option<&str>, max: usize) -> Result<Vec<String>>;

    /// What this backend claims.
    fn guarantees(&self) -> StoreGuarantees;

    /// Checks the server's settings against the claim.
    ///
    /// # Errors
    /// `Reject` with the setting that breaks the claim.
    async fn attest(&self) -> Result<()>;

    /// A cheap round trip, at most `deadline` long; no secrets in its errors.
    ///
    /// # Errors
    /// `Retry` where the store did not answer in time.
    async fn health_check(&self, deadline: Duration) -> Result<()>;
}
