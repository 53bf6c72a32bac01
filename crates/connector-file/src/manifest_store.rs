//! Manifests on disk: creating one, replacing it, and bringing the data files in line with it.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;

use velostream_core::{Epoch, mutant};

use crate::disk::Disk;
use crate::layout::Layout;
use crate::manifest::Manifest;
use crate::{Error, Result};

/// The manifests of one output directory.
#[derive(Debug, Clone)]
pub(crate) struct ManifestStore {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) layout: Layout,
}

impl ManifestStore {
    /// Makes the directories; durable before anything stands in them.
    ///
    /// # Errors
    /// `Write`.
    pub(crate) fn prepare(&self) -> Result<()> {
        let state = self.layout.dir.state();
        let missing: Vec<_> = state.ancestors().take_while(|dir| !named(dir).is_dir()).collect();
        for dir in missing.into_iter().rev() {
            self.disk.create_dir(dir).map_err(write_failed("create", dir))?;
            if let Some(parent) = dir.parent() {
                self.sync_dir(named(parent))?;
            }
        }
        Ok(())
    }

    /// The newest manifest, which is of this job and name; `None` where there is none.
    ///
    /// # Errors
    /// As [`Manifest::newest`]; `OtherJob`, `OtherName`.
    pub(crate) fn newest(&self, job: &str) -> Result<Option<Manifest>> {
        let dir = self.layout.dir.path();
        let Some(manifest) = Manifest::newest(dir)? else { return Ok(None) };
        if manifest.job != job {
            return Err(Error::OtherJob { dir: dir.to_owned(), job: job.to_owned(), found: manifest.job });
        }
        if manifest.name != self.layout.name() {
            let (name, found) = (self.layout.name(), manifest.name);
            return Err(Error::OtherName { dir: dir.to_owned(), name, found });
        }
        Ok(Some(manifest))
    }

