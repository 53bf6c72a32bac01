//! Ids that several jobs share: whoever takes an id first delivers its record, all others leave it out.

use std::fmt::{self, Debug};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Epoch, Nonce, NotAdmitted, Result};

/// Who takes ids: one task of one job, in the set that the jobs share.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Member {
    set: String,
    name: String,
}

/// Longest name of a set or of a member, in bytes.
const MAX_NAME_BYTES: usize = 200;

impl Member {
    /// Checks both names: `[a-z0-9._-]`, 1 to 200 bytes.
    ///
    /// # Errors
    /// `Reject`: [`NotAdmitted::Key`].
    pub fn new(set: &str, name: &str) -> Result<Self, NotAdmitted> {
        let allowed = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
        for checked in [set, name] {
            if !(1..=MAX_NAME_BYTES).contains(&checked.len()) || !checked.bytes().all(allowed) {
                return Err(NotAdmitted::Key { key: checked.to_owned() });
            }
        }
        Ok(Self { set: set.to_owned(), name: name.to_owned() })
    }

    /// The set.
    #[must_use]
    pub fn set(&self) -> &str {
        &self.set
    }

    /// The member's name in it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.set, self.name)
    }
}

/// An id as the set keeps it: the first 16 bytes of a record's id.
pub type SharedId = [u8; 16];

/// What fences a member's calls: each names the turn that it belongs to, and one that comes late, from an owner that
/// was replaced or from before a settlement, finds another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Turn {
    /// The member's claim of its task; a lower one never comes back.
    pub epoch: Epoch,
    /// Tells owners of one epoch apart.
    pub nonce: Nonce,
    /// Grows with every entry and every settlement of the member.
    pub number: u64,
}

impl Turn {
    /// The turn after a settlement.
    #[must_use]
    pub const fn next(self) -> Self {
        Self { number: self.number.saturating_add(1), ..self }
    }

    /// The turn of an owner that enters where `standing` is held. `None` where it came too late: the higher epoch stays,
    /// and of two owners of one epoch the first.
    #[must_use]
    pub fn entering(standing: Option<Self>, epoch: Epoch, nonce: Nonce) -> Option<Self> {
        let Some(held) = standing else { return Some(Self { epoch, nonce, number: 1 }) };
        let enters = epoch > held.epoch || (epoch == held.epoch && nonce == held.nonce);
        enters.then(|| Self { epoch, nonce, number: held.number.saturating_add(1) })
    }
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "turn {} of epoch {}", self.number, self.epoch)
    }
}

/// What a set knows about a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberState {
    /// Its present turn.
    pub turn: Turn,
    /// The note of the last settlement that delivered; `None` where there was none.
    pub settled: Option<Bytes>,
    /// What [`SharedIds::promise`] said about the ids that it holds; `None` before that.
    pub promised: Option<Bytes>,
    /// Ids that it has taken and not settled.
    pub held: u64,
}

/// Answer to a call that only the present turn of a member may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InTurn<T> {
    /// It was, and the call is done.
    Done(T),
    /// Another turn stands in the set; `None` where it does not know the member. Nothing was changed.
    Stale(Option<Turn>),
}

/// Answer to [`SharedIds::take`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taking {
    /// Every id is the caller's now or was delivered before.
    Taken {
        /// In the order of the question: when it was delivered, in milliseconds since the Unix epoch; `None` for those that
        /// the caller holds now.
        delivered: Vec<Option<i64>>,
        /// Ids in the set, held ones included.
        total: u64,
    },
    /// Another member holds at least one of them, and has not said yet whether it delivers; nothing was taken.
    Held {
        /// One such member.
        by: String,
    },
}

/// What becomes of the ids that a member holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// Their records were delivered.
    Delivered {
        /// When, in milliseconds since the Unix epoch.
        at_ms: i64,
        /// Kept as [`MemberState::settled`]; in one step with the ids, so that it can say how far they reach.
        note: Bytes,
    },
    /// Their records were not: whoever takes them next may.
    Released,
}

/// What is left after ids ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expired {
    /// Ids that were removed.
    pub removed: u64,
    /// Ids that are left, held ones included.
    pub left: u64,
    /// When the oldest that is left was delivered; `None` where none was.
    pub oldest_ms: Option<i64>,
}

/// Optional capability of a store: sets of ids that several jobs take from. Each call is one atomic step of the set,
/// linearizable where the store's `guarantees().linearizable` says so.
///
/// A member that waits for another must hold nothing: then every holder goes on and nobody waits in a circle.
///
/// Contract, each point with conformance cases of the group `Shared`:
/// 1. Of all members that want an id, one holds it; the others learn who, until it is settled.
/// 2. A taking is whole or nothing.
/// 3. A call of another turn than the standing one changes nothing.
/// 4. What is held stays held until its member settles it, however long that takes, and whoever owns the member then.
/// 5. A call that is repeated after a lost reply (`Reconcile`) changes nothing twice: it gives the same answer, but for
///    [`enter`](Self::enter), which begins one turn more, and [`expire`](Self::expire), which finds less to remove.
#[async_trait]
pub trait SharedIds: Debug + Send + Sync {
    /// What the set knows about a member; `None` before its first entry.
    ///
    /// # Errors
    /// `Retry` while unreachable, `Corrupt` where the stored bytes cannot be what was written.
    async fn member(&self, member: &Member) -> Result<Option<MemberState>>;

    /// Names of all members of a set, sorted.
    ///
    /// # Errors
    /// As [`member`](Self::member).
    async fn members(&self, set: &str) -> Result<Vec<String>>;

    /// Takes a member over for the owner of its task, by [`Turn::entering`]. Ids that it holds stay held.
    ///
    /// # Errors
    /// `Retry` where certainly nothing was applied, `Reconcile` where the reply was lost.
    async fn enter(&self, member: &Member, epoch: Epoch, nonce: Nonce) -> Result<InTurn<MemberState>>;

    /// Takes ids, all or none. One that was delivered later than `expired_ms` is not taken, one that was delivered then or
    /// earlier is; one that the member holds already stays its own.
    ///
    /// # Errors
    /// As [`enter`](Self::enter).
    async fn take(
        &self,
        member: &Member,
        turn: Turn,
        ids: &[SharedId],
        expired_ms: i64,
    ) -> Result<InTurn<Taking>>;

    /// Keeps a note beside the ids that the member holds, for whoever has to settle them after a crash.
    ///
    /// # Errors
    /// As [`enter`](Self::enter).
    async fn promise(&self, member: &Member, turn: Turn, note: Bytes) -> Result<InTurn<()>>;

    /// Settles all ids that the member holds, and its promise with them; answers the next turn. Where the next turn
    /// stands already, the settlement was applied before.
    ///
    /// # Errors
    /// As [`enter`](Self::enter).
    async fn settle(&self, member: &Member, turn: Turn, settlement: Settlement) -> Result<InTurn<Turn>>;

    /// Removes a member; what it holds is released.
    ///
    /// # Errors
    /// As [`enter`](Self::enter).
    async fn leave(&self, member: &Member) -> Result<()>;

    /// Removes the ids that were delivered at `until_ms` or earlier.
    ///
    /// # Errors
    /// As [`enter`](Self::enter).
    async fn expire(&self, set: &str, until_ms: i64) -> Result<Expired>;
}
