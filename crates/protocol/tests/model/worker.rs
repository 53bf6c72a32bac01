//! One worker: the real machines, and what surrounds them in production.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::sync::LazyLock;

use velostream_core::{SourcePosition, SplitId};
use velostream_protocol::job::{self, Effect};
use velostream_protocol::kafka_lane::{Member, State, TransactionVersion};

use super::group::Token;

/// Where a claim stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    /// Waits for a producer identity.
    Identity,
    /// About to ask the coordinator whether the membership stands.
    Confirm,
    /// Confirmed; about to append the claim.
    Append,
    /// About to fence earlier owners.
    Fence { claim: u8 },
    /// Reads committed data until it is past the claim.
    Read { claim: u8 },
}

/// What the driver is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Operation {
    Idle,
    Claim(Stage),
    Commit {
        /// Position that is being committed.
        next: u8,
        /// The fence did not hold: the transaction is being rolled back.
        refused: bool,
    },
    /// The data is committed, the position is not stored yet (a wrong model).
    Store {
        next: u8,
        batch: u8,
    },
    Abort,
    Reset,
    /// A new identity, then on from memory (a wrong model).
    Resume,
}

/// What membership has published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Published {
    pub(crate) version: u64,
    pub(crate) lost: bool,
    pub(crate) owns: bool,
    pub(crate) token: Option<Token>,
}

/// Effects still to be run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Todo(pub(crate) VecDeque<Effect>);

impl Hash for Todo {
    /// What can wait behind an abort (acknowledge, claim) says nothing that the state of the job does not say.
    fn hash<H: Hasher>(&self, state: &mut H) {
        for effect in &self.0 {
            std::mem::discriminant(effect).hash(state);
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Worker {
    /// Member id of this process, once it has joined.
    pub(crate) member: Option<u8>,
    /// Version of the group's assignment that membership has seen.
    pub(crate) known: u8,
    pub(crate) published: Published,
    /// Version that the lane has acknowledged.
    pub(crate) acknowledged: u64,
    /// Membership captured by the driver with its assignment.
    pub(crate) token: Option<Token>,
    pub(crate) job: job::State,
    pub(crate) todo: Todo,
    pub(crate) operation: Operation,
    pub(crate) lane: State,
    /// Next sequence per log: data, journal.
    pub(crate) sequences: [u8; 2],
    /// An error has come that nobody has looked at yet.
    pub(crate) broken: bool,
    /// Source offset of the chunk in hand.
    pub(crate) chunk: Option<u8>,
    /// Own claim up to which earlier owners are fenced.
    pub(crate) fenced: i64,
    /// The offset commit was accepted before it should have been sent (a wrong model).
    pub(crate) early: Option<bool>,
    /// Stopped in an orderly way.
    pub(crate) stopped: bool,
}

static SPLIT: LazyLock<SplitId> = LazyLock::new(|| SplitId::new("s"));
static PATH: LazyLock<std::sync::Arc<str>> = LazyLock::new(|| "s".into());

pub(crate) fn split() -> SplitId {
    SPLIT.clone()
}

pub(crate) fn position(offset: u8) -> SourcePosition {
    SourcePosition::File { path: std::sync::Arc::clone(&PATH), offset: offset.into(), line: 0 }
}

pub(crate) fn offset(position: &SourcePosition) -> u8 {
    match position {
        SourcePosition::File { offset, .. } => u8::try_from(*offset).expect("a small offset"),
        _ => panic!("a position of another source"),
    }
}

pub(crate) fn member(token: Option<Token>) -> Member {
    token.map_or_else(
        || Member { member_id: String::new(), generation: -1 },
        |(id, generation)| Member {
            member_id: char::from(b'a' + id).to_string(),
            generation: generation.into(),
        },
    )
}

pub(crate) fn token(member: &Member) -> Option<Token> {
    let id = member.member_id.bytes().next()?;
    Some((id - b'a', u8::try_from(member.generation).ok()?))
}

pub(crate) fn lane_name(lane: u8) -> String {
    char::from(b'A' + lane).to_string()
}

pub(crate) fn lane_number(name: &str) -> u8 {
    name.as_bytes()[0] - b'A'
}

impl Worker {
    /// A process that has just started and knows nothing.
    pub(crate) fn new(version: TransactionVersion, batch: u64) -> Self {
        Self {
            member: None,
            known: 0,
            published: Published { version: 0, lost: true, ..Published::default() },
            acknowledged: 0,
            token: None,
            job: job::State::new(job::Limits { max_bytes: batch }),
            todo: Todo::default(),
            operation: Operation::Idle,
            lane: State::new(version),
            sequences: [0, 0],
            broken: false,
            chunk: None,
            fenced: -1,
            early: None,
            stopped: false,
        }
    }

    /// The driver takes facts from outside only between its calls.
    pub(crate) fn observes(&self) -> bool {
        self.operation == Operation::Idle && self.todo.0.is_empty() && !self.stopped
    }

    /// Position of the next chunk, where the driver reads.
    pub(crate) fn next_to_read(&self) -> Option<u8> {
        let reads = self.observes() && self.job.wants_input();
        reads.then(|| self.job.expected(&split()).map(offset)).flatten()
    }

    pub(crate) fn publish(&mut self, lost: bool, owns: bool, token: Option<Token>) {
        self.published = Published { version: self.published.version + 1, lost, owns, token };
    }
}