    /// Adds the manifest of a new epoch, which must not exist: whoever comes second is refused.
    ///
    /// # Errors
    /// `Fenced` where it exists; `Write`.
    ///
    /// # Crash safety
    /// The manifest is there as a whole or not at all.
    pub(crate) fn create(&self, manifest: &Manifest) -> Result<()> {
        let (temporary, path) =
            (self.layout.dir.temporary(manifest.epoch), self.layout.dir.manifest(manifest.epoch));
        self.write_temporary(manifest, &temporary)?;
        match self.disk.link(&temporary, &path) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                let dir = self.layout.dir.path().to_owned();
                return Err(Error::Fenced { dir, ours: manifest.epoch, newest: manifest.epoch });
            }
            Err(source) => return Err(Error::Write { action: "link", path, source }),
        }
        self.remove(&temporary)?;
        self.sync_dir(&self.layout.dir.state())
    }

    /// Replaces the manifest of its epoch: the point of commit is the rename.
    ///
    /// The check behind the rename makes the answer exact even where the lock does not hold (a lock file deleted by
    /// hand): a newer owner links its manifest and then reads ours again, so that either it sees this commit or this
    /// call sees its manifest.
    ///
    /// # Errors
    /// `Write` before the rename: not committed. `CommitUnknown` from the rename on. `Fenced`: committed or not, a
    /// newer owner goes on from what it found. `ManifestGone` where ours is.
    pub(crate) fn replace(&self, manifest: &Manifest) -> Result<()> {
        let (temporary, path) =
            (self.layout.dir.temporary(manifest.epoch), self.layout.dir.manifest(manifest.epoch));
        self.write_temporary(manifest, &temporary)?;
        self.ensure_newest(manifest.epoch)?;
        let unknown = |action| {
            let path = path.clone();
            move |source| Error::CommitUnknown { action, path, source }
        };
        if let Err(source) = self.disk.rename(&temporary, &path) {
            // A newer owner sweeps temporary files away.
            self.ensure_newest(manifest.epoch)?;
            return Err(unknown("rename")(source));
        }
        if !mutant!(CommitNotSynced) {
            self.disk.sync_dir(&self.layout.dir.state()).map_err(unknown("sync the directory of"))?;
        }
        self.ensure_newest(manifest.epoch).map_err(|error| match error {
            // Only the check failed: that the rename took place must not be forgotten.
            Error::Read { path, source } => Error::CommitUnknown { action: "list", path, source },
            other => other,
        })
    }

    /// Nobody has claimed since.
    ///
    /// # Errors
    /// `Fenced`, `ManifestGone`, `Read`.
    pub(crate) fn ensure_newest(&self, ours: Epoch) -> Result<()> {
        match self.layout.dir.epochs()?.first() {
            Some(newest) if *newest == ours => Ok(()),
            Some(newest) if *newest > ours => {
                Err(Error::Fenced { dir: self.layout.dir.path().to_owned(), ours, newest: *newest })
            }
            _ => Err(Error::ManifestGone { path: self.layout.dir.manifest(ours) }),
        }
    }

    /// Every committed byte is there, and nothing that only a later manifest could account for: a data file is made
    /// after its epoch's manifest is durable.
    ///
    /// # Errors
    /// `WentBack`, `ManifestGone`, `Read`.
    pub(crate) fn verify(&self, manifest: &Manifest) -> Result<()> {
        if let Some((epoch, _)) = self.layout.data_files()?.pop().filter(|(epoch, _)| *epoch > manifest.epoch)
        {
            return Err(Error::ManifestGone { path: self.layout.dir.manifest(epoch) });
        }
        for file in &manifest.files {
            let path = self.layout.data(&file.name);
            let found = match fs::metadata(&path) {
                Ok(metadata) => metadata.len(),
                Err(e) if e.kind() == io::ErrorKind::NotFound => 0,
                Err(source) => return Err(Error::Read { path, source }),
            };
            if found < file.bytes {
                return Err(Error::WentBack { path, committed: file.bytes, found });
            }
        }
        Ok(())
    }

    /// Cuts or removes whatever of this and earlier epochs is not committed, so that the data files hold exactly the
    /// committed records; removes superseded manifests. `manifest` is durable, is the newest, and stands on disk as
    /// it is here.
    ///
    /// # Errors
    /// `Read`, `Write`. Repeating is harmless.
    pub(crate) fn sweep(&self, manifest: &Manifest) -> Result<()> {
        for (epoch, name) in self.layout.data_files()? {
            let path = self.layout.data(&name);
            if epoch > manifest.epoch {
                continue;
            }
            match manifest.committed_bytes(&name) {
                0 => self.remove(&path)?,
                committed => self.cut(&path, committed)?,
            }
        }
        let old = self.layout.dir.epochs()?.into_iter().filter(|epoch| *epoch < manifest.epoch);
        for path in old.map(|epoch| self.layout.dir.manifest(epoch)).chain(self.layout.dir.temporaries()?) {
            if mutant!(OldManifestKept) {
                break;
            }
            self.remove(&path)?;
        }
        self.sync_dir(self.layout.dir.path())?;
        self.sync_dir(&self.layout.dir.state())
    }

    fn cut(&self, path: &Path, length: u64) -> Result<()> {
        let failed = |action| write_failed(action, path);
        let file = File::options().write(true).open(path).map_err(failed("open"))?;
        if file.metadata().map_err(failed("inspect"))?.len() > length {
            self.disk.truncate(&file, path, length).map_err(failed("truncate"))?;
            self.disk.sync(&file, path).map_err(failed("sync"))?;
        }
        Ok(())
    }

    fn write_temporary(&self, manifest: &Manifest, temporary: &Path) -> Result<()> {
        let bytes = manifest.encode()?;
        // Left by an attempt of this very process.
        self.remove(temporary)?;
        let written = self.disk.create(temporary).and_then(|file| {
            self.disk.write(&file, temporary, &bytes, 0)?;
            if mutant!(ManifestNotSynced) { Ok(()) } else { self.disk.sync(&file, temporary) }
        });
        written.map_err(|source| {
            // Gives the space back on a full disk; the next claim removes it in any case.
            drop(self.disk.remove(temporary));
            Error::Write { action: "write", path: temporary.to_owned(), source }
        })
    }

    fn remove(&self, path: &Path) -> Result<()> {
        self.disk.remove(path).map_err(write_failed("remove", path))
    }

    pub(crate) fn sync_dir(&self, path: &Path) -> Result<()> {
        self.disk.sync_dir(path).map_err(write_failed("sync directory", path))
    }
}

/// The parent of a bare relative name is the current directory.
fn named(dir: &Path) -> &Path {
    if dir.as_os_str().is_empty() { Path::new(".") } else { dir }
}

/// Names what failed before a point of commit.
pub(crate) fn write_failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Write { action, path, source }
}
