//! The owner's exact index of processed ids.
//!
//! Follows the root: whatever it lists is loaded once, from what this owner has written or from the store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use velostream_checkpoint::IdChunks;
use velostream_core::{BatchId, Epoch, Nonce, mutant};
use velostream_record_id::TrackerKey;

use crate::bloom::Bloom;
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
    /// Everything in `ids` and `chunks`, and maybe more.
    known: Bloom,
}

impl Index {
    /// Keeps a chunk that this owner is about to write.
    pub(crate) fn keep(&mut self, id: ChunkId, chunk: Arc<Chunk>) {
        for key in &chunk.keys {
            self.known.insert(key);
        }
        self.chunks.insert(id, chunk);
        if self.known.is_full() {
            self.know_again();
        }
    }

    /// Without what is neither in `ids` nor in `chunks` any more, and with room for what comes.
    fn know_again(&mut self) {
        let in_chunks = || self.chunks.values().flat_map(|chunk| &chunk.keys);
        let mut known = Bloom::for_ids(self.ids.len().saturating_add(in_chunks().count()));
        self.ids.keys().for_each(|key| known.insert(&key));
        in_chunks().for_each(|key| known.insert(key));
        self.known = known;
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
                for (key, at_ms) in chunk.entries() {
                    self.ids.insert(key, at_ms);
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
        let expired = dropped.is_some();
        let listed = |id: &ChunkId| {
            let pending = root.pending.iter().flat_map(|open| &open.record_ids);
            root.live.iter().chain(pending).any(|run| {
                (run.bucket, run.epoch, run.nonce) == (id.bucket, id.epoch, id.nonce)
                    && (run.first..=run.last).contains(&id.number)
            })
        };
        self.chunks.retain(|id, _| listed(id));
        if expired {
            self.know_again();
        }
    }

    /// The status of each record, once nothing is missing; what was processed at or before `expired_ms` does not count.
    pub(crate) fn statuses(&self, root: &Root, keys: &[TrackerKey], expired_ms: i64) -> Vec<RecordStatus> {
        let pending: Vec<(BatchId, &Arc<Chunk>)> = self.pending(root).collect();
        let status = |key: &TrackerKey| {
            if !self.known.may_contain(key) {
                return RecordStatus::New;
            }
            if self.ids.at_ms(key).is_some_and(|at_ms| at_ms > expired_ms || mutant!(ExpiredIdsCount)) {
                return RecordStatus::Processed;
            }
            let open =
                pending.iter().find(|(_, chunk)| chunk.at_ms(key).is_some_and(|at_ms| at_ms > expired_ms));
            open.map_or(RecordStatus::New, |(batch, _)| RecordStatus::Pending(*batch))
        };
        keys.iter().map(status).collect()
    }

    /// The latest time of each record, processed or pending, once nothing is missing.
    pub(crate) fn times(&self, root: &Root, keys: &[TrackerKey]) -> Vec<Option<i64>> {
        let pending: Vec<(BatchId, &Arc<Chunk>)> = self.pending(root).collect();
        let latest = |key: &TrackerKey| {
            if !self.known.may_contain(key) {
                return None;
            }
            let open = pending.iter().filter_map(|(_, chunk)| chunk.at_ms(key)).max();
            open.max(self.ids.at_ms(key))
        };
        keys.iter().map(latest).collect()
    }

    /// The chunks of open batches.
    fn pending(&self, root: &Root) -> impl Iterator<Item = (BatchId, &Arc<Chunk>)> {
        let runs = root.pending.iter().flat_map(|open| open.record_ids.iter().map(|run| (open.batch, run)));
        runs.flat_map(|(batch, run)| {
            let chunks = (run.first..=run.last).filter_map(|n| self.chunks.get(&ChunkId::of(run, n)));
            chunks.map(move |chunk| (batch, chunk))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spread over all leading bits, as hashes are.
    fn key(n: u64) -> TrackerKey {
        let high = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        TrackerKey((u128::from(high) << 64 | u128::from(n)).to_be_bytes())
    }

    #[test]
    fn million_ids_take_at_most_24_bytes_each_and_none_is_taken_for_new() {
        for ids in [100_000, 524_289, 1_000_000_u64] {
            let mut index = Index::default();
            let memory = allocation_counter::measure(|| {
                for n in 0..ids {
                    index.known.insert(&key(n));
                    index.ids.insert(key(n), 1_800_000_000_000);
                    if index.known.is_full() {
                        index.know_again();
                    }
                }
            });
            let bytes = f64::from(i32::try_from(memory.bytes_current).unwrap());
            let each = bytes / f64::from(u32::try_from(ids).unwrap());
            println!("{ids} ids: {each:.2} bytes each, at most {} at a time", memory.bytes_max);
            assert!(each <= 24.0, "{ids} ids: {each} bytes each");
            assert!((0..ids).all(|n| index.known.may_contain(&key(n))));
        }
    }
}
