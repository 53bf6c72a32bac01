//! The one mutable record of a task.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use bytes::Bytes;
use velostream_checkpoint::frozen::{
    ActiveBatchV1, IdChunksV1, PositionsV1, decode_body, encode_body, freeze_positions, thaw_positions,
};
use velostream_checkpoint::{ActiveBatch, CheckpointId, IdChunks};
use velostream_core::{BatchId, Epoch, InstanceName, Nonce, SourcePosition, SplitId};
use velostream_envelope::{BodyCodec, Format};

use crate::dating::EventTimes;
use crate::ring::CheckpointRef;
use crate::{Error, Result, TaskId, TaskState};

/// Magic and newest version of a root.
pub const ROOT_FORMAT: Format = Format::new(*b"VSrt", 2);

/// What is written where ids are dated by arrival: releases that know no other dates can read it.
const BY_ARRIVAL: Format = Format::new(ROOT_FORMAT.magic, 1);

/// Largest root that is read; what is written is bounded by the store.
const MAX_ROOT_BYTES: usize = 16 * 1024 * 1024;

/// What stands in the store about a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Root {
    pub(crate) epoch: Epoch,
    pub(crate) nonce: Nonce,
    pub(crate) owner: Option<InstanceName>,
    /// Grows with every write, so that no two writes of an owner are equal.
    pub(crate) lease: u64,
    pub(crate) committed: BatchId,
    pub(crate) positions: BTreeMap<SplitId, SourcePosition>,
    /// In order, without gaps, the first is `committed` + 1.
    pub(crate) pending: Vec<ActiveBatch>,
    pub(crate) live: Vec<IdChunks>,
    /// Oldest first.
    pub(crate) checkpoints: Vec<CheckpointRef>,
    /// `Some` where ids have times of their own.
    pub(crate) events: Option<EventTimes>,
}

/// Version 2, of tasks whose ids have times of their own; frozen.
#[derive(Debug, Encode, Decode)]
struct RootV2 {
    rest: RootV1,
    latest_ms: Option<i64>,
    open: Vec<(u64, i64)>,
}

/// Version 1; frozen.
#[derive(Debug, Encode, Decode)]
struct RootV1 {
    epoch: u64,
    nonce: u64,
    owner: Option<String>,
    lease: u64,
    committed: u64,
    positions: PositionsV1,
    pending: Vec<ActiveBatchV1>,
    live: Vec<IdChunksV1>,
    checkpoints: Vec<[u64; 4]>,
}

impl Root {
    /// A task that nobody has claimed yet.
    pub(crate) const fn new() -> Self {
        Self {
            epoch: Epoch(0),
            nonce: Nonce(0),
            owner: None,
            lease: 0,
            committed: BatchId(0),
            positions: BTreeMap::new(),
            pending: Vec::new(),
            live: Vec::new(),
            checkpoints: Vec::new(),
            events: None,
        }
    }

    /// The last batch that was begun or committed.
    pub(crate) fn last_batch(&self) -> BatchId {
        self.pending.last().map_or(self.committed, |open| open.batch)
    }

    /// The newest time bucket that holds ids.
    pub(crate) fn newest_bucket(&self) -> u64 {
        let pending = self.pending.iter().flat_map(|open| &open.record_ids);
        self.live.iter().chain(pending).map(|run| run.bucket).max().unwrap_or(0)
    }

    pub(crate) fn state(&self) -> TaskState {
        TaskState {
            epoch: self.epoch,
            nonce: self.nonce,
            owner: self.owner.clone(),
            lease: self.lease,
            committed: self.committed,
            positions: self.positions.clone(),
            open_batches: self.pending.clone(),
            tracked_records: self.live.iter().fold(0, |sum: u64, run| sum.saturating_add(run.records)),
            dating: self.dating(),
            latest_checkpoint: self.checkpoints.last().map(|slot| slot.id),
        }
    }

    pub(crate) fn encode(&self, task: &TaskId) -> Result<Bytes> {
        let undecodable = |source| Error::Undecodable { key: task.root_key(), what: "the root", source };
        let rest = RootV1 {
            epoch: self.epoch.0,
            nonce: self.nonce.0,
            owner: self.owner.as_ref().map(ToString::to_string),
            lease: self.lease,
            committed: self.committed.0,
            positions: freeze_positions(&self.positions).map_err(undecodable)?,
            pending: self
                .pending
                .iter()
                .map(TryInto::try_into)
                .collect::<Result<_, _>>()
                .map_err(undecodable)?,
            live: self.live.iter().map(Into::into).collect(),
            checkpoints: self.checkpoints.iter().map(|c| [c.id.0, c.epoch.0, c.nonce.0, c.number]).collect(),
        };
        let (format, body) = match &self.events {
            None => (BY_ARRIVAL, encode_body(&rest)),
            Some(EventTimes { latest_ms, open }) => {
                let open = open.iter().map(|(batch, at_ms)| (batch.0, *at_ms)).collect();
                (ROOT_FORMAT, encode_body(&RootV2 { rest, latest_ms: *latest_ms, open }))
            }
        };
        let bytes = velostream_envelope::encode(format, BodyCodec::Bincode2, &body.map_err(undecodable)?);
        bytes.map(Bytes::from).map_err(|source| undecodable(source.into()))
    }

    pub(crate) fn decode(task: &TaskId, bytes: &[u8]) -> Result<Self> {
        let undecodable = |source| Error::Undecodable { key: task.root_key(), what: "the root", source };
        let frame = velostream_envelope::decode(ROOT_FORMAT, bytes, MAX_ROOT_BYTES);
        let frame = frame.map_err(|source| undecodable(source.into()))?;
        if frame.codec != BodyCodec::Bincode2 {
            return Err(undecodable(velostream_checkpoint::Error::Codec { version: frame.version }));
        }
        let (frozen, events) = match frame.version {
            1 => (decode_body::<RootV1>(frame.body, frame.version).map_err(undecodable)?, None),
            _ => {
                let RootV2 { rest, latest_ms, open } =
                    decode_body(frame.body, frame.version).map_err(undecodable)?;
                let open = open.into_iter().map(|(batch, at_ms)| (BatchId(batch), at_ms)).collect();
                (rest, Some(EventTimes { latest_ms, open }))
            }
        };
        Ok(Self {
            epoch: Epoch(frozen.epoch),
            nonce: Nonce(frozen.nonce),
            owner: frozen.owner.map(InstanceName::new),
            lease: frozen.lease,
            committed: BatchId(frozen.committed),
            positions: thaw_positions(frozen.positions),
            pending: frozen.pending.into_iter().map(Into::into).collect(),
            live: frozen.live.into_iter().map(Into::into).collect(),
            checkpoints: frozen
                .checkpoints
                .into_iter()
                .map(|[id, epoch, nonce, number]| CheckpointRef {
                    id: CheckpointId(id),
                    epoch: Epoch(epoch),
                    nonce: Nonce(nonce),
                    number,
                })
                .collect(),
            events,
        })
    }
}
