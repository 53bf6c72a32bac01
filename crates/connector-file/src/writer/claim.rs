//! Claiming the directory, and splits in it.

use std::collections::BTreeSet;
use std::sync::Arc;

use velostream_core::{BatchId, Claim, SplitId, mutant};

use super::Writer;
use crate::disk::Disk;
use crate::lane::Start;
use crate::layout::Layout;
use crate::lock::DirectoryLock;
use crate::manifest::{Committed, Manifest};
use crate::manifest_store::ManifestStore;
use crate::{Error, Result, SinkConfig};

impl Writer {
    /// Claims the directory.
    ///
    /// # Errors
    /// `Locked`, `Foreign`, `OtherJob`, `OtherName`, `WentBack`, `ManifestGone`, `Fenced`, `Read`, `Write`, `ManifestCorrupt`,
    /// `ManifestVersion`.
    ///
    /// # Crash safety
    /// At any point: the next claim supersedes this one.
    pub(crate) fn claim(disk: Arc<dyn Disk>, config: Arc<SinkConfig>) -> Result<Self> {
        let store = ManifestStore { disk, layout: Layout::new(&config.path)? };
        store.prepare()?;
        let lock = DirectoryLock::acquire(&store.layout.dir)?;
        let job = config.job.as_str();
        let found = match store.newest(job)? {
            Some(manifest) => manifest,
            None => match store.layout.data_files()?.into_iter().next() {
                Some((_, name)) => return Err(Error::Foreign { path: store.layout.data(&name) }),
                None => Manifest::new(job, &store.layout.name()),
            },
        };
        store.verify(&found)?;
        let mut manifest = Manifest { epoch: found.epoch.next(), ..found.clone() };
        store.create(&manifest)?;
        // An owner that this claim fences may have committed since `found` was read; from here on it cannot.
        let late = Manifest::read(&store.layout.dir, found.epoch)?.filter(|late| *late != found);
        if let Some(late) = late.filter(|_| !mutant!(LateCommitOverlooked)) {
            manifest = Manifest { epoch: manifest.epoch, ..late };
            store.replace(&manifest)?;
        }
        store.ensure_newest(manifest.epoch)?;
        store.sweep(&manifest)?;
        Ok(Self {
            store,
            config,
            manifest,
            claimed: BTreeSet::new(),
            data: None,
            gathered: Vec::new(),
            open: None,
            doubt: false,
            _lock: lock,
        })
    }

    /// Adds splits and says where they stand. A split that was never claimed starts where `start` says, once and
    /// for all: its start is durable before this returns.
    ///
    /// # Errors
    /// `Passed` with the error of `start`; as `commit`.
    pub(crate) fn add(&mut self, splits: &[SplitId], start: &Start) -> Result<Vec<Claim>> {
        self.attempt("claim", |writer| {
            let mut next = writer.manifest.clone();
            for split in splits {
                if !next.splits.contains_key(split) || mutant!(StartAtEveryClaim) {
                    let position = start.position(split)?;
                    next.splits.insert(split.clone(), Committed { position, batch: BatchId(0) });
                }
            }
            if next == writer.manifest {
                writer.store.ensure_newest(next.epoch)?;
            } else {
                writer.store.replace(&next)?;
                writer.manifest = next;
            }
            writer.claimed.extend(splits.iter().cloned());
            let claims = splits.iter().filter_map(|split| {
                let committed = writer.manifest.splits.get(split)?;
                let (position, batch) = (committed.position.clone(), committed.batch);
                Some(Claim { split: split.clone(), position, batch })
            });
            Ok(claims.collect())
        })
    }
}
