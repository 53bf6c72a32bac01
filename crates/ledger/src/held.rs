//! A task that this process holds, and the one way to change its root.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use velostream_checkpoint::{ActiveBatch, IdChunks};
use velostream_core::{
    BatchId, ConditionalStore, Disposition, Outcome, Put, RootVersion, RootWrite, Versioned, mutant,
};
use velostream_record_id::TrackerKey;

use crate::chunk::{self, Chunk, ChunkId, OVERHEAD_BYTES};
use crate::index::Index;
use crate::ring::CheckpointRef;
use crate::root::Root;
use crate::{Batch, Error, LedgerConfig, Ownership, Result, TaskId};

/// How often a change is tried. Each attempt after the first follows a lost reply or a late arrival of an own earlier
/// write, so that more than two in a row mean a store that does not work.
const ATTEMPTS: u32 = 8;

/// Ids that were packed for a batch; a repeated call finds them and writes the same keys and bytes again.
#[derive(Debug, Clone)]
struct Packed {
    ids: Arc<[TrackerKey]>,
    run: IdChunks,
    chunks: Vec<Bytes>,
}

/// What this process knows about a task that it holds.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) ownership: Ownership,
    pub(crate) root: Root,
    version: RootVersion,
    /// A write was handed to the store and its outcome is not known: the root has to be read before it is relied on.
    doubt: bool,
    /// The version that a write of unknown outcome expects. While the root has it, that write may still arrive; a
    /// read cannot rule that out, another write can.
    in_flight: Option<RootVersion>,
    /// Number of the next chunk. Never goes back while the claim lives: a number that failed is not used again.
    next_chunk: u64,
    packed: BTreeMap<BatchId, Vec<Packed>>,
    /// The last checkpoint that was encoded, with its place.
    saved: Option<(CheckpointRef, Bytes)>,
    next_checkpoint: u64,
    pub(crate) index: Index,
    released: bool,
}

impl Held {
    pub(crate) fn new(ownership: Ownership, root: Root, version: RootVersion) -> Self {
        Self {
            ownership,
            root,
            version,
            doubt: false,
            in_flight: None,
            next_chunk: 0,
            packed: BTreeMap::new(),
            saved: None,
            next_checkpoint: 0,
            index: Index::default(),
            released: false,
        }
    }

    fn task(&self) -> &TaskId {
        &self.ownership.task
    }

    /// Changes the root: `change` gives the next root, or `None` where nothing is left to do. It is asked again on
    /// whatever stands after a lost reply, so it must recognise its own effect.
    pub(crate) async fn change<S: ConditionalStore + ?Sized>(
        &mut self,
        store: &S,
        puts: &[Put],
        change: impl Fn(&Root) -> Result<Option<Root>>,
    ) -> Result<()> {
        let mut fresh = false;
        for _ in 0..ATTEMPTS {
            if self.doubt {
                self.refresh(store).await?;
                fresh = true;
            }
            let wanted = change(&self.root);
            let (mut next, settling) = match wanted {
                Ok(Some(next)) => (next, false),
                // What stands is only certain once nothing can arrive any more: write it again.
                _ if self.in_flight.is_some() => (self.root.clone(), true),
                Ok(None) if !fresh => {
                    // Nothing to write, and so nothing that the store could refuse to a stale owner: look.
                    self.refresh(store).await?;
                    fresh = true;
                    continue;
                }
                Ok(None) => return Ok(()),
                Err(error) => return Err(error),
            };
            next.lease = self.root.lease.saturating_add(1);
            let puts = if settling { &[] } else { puts };
            match self.write(store, puts, next).await? {
                Written::Applied if !settling => return Ok(()),
                Written::Applied | Written::Again => fresh = true,
            }
        }
        Err(Error::Contended { task: self.task().clone(), attempts: ATTEMPTS })
    }

