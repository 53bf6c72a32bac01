//! The exactly-once writer of one output directory: blocking, and the whole protocol of the file sink.
//!
//! ```text
//! claim   lock -> newest manifest n -> create manifest n+1 -> read n again -> sweep
//! write   append to the data file of n+1 (nobody reads beyond what a manifest says)
//! commit  sync data -> write temporary manifest, sync -> still newest? -> rename -> sync directory -> still newest?
//! abort   cut the data file
//! ```

mod claim;
mod data;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use velostream_core::{Chunk, Epoch, Payload, Progress, SourcePosition, SplitId, mutant};

use self::data::Data;
use crate::line_format;
use crate::lock::DirectoryLock;
use crate::manifest::{Committed, Manifest};
use crate::manifest_store::ManifestStore;
use crate::{Error, Result, SinkConfig};

/// Lines are gathered up to this many bytes before they are written.
const GATHER_BYTES: usize = 1 << 20;

/// Owner of an output directory under one epoch. Dropping it rolls back what is not committed, then lets the lock go.
#[derive(Debug)]
pub(crate) struct Writer {
    store: ManifestStore,
    config: Arc<SinkConfig>,
    /// As committed.
    manifest: Manifest,
    claimed: BTreeSet<SplitId>,
    data: Option<Data>,
    /// Lines that are not written yet.
    gathered: Vec<u8>,
    /// The open transaction: what was written of each split, as the position behind it.
    open: Option<BTreeMap<SplitId, SourcePosition>>,
    /// A call failed midway: only a new claim knows more.
    doubt: bool,
    /// Last, so that it is freed last.
    _lock: DirectoryLock,
}

impl Writer {
    /// Epoch of this owner.
    pub(crate) fn epoch(&self) -> Epoch {
        self.manifest.epoch
    }

    /// Opens a transaction.
    ///
    /// # Errors
    /// `Misuse` where one is open; `Fenced`.
    pub(crate) fn begin(&mut self) -> Result<()> {
        self.attempt("begin", |writer| {
            if writer.open.is_some() {
                return Err(misuse("begin", "a transaction is open"));
            }
            writer.store.ensure_newest(writer.manifest.epoch)?;
            writer.open = Some(BTreeMap::new());
            Ok(())
        })
    }

    /// Adds a chunk: all of it, or, where it is refused, nothing.
    ///
    /// # Errors
    /// `NewlineInValue`, `Tombstone`, `Passed`, `Unclaimed`, `Misuse`: refused. `Write`.
    pub(crate) fn write(&mut self, chunk: Chunk) -> Result<()> {
        self.attempt("write", |writer| {
            if !writer.claimed.contains(&chunk.split) {
                return Err(Error::Unclaimed { split: chunk.split });
            }
            let Some(open) = &mut writer.open else { return Err(misuse("write", "no transaction is open")) };
            let committed = writer.manifest.splits.get(&chunk.split).map(|committed| &committed.position);
            in_order("write", open.get(&chunk.split).or(committed), &chunk.from)?;
            match &chunk.payload {
                Payload::Records { records, .. } => line_format::append(records, &mut writer.gathered)?,
                Payload::Encoded(encoded) => {
                    let decoded = encoded.decode(&chunk.from, writer.config.max_decoded_bytes);
                    let records = decoded.map_err(|source| Error::Passed { source })?;
                    line_format::append(&records, &mut writer.gathered)?;
                }
            }
            open.insert(chunk.split, chunk.next);
            if writer.gathered.len() >= GATHER_BYTES { writer.write_gathered() } else { Ok(()) }
        })
    }

