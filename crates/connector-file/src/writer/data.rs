//! The data file of one epoch: nobody reads beyond what a manifest says of it.

use std::fs::File;
use std::path::PathBuf;

use velostream_core::{Epoch, mutant};

use crate::Result;
use crate::manifest::{DataFile, Manifest};
use crate::manifest_store::{ManifestStore, write_failed};

/// The data file of this epoch; made with the first line.
#[derive(Debug)]
pub(super) struct Data {
    file: File,
    name: String,
    path: PathBuf,
    /// Bytes written, committed or not.
    bytes: u64,
    /// Its name is durable.
    named: bool,
}

impl Data {
    pub(super) fn create(store: &ManifestStore, epoch: Epoch) -> Result<Self> {
        let name = store.layout.data_name(epoch);
        let path = store.layout.data(&name);
        let file = store.disk.create(&path).map_err(write_failed("create", &path))?;
        Ok(Self { file, name, path, bytes: 0, named: false })
    }

    /// As manifests list it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn append(&mut self, store: &ManifestStore, bytes: &[u8]) -> Result<()> {
        let written = store.disk.write(&self.file, &self.path, bytes, self.bytes);
        written.map_err(write_failed("write", &self.path))?;
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        Ok(())
    }

    /// Drops what lies behind `committed` bytes.
    pub(super) fn cut(&mut self, store: &ManifestStore, committed: u64) -> Result<()> {
        if self.bytes > committed {
            let cut = store.disk.truncate(&self.file, &self.path, committed);
            cut.map_err(write_failed("truncate", &self.path))?;
            self.bytes = committed;
        }
        Ok(())
    }

    /// Makes content and name durable and lists the file in `next`, which lists what is committed so far.
    pub(super) fn sync(&mut self, store: &ManifestStore, next: &mut Manifest) -> Result<()> {
        if self.bytes == next.committed_bytes(&self.name) {
            return Ok(());
        }
        if !mutant!(DataNotSynced) {
            let synced = store.disk.sync(&self.file, &self.path);
            synced.map_err(write_failed("sync", &self.path))?;
        }
        if !self.named {
            store.sync_dir(store.layout.dir.path())?;
            self.named = true;
        }
        match next.files.iter_mut().find(|file| file.name == self.name) {
            Some(file) => file.bytes = self.bytes,
            None => next.files.push(DataFile { name: self.name.clone(), bytes: self.bytes }),
        }
        Ok(())
    }
}