    async fn write<S: ConditionalStore + ?Sized>(
        &mut self,
        store: &S,
        puts: &[Put],
        next: Root,
    ) -> Result<Written> {
        let value = next.encode(self.task())?;
        fits(self.task(), "bytes of the root", value.len(), store.guarantees().max_value_bytes)?;
        let write = RootWrite { key: self.task().root_key(), expected: Some(self.version), value };
        // Set before the call, so that a call that is dropped half-way leaves the doubt.
        let earlier = self.in_flight.replace(self.version);
        self.doubt = true;
        match store.commit(puts, write).await {
            Ok(Outcome::Applied(version)) => {
                self.root = next;
                self.version = version;
                self.doubt = false;
                self.in_flight = None;
                Ok(Written::Applied)
            }
            Ok(Outcome::Conflict(current)) => {
                self.adopt(current)?;
                Ok(Written::Again)
            }
            Err(error) if error.disposition() == Disposition::Reconcile => Ok(Written::Again),
            Err(source) => {
                let task = self.task().clone();
                match source.disposition() {
                    // This attempt was not applied, but an earlier one may still arrive.
                    Disposition::Retry if earlier.is_some() => Err(Error::Unresolved { task, source }),
                    Disposition::Retry | Disposition::Reject => {
                        self.doubt = earlier.is_some();
                        self.in_flight = earlier;
                        Err(Error::Store { task, source })
                    }
                    _ => Err(Error::Store { task, source }),
                }
            }
        }
    }

    /// Reads the root, and makes sure that it is still ours.
    pub(crate) async fn refresh<S: ConditionalStore + ?Sized>(&mut self, store: &S) -> Result<()> {
        let key = self.task().root_key();
        match store.read(&[&key]).await {
            Ok(found) => self.adopt(found.into_iter().next().flatten()),
            Err(source) if self.in_flight.is_some() && source.disposition() == Disposition::Retry => {
                Err(Error::Unresolved { task: self.task().clone(), source })
            }
            Err(source) => Err(Error::Store { task: self.task().clone(), source }),
        }
    }

    fn adopt(&mut self, found: Option<Versioned>) -> Result<()> {
        let task = self.task().clone();
        let found = found.ok_or_else(|| Error::RootMissing { task: task.clone() })?;
        let root = Root::decode(&task, &found.value)?;
        let Ownership { epoch, nonce, .. } = self.ownership;
        let same_nonce = root.nonce == nonce || mutant!(NonceIgnored);
        if root.epoch != epoch || !same_nonce {
            let owner = root.owner.map_or_else(|| "nobody".to_owned(), |owner| owner.to_string());
            return Err(Error::Fenced { task, epoch, by: root.epoch, nonce: root.nonce, owner });
        }
        self.root = root;
        self.version = found.version;
        self.doubt = false;
        self.in_flight = self.in_flight.filter(|expected| *expected == found.version);
        Ok(())
    }

    /// Packs the ids of a batch, or finds them packed by an earlier call with the same ids.
    pub(crate) fn pack<S: ConditionalStore + ?Sized>(
        &mut self,
        store: &S,
        config: &LedgerConfig,
        unix_ms: i64,
        batch: BatchId,
        ids: &[TrackerKey],
    ) -> Result<Option<(IdChunks, Vec<Put>)>> {
        if ids.is_empty() {
            return Ok(None);
        }
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids.dedup();
        let known = self.packed.get(&batch).and_then(|all| all.iter().find(|one| one.ids[..] == ids[..]));
        let packed = match known {
            Some(packed) => packed.clone(),
            None => {
                // A clock that went back must not put ids into a bucket that expires earlier.
                let bucket = bucket_of(unix_ms, config).max(self.root.newest_bucket());
                let packed = self.pack_new(store, config, (bucket, unix_ms), ids)?;
                self.packed.entry(batch).or_default().push(packed.clone());
                packed
            }
        };
        let numbers = packed.run.first..=packed.run.last;
        let puts = numbers.zip(packed.chunks).map(|(number, value)| {
            let key = self.ownership.task.chunk_key(&packed.run, number);
            Put { key, value }
        });
        Ok(Some((packed.run.clone(), puts.collect())))
    }