    /// Commits what was written and the progress, in one unit.
    ///
    /// # Errors
    /// `Misuse`, `Unclaimed`: refused, still open. `Write`: not committed. `CommitUnknown`, `Fenced`, `ManifestGone`.
    ///
    /// # Crash safety
    /// At any point all of it or nothing of it stands; a claim says which.
    pub(crate) fn commit(&mut self, progress: &[Progress]) -> Result<()> {
        self.attempt("commit", |writer| {
            let Some(open) = &writer.open else { return Err(misuse("commit", "no transaction is open")) };
            let mut next = writer.manifest.clone();
            for step in progress {
                let known = next.splits.get_mut(&step.split).filter(|_| writer.claimed.contains(&step.split));
                let Some(known) = known else {
                    return Err(Error::Unclaimed { split: step.split.clone() });
                };
                in_order("commit", open.get(&step.split).or(Some(&known.position)), &step.next)?;
                if step.batch <= known.batch {
                    let why = format!("{}: delivery {} after {}", step.split, step.batch, known.batch);
                    return Err(Error::Misuse { call: "commit", why });
                }
                *known = Committed { position: step.next.clone(), batch: step.batch };
            }
            if let Some(split) = open.keys().find(|split| progress.iter().all(|step| step.split != **split)) {
                let why = format!("{split}: records without progress");
                return Err(Error::Misuse { call: "commit", why });
            }
            next.commits = next.commits.saturating_add(1);
            if mutant!(ManifestBeforeData) {
                writer.store.replace(&next)?;
            }
            writer.write_gathered()?;
            if let Some(data) = &mut writer.data {
                data.sync(&writer.store, &mut next)?;
            }
            writer.store.replace(&next)?;
            writer.manifest = next;
            writer.open = None;
            for step in progress.iter().filter(|step| step.released) {
                writer.claimed.remove(&step.split);
            }
            Ok(())
        })
    }

    /// Rolls the open transaction back; without one, nothing happens.
    ///
    /// # Errors
    /// `Write`.
    pub(crate) fn abort(&mut self) -> Result<()> {
        self.attempt("abort", |writer| {
            writer.open = None;
            writer.gathered.clear();
            match &mut writer.data {
                Some(data) => data.cut(&writer.store, writer.manifest.committed_bytes(data.name())),
                None => Ok(()),
            }
        })
    }

    /// Rolls back and brings the data files in line with the manifest, for readers that know nothing of manifests.
    ///
    /// What counts is the manifest on disk, not the one in memory: a commit of unknown outcome may stand.
    ///
    /// # Errors
    /// `Read`, `Write`, `ManifestCorrupt`; nothing committed is touched.
    pub(crate) fn close(&mut self) -> Result<()> {
        self.doubt = true;
        self.data = None;
        match self.store.newest(self.config.job.as_str())? {
            Some(standing) if standing.epoch == self.manifest.epoch => self.store.sweep(&standing),
            // Fenced: the directory is the newer owner's to sweep.
            _ => Ok(()),
        }
    }

    /// Refuses in doubt, and notes doubt after everything but a clean refusal.
    fn attempt<T>(&mut self, call: &'static str, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.doubt {
            return Err(Error::InDoubt { call });
        }
        let result = work(self);
        self.doubt = match &result {
            Ok(_) => false,
            Err(
                Error::Misuse { .. }
                | Error::Unclaimed { .. }
                | Error::NewlineInValue { .. }
                | Error::Tombstone { .. }
                | Error::Passed { .. }
                | Error::PositionKind { .. },
            ) => false,
            Err(_) => true,
        };
        result
    }

    fn write_gathered(&mut self) -> Result<()> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let data = match &mut self.data {
            Some(data) => data,
            none => none.insert(Data::create(&self.store, self.manifest.epoch)?),
        };
        data.append(&self.store, &self.gathered)?;
        self.gathered.clear();
        self.gathered.shrink_to(GATHER_BYTES.saturating_mul(4));
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Best effort: the next claim does it again.
        drop(self.close());
    }
}

/// `next` is of the same split as `known` and not before it.
fn in_order(call: &'static str, known: Option<&SourcePosition>, next: &SourcePosition) -> Result<()> {
    match known.and_then(|known| known.order(next)) {
        Some(order) if order.is_le() => Ok(()),
        _ => {
            let known = known.map_or_else(|| "nothing".to_owned(), ToString::to_string);
            Err(Error::Misuse { call, why: format!("{next} does not follow {known}") })
        }
    }
}

fn misuse(call: &'static str, why: &str) -> Error {
    Error::Misuse { call, why: why.to_owned() }
}

#[cfg(test)]
mod tests;
