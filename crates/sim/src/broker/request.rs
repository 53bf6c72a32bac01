//! What clients ask the brokers, and what those answer.

use std::collections::{BTreeMap, BTreeSet};

use velostream_protocol::kafka_lane::{Identity, Member};

use super::log::{Batch, Content};

/// Something that takes part in transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Part {
    /// Partition of the destination, one per split.
    Data(u32),
    /// Partition of the job's internal topic, one per split.
    Journal(u32),
    /// The group's offsets.
    Offsets,
}

/// Error codes, by what they mean to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// CONCURRENT_TRANSACTIONS.
    ComeAgain,
    /// PRODUCER_FENCED and INVALID_PRODUCER_EPOCH.
    InvalidProducerEpoch,
    /// INVALID_PRODUCER_ID_MAPPING.
    UnknownProducer,
    /// OUT_OF_ORDER_SEQUENCE_NUMBER.
    OutOfOrderSequence,
    /// INVALID_TXN_STATE.
    InvalidState,
    /// ILLEGAL_GENERATION.
    IllegalGeneration,
    /// UNKNOWN_MEMBER_ID.
    UnknownMember,
    /// REBALANCE_IN_PROGRESS.
    Rebalancing,
    /// UNSTABLE_OFFSET_COMMIT.
    Unstable,
    /// MESSAGE_TOO_LARGE: refused for its content.
    TooLarge,
    /// NOT_LEADER_OR_FOLLOWER, COORDINATOR_NOT_AVAILABLE.
    Away,
    /// OFFSET_OUT_OF_RANGE: the log ends in front of the position.
    OutOfRange,
}

/// One split's new offset in the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoredOffset {
    pub(crate) partition: u32,
    pub(crate) stored: Stored,
}

/// A committed offset with the hint that its metadata carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) offset: i64,
    pub(crate) progress_at: i64,
    pub(crate) highest: i64,
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) enum Request {
    Produce {
        lane: String,
        identity: Identity,
        sequence: i32,
        part: Part,
        content: Content,
    },
    /// A claim record to every one of these partitions of the internal topic, outside any transaction.
    Claim {
        lane: String,
        partitions: BTreeSet<u32>,
    },
    AddPartition {
        lane: String,
        identity: Identity,
        part: Part,
    },
    StoreOffsets {
        lane: String,
        identity: Identity,
        member: Member,
        offsets: Vec<StoredOffset>,
    },
    End {
        lane: String,
        identity: Identity,
        commit: bool,
    },
    /// InitProducerId; `fence` where it is for somebody else's transactional id.
    Init {
        lane: String,
        fence: bool,
    },
    JournalFetch {
        positions: BTreeMap<u32, i64>,
        committed: bool,
    },
    OffsetFetch {
        partitions: BTreeSet<u32>,
        stable: bool,
    },
    /// ListOffsets of the destinations, to see whether the sink went back.
    Ends {
        partitions: BTreeSet<u32>,
    },
    Heartbeat {
        member: Member,
    },
    Join {
        worker: usize,
        member_id: String,
        holds: BTreeSet<u32>,
    },
    Leave {
        member_id: String,
    },
    SourceFetch {
        positions: BTreeMap<u32, i64>,
    },
}

impl Request {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Produce { part: Part::Data(_), .. } => "Produce",
            Self::Produce { .. } => "ProduceProgress",
            Self::Claim { .. } => "ProduceClaim",
            Self::AddPartition { .. } => "AddPartitionsToTxn",
            Self::StoreOffsets { .. } => "TxnOffsetCommit",
            Self::End { commit: true, .. } => "EndTxn(commit)",
            Self::End { commit: false, .. } => "EndTxn(abort)",
            Self::Init { fence: false, .. } => "InitProducerId",
            Self::Init { fence: true, .. } => "InitProducerId(fence)",
            Self::JournalFetch { .. } => "JournalFetch",
            Self::OffsetFetch { .. } => "OffsetFetch",
            Self::Ends { .. } => "ListOffsets",
            Self::Heartbeat { .. } => "Heartbeat",
            Self::Join { .. } => "JoinGroup",
            Self::Leave { .. } => "LeaveGroup",
            Self::SourceFetch { .. } => "Fetch",
        }
    }

    /// True where a replaced server could answer with what was true before.
    pub(crate) const fn is_read(&self) -> bool {
        matches!(
            self,
            Self::JournalFetch { .. }
                | Self::OffsetFetch { .. }
                | Self::Heartbeat { .. }
                | Self::Ends { .. }
                | Self::SourceFetch { .. }
        )
    }
}

/// What was fetched of one partition.
#[derive(Debug, Clone)]
pub(crate) struct Fetched {
    pub(crate) batches: Vec<Batch>,
    /// Producer and first offset of aborted transactions.
    pub(crate) aborted: Vec<(i64, i64)>,
    pub(crate) last_stable: i64,
}

/// One answer.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// Done.
    Done,
    /// Refused.
    Error(Code),
    /// Base offset of what was produced.
    Appended(i64),
    /// Offset of the claim, per partition.
    Claimed(BTreeMap<u32, i64>),
    /// Identity to go on with.
    Identity(Option<Identity>),
    Fetched(BTreeMap<u32, Fetched>),
    Offsets(BTreeMap<u32, Stored>),
    Ends(BTreeMap<u32, i64>),
    Joined {
        member: Member,
        splits: BTreeSet<u32>,
    },
}

impl Answer {
    /// Enough of the content for a hash of what happened.
    pub(crate) fn digest(&self) -> u64 {
        let of = |n: i64| u64::from_le_bytes(n.to_le_bytes()) & 0xFFFF_FFFF;
        match self {
            Self::Done => 1,
            Self::Error(code) => 100 + *code as u64,
            Self::Appended(base) => 1_000 + of(*base),
            Self::Claimed(at) => 2_000 + at.values().map(|n| of(*n)).sum::<u64>(),
            Self::Identity(identity) => {
                identity.map_or(3, |i| 4_000 + of(i.id) * 65_536 + of(i64::from(i.epoch)))
            }
            Self::Fetched(partitions) => {
                5_000 + partitions.values().map(|f| of(f.last_stable) + f.batches.len() as u64).sum::<u64>()
            }
            Self::Offsets(stored) => 6_000 + stored.values().map(|s| of(s.offset)).sum::<u64>(),
            Self::Ends(ends) => 7_000 + ends.values().map(|n| of(*n)).sum::<u64>(),
            Self::Joined { member, splits } => {
                8_000 + of(i64::from(member.generation)) * 64 + splits.len() as u64
            }
        }
    }
}
