//! A task that this process holds, and the one way to change its root.

use bytes::Bytes;
use velostream_checkpoint::ActiveBatch;
use velostream_core::{
    ConditionalStore, Disposition, Outcome, Put, RootVersion, RootWrite, Versioned, mutant,
};

use crate::index::Index;
use crate::pack::{PackedIds, Packer};
use crate::ring::CheckpointRef;
use crate::root::Root;
use crate::{Batch, Dating, Error, LedgerConfig, Ownership, Result, TaskId};

/// How often a change is tried. Each attempt after the first follows a lost reply or a late arrival of an own earlier
/// write, so that more than two in a row mean a store that does not work.
const ATTEMPTS: u32 = 8;

/// A batch about to be begun.
pub(crate) struct Next {
    pub(crate) open: ActiveBatch,
    pub(crate) dating: Dating,
    pub(crate) puts: Vec<Put>,
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
    pub(crate) packer: Packer,
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
            packer: Packer::default(),
            saved: None,
            next_checkpoint: 0,
            index: Index::default(),
            released: false,
        }
    }

    pub(crate) fn task(&self) -> &TaskId {
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

    /// A batch as the root lists it, with what it needs.
    pub(crate) fn prepare<S: ConditionalStore + ?Sized>(
        &mut self,
        store: &S,
        config: &LedgerConfig,
        unix_ms: i64,
        batch: Batch,
    ) -> Result<Next> {
        let Batch { batch, next_positions, record_ids } = batch;
        let dating = record_ids.dating();
        let PackedIds { runs, puts } = self.pack(store, config, unix_ms, batch, record_ids)?;
        Ok(Next { open: ActiveBatch { batch, next_positions, record_ids: runs }, dating, puts })
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
        self.packer.keep(|batch| root.pending.iter().any(|open| open.batch == batch));
        self.index.follow(root);
    }

    /// Keeps nothing but the proof, once the task was given back.
    pub(crate) fn let_go(&mut self) {
        self.released = true;
        self.packer.keep(|_| false);
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

pub(crate) fn fits(task: &TaskId, what: &'static str, found: usize, limit: usize) -> Result<()> {
    match found <= limit {
        true => Ok(()),
        false => Err(Error::TooLarge { task: task.clone(), what, found, limit }),
    }
}