    fn pack_new<S: ConditionalStore + ?Sized>(
        &mut self,
        store: &S,
        config: &LedgerConfig,
        (bucket, at_ms): (u64, i64),
        ids: Vec<TrackerKey>,
    ) -> Result<Packed> {
        let limits = store.guarantees();
        let most = limits.max_value_bytes.saturating_sub(OVERHEAD_BYTES) / 16;
        let parts: Vec<&[TrackerKey]> = ids.chunks(config.ids_per_chunk.min(most).max(1)).collect();
        // One put stays free for a checkpoint of the same commit.
        fits(self.task(), "id chunks of a batch", parts.len(), limits.max_puts.saturating_sub(1).max(1))?;
        let Ownership { epoch, nonce, .. } = self.ownership;
        let first = self.next_chunk;
        let mut chunks = Vec::with_capacity(parts.len());
        for part in parts {
            let id = ChunkId { bucket, epoch, nonce, number: self.next_chunk };
            let chunk = Chunk { at_ms, keys: part.into() };
            let bytes = chunk::encode(id, &chunk).map_err(|source| Error::Undecodable {
                key: self.ownership.task.to_string(),
                what: "an id chunk",
                source: source.into(),
            })?;
            chunks.push(Bytes::from(bytes));
            self.index.keep(id, Arc::new(chunk));
            self.next_chunk = self.next_chunk.saturating_add(1);
        }
        let records = u64::try_from(ids.len()).unwrap_or(u64::MAX);
        let last = self.next_chunk.saturating_sub(1);
        let run = IdChunks { bucket, epoch, nonce, first, last, records };
        Ok(Packed { ids: ids.into(), run, chunks })
    }

    /// A batch as the root lists it, with the puts that it needs.
    pub(crate) fn prepare<S: ConditionalStore + ?Sized>(
        &mut self,
        store: &S,
        config: &LedgerConfig,
        unix_ms: i64,
        batch: Batch,
    ) -> Result<(ActiveBatch, Vec<Put>)> {
        let Batch { batch, next_positions, record_ids } = batch;
        let packed = self.pack(store, config, unix_ms, batch, &record_ids)?;
        let (runs, puts) = packed.map_or_else(Default::default, |(run, puts)| (vec![run], puts));
        Ok((ActiveBatch { batch, next_positions, record_ids: runs }, puts))
    }

    /// Where a checkpoint goes, and the put that it needs. The same checkpoint again goes to the same place.
    pub(crate) fn place<S: ConditionalStore + ?Sized>(
        &mut self,
        store: &S,
        checkpoint: &velostream_checkpoint::ProcessingCheckpoint,
    ) -> Result<(CheckpointRef, Put)> {
        let bytes = velostream_checkpoint::encode(checkpoint).map_err(|source| Error::Undecodable {
            key: self.ownership.task.to_string(),
            what: "a checkpoint",
            source,
        })?;
        fits(self.task(), "bytes of a checkpoint", bytes.len(), store.guarantees().max_value_bytes)?;
        let bytes = Bytes::from(bytes);
        let slot = match &self.saved {
            Some((slot, saved)) if *saved == bytes => *slot,
            _ => {
                let Ownership { epoch, nonce, .. } = self.ownership;
                let number = self.next_checkpoint;
                self.next_checkpoint = number.saturating_add(1);
                CheckpointRef { id: checkpoint.checkpoint_id, epoch, nonce, number }
            }
        };
        self.saved = Some((slot, bytes.clone()));
        Ok((slot, Put { key: self.task().checkpoint_key(&slot), value: bytes }))
    }

    /// Follows the root after a change: forgets what is no longer open, indexes what is now processed.
    pub(crate) fn settle(&mut self) {
        let root = &self.root;
        self.packed.retain(|batch, _| root.pending.iter().any(|open| open.batch == *batch));
        self.index.follow(root);
    }

    /// Keeps nothing but the proof, once the task was given back.
    pub(crate) fn let_go(&mut self) {
        self.released = true;
        self.packed.clear();
        self.saved = None;
        self.index = Index::default();
    }

    pub(crate) const fn in_doubt(&self) -> bool {
        self.doubt
    }

    pub(crate) const fn is_released(&self) -> bool {
        self.released
    }
}

enum Written {
    Applied,
    Again,
}

/// Time bucket of a moment, named by its last millisecond. So a bucket needs no width to be read, and buckets from before
/// a change of the width expire as they would have.
pub(crate) fn bucket_of(unix_ms: i64, config: &LedgerConfig) -> u64 {
    let width_ms = u64::try_from(config.bucket_width.as_millis()).unwrap_or(u64::MAX).max(1);
    let ms = u64::try_from(unix_ms).unwrap_or(0);
    (ms / width_ms).saturating_add(1).saturating_mul(width_ms).saturating_sub(1)
}

fn fits(task: &TaskId, what: &'static str, found: usize, limit: usize) -> Result<()> {
    match found <= limit {
        true => Ok(()),
        false => Err(Error::TooLarge { task: task.clone(), what, found, limit }),
    }
}
