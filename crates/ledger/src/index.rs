//! The owner's exact index of processed ids.
//!
//! Follows the root: whatever it lists is loaded once, from what this owner has written or from the store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use velostream_checkpoint::IdChunks;
use velostream_core::{BatchId, Epoch, Nonce, mutant};
use velostream_record_id::TrackerKey;

use crate::chunk::{Chunk, ChunkId};
use crate::id_set::IdSet;
use crate::root::Root;

/// What is known about a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecordStatus {
    /// Neither processed nor pending.
    New,
    /// Part of an open batch.
    Pending(BatchId),
    /// Part of a committed batch, and not expired.
    Processed,
}

/// A run of chunks by where it begins; runs grow at their end only.
type RunKey = (u64, Epoch, Nonce, u64);

const fn run_key(run: &IdChunks) -> RunKey {
    (run.bucket, run.epoch, run.nonce, run.first)
}

#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Processed ids.
    ids: IdSet,
    /// Time buckets that `ids` has ids of.
    buckets: BTreeSet<u64>,
    /// The last chunk of each run that is in `ids`.
    loaded: BTreeMap<RunKey, u64>,
    /// Chunks that are not in `ids`: written by this owner, or of open batches.
    chunks: BTreeMap<ChunkId, Arc<Chunk>>,
}

impl Index {
    /// Keeps a chunk that this owner is about to write.
    pub(crate) fn keep(&mut self, id: ChunkId, chunk: Arc<Chunk>) {
        self.chunks.insert(id, chunk);
    }

    /// Chunks that the root lists and that are not here.
    pub(crate) fn missing(&self, root: &Root) -> Vec<(IdChunks, u64)> {
        let mut missing = Vec::new();
        for run in &root.live {
            let from = self.loaded.get(&run_key(run)).map_or(run.first, |last| last.saturating_add(1));
            missing.extend((from..=run.last).map(|number| (run.clone(), number)));
        }
        for run in root.pending.iter().flat_map(|open| &open.record_ids) {
            missing.extend((run.first..=run.last).map(|number| (run.clone(), number)));
        }
        missing.retain(|(run, number)| !self.chunks.contains_key(&ChunkId::of(run, *number)));
        missing
    }

    /// Takes over what the root lists and is here; drops what it no longer lists.
    pub(crate) fn follow(&mut self, root: &Root) {
        for run in &root.live {
            let from = self.loaded.get(&run_key(run)).map_or(run.first, |last| last.saturating_add(1));
            for number in from..=run.last {
                // Behind a chunk that has still to be loaded the rest waits, so that `loaded` has no holes.
                let Some(chunk) = self.chunks.remove(&ChunkId::of(run, number)) else { break };
                self.buckets.insert(run.bucket);
                for key in &chunk.keys {
                    self.ids.insert(*key, chunk.at_ms);
                }
                self.loaded.insert(run_key(run), number);
            }
        }
        self.drop_unlisted(root);
    }

    /// Drops what the root no longer lists.
    fn drop_unlisted(&mut self, root: &Root) {
        self.loaded.retain(|key, _| root.live.iter().any(|run| run_key(run) == *key));
        let is_listed = |bucket: &u64| root.live.iter().any(|run| run.bucket == *bucket);
        let dropped = self.buckets.iter().rev().find(|bucket| !is_listed(bucket)).copied();
        if let Some(last_ms) = dropped {
            self.buckets.retain(is_listed);
            // Buckets go from the oldest on, and hold nothing that is younger than their last millisecond.
            self.ids.retain(|at_ms| u64::try_from(at_ms).unwrap_or(0) > last_ms);
        }
        let listed = |id: &ChunkId| {
            let pending = root.pending.iter().flat_map(|open| &open.record_ids);
            root.live.iter().chain(pending).any(|run| {
                (run.bucket, run.epoch, run.nonce) == (id.bucket, id.epoch, id.nonce)
                    && (run.first..=run.last).contains(&id.number)
            })
        };
        self.chunks.retain(|id, _| listed(id));
    }

    /// The status of each record, once nothing is missing; what was processed at or before `expired_ms` does not count.
    pub(crate) fn statuses(&self, root: &Root, keys: &[TrackerKey], expired_ms: i64) -> Vec<RecordStatus> {
        let mut pending = Vec::new();
        for open in &root.pending {
            for run in &open.record_ids {
                let chunks = (run.first..=run.last).filter_map(|n| self.chunks.get(&ChunkId::of(run, n)));
                pending.extend(chunks.filter(|c| c.at_ms > expired_ms).map(|chunk| (open.batch, chunk)));
            }
        }
        let status = |key: &TrackerKey| {
            if self.ids.at_ms(key).is_some_and(|at_ms| at_ms > expired_ms || mutant!(ExpiredIdsCount)) {
                return RecordStatus::Processed;
            }
            let open = pending.iter().find(|(_, chunk)| chunk.contains(key));
            open.map_or(RecordStatus::New, |(batch, _)| RecordStatus::Pending(*batch))
        };
        keys.iter().map(status).collect()
    }
}
