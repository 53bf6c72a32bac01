//! Packing the ids of a batch into chunks.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use velostream_checkpoint::IdChunks;
use velostream_core::{BatchId, ConditionalStore, Put};
use velostream_record_id::TrackerKey;

use crate::chunk::{self, Chunk, ChunkId, MAX_ID_BYTES, OVERHEAD_BYTES, Times};
use crate::held::{Held, fits};
use crate::{BatchIds, Error, LedgerConfig, Ownership, Result};

/// What the ids of a batch need: runs for the root to list, and the puts that hold them.
#[derive(Debug, Default)]
pub(crate) struct PackedIds {
    pub(crate) runs: Vec<IdChunks>,
    pub(crate) puts: Vec<Put>,
}

/// Ids that were packed for a batch; a repeated call finds them and writes the same keys and bytes again.
#[derive(Debug, Clone)]
struct Packed {
    ids: BatchIds,
    chunks: Vec<(ChunkId, u64, Bytes)>,
}

/// Gives numbers to chunks. None goes back while the claim lives: a number that failed is not used again.
#[derive(Debug, Default)]
pub(crate) struct Packer {
    /// The next number where all buckets share them.
    next: u64,
    /// The next number of each bucket that counts for itself.
    of_bucket: BTreeMap<u64, u64>,
    packed: BTreeMap<BatchId, Vec<Packed>>,
}

impl Packer {
    /// Forgets what was packed for other batches.
    pub(crate) fn keep(&mut self, keep: impl Fn(BatchId) -> bool) {
        self.packed.retain(|batch, _| keep(*batch));
    }

    /// Arrivals fill one bucket after the other; times of their own go to and fro, so that each bucket counts for itself
    /// and has one run in the root however often they do.
    fn number(&mut self, bucket: u64, times: &Times) -> u64 {
        let next = match times {
            Times::One(_) => {
                self.next = self.of_bucket.values().copied().fold(self.next, u64::max);
                &mut self.next
            }
            Times::Each(_) => self.of_bucket.entry(bucket).or_insert(self.next),
        };
        let number = *next;
        *next = number.saturating_add(1);
        number
    }
}

impl Held {
    /// Packs the ids of a batch, or finds them packed by an earlier call with the same ids.
    pub(crate) fn pack<S: ConditionalStore + ?Sized>(
        &mut self,
        store: &S,
        config: &LedgerConfig,
        unix_ms: i64,
        batch: BatchId,
        ids: BatchIds,
    ) -> Result<PackedIds> {
        if ids.is_empty() {
            return Ok(PackedIds::default());
        }
        let ids = ids.sorted();
        let known = self.packer.packed.get(&batch).and_then(|all| all.iter().find(|one| one.ids == ids));
        let packed = match known {
            Some(packed) => packed.clone(),
            None => {
                let packed = self.pack_new(store, config, unix_ms, ids)?;
                self.packer.packed.entry(batch).or_default().push(packed.clone());
                packed
            }
        };
        let mut all = PackedIds::default();
        for (id, records, value) in packed.chunks {
            match all.runs.last_mut() {
                Some(run) if run.bucket == id.bucket => {
                    run.last = id.number;
                    run.records = run.records.saturating_add(records);
                }
                _ => all.runs.push(run_of(id, records)),
            }
            let key = self.ownership.task.chunk_key(&run_of(id, records), id.number);
            all.puts.push(Put { key, value });
        }
        Ok(all)
    }

    fn pack_new<S: ConditionalStore + ?Sized>(
        &mut self,
        store: &S,
        config: &LedgerConfig,
        unix_ms: i64,
        ids: BatchIds,
    ) -> Result<Packed> {
        let limits = store.guarantees();
        let room = limits.max_value_bytes.saturating_sub(OVERHEAD_BYTES);
        let most = |id_bytes: usize| config.ids_per_chunk.min(room / id_bytes).max(1);
        let parts = match &ids {
            BatchIds::Arrived(ids) => {
                // A clock that went back must not put ids into a bucket that expires earlier.
                let bucket = bucket_of(unix_ms, config).max(self.root.newest_bucket());
                let chunk = |part: &[TrackerKey]| Chunk { times: Times::One(unix_ms), keys: part.into() };
                ids.chunks(most(16)).map(|part| (bucket, chunk(part))).collect()
            }
            BatchIds::Dated(ids) => by_bucket(ids, config, most(MAX_ID_BYTES)),
        };
        // One put stays free for a checkpoint of the same commit.
        fits(self.task(), "id chunks of a batch", parts.len(), limits.max_puts.saturating_sub(1).max(1))?;
        let Ownership { epoch, nonce, .. } = self.ownership;
        let mut chunks = Vec::with_capacity(parts.len());
        for (bucket, chunk) in parts {
            let id = ChunkId { bucket, epoch, nonce, number: self.packer.number(bucket, &chunk.times) };
            let bytes = chunk::encode(id, &chunk).map_err(|source| Error::Undecodable {
                key: self.ownership.task.to_string(),
                what: "an id chunk",
                source: source.into(),
            })?;
            chunks.push((id, u64::try_from(chunk.keys.len()).unwrap_or(u64::MAX), Bytes::from(bytes)));
            self.index.keep(id, Arc::new(chunk));
        }
        Ok(Packed { ids, chunks })
    }
}

/// Chunks of ids by the buckets of their times: one goes only when all of it is old.
fn by_bucket(ids: &[(TrackerKey, i64)], config: &LedgerConfig, most: usize) -> Vec<(u64, Chunk)> {
    let mut buckets = BTreeMap::<u64, Vec<(TrackerKey, i64)>>::new();
    for (id, at_ms) in ids {
        buckets.entry(bucket_of(*at_ms, config)).or_default().push((*id, *at_ms));
    }
    let chunk = |part: &[(TrackerKey, i64)]| Chunk {
        times: Times::Each(part.iter().map(|(_, at_ms)| *at_ms).collect()),
        keys: part.iter().map(|(id, _)| *id).collect(),
    };
    let parts = buckets.iter().flat_map(|(bucket, ids)| ids.chunks(most).map(|part| (*bucket, chunk(part))));
    parts.collect()
}

/// A run of one chunk.
const fn run_of(id: ChunkId, records: u64) -> IdChunks {
    let ChunkId { bucket, epoch, nonce, number } = id;
    IdChunks { bucket, epoch, nonce, first: number, last: number, records }
}

/// Time bucket of a moment, named by its last millisecond. So a bucket needs no width to be read, and buckets from before
/// a change of the width expire as they would have.
fn bucket_of(unix_ms: i64, config: &LedgerConfig) -> u64 {
    let width_ms = u64::try_from(config.bucket_width.as_millis()).unwrap_or(u64::MAX).max(1);
    let ms = u64::try_from(unix_ms).unwrap_or(0);
    (ms / width_ms).saturating_add(1).saturating_mul(width_ms).saturating_sub(1)
}
