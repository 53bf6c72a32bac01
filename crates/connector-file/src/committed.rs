//! Reading what is committed, also while the sink runs.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::vec;

use crate::manifest::{DataFile, Manifest};
use crate::{Error, Result};

/// The committed bytes of an output directory, in the order in which they were committed: what `velostream cat`
/// prints.
///
/// Follows the manifest that was newest when it was opened. Committed bytes never change, so that reading needs no
/// lock and disturbs no writer.
#[derive(Debug)]
pub struct CommittedReader {
    dir: PathBuf,
    manifest: Manifest,
    files: vec::IntoIter<DataFile>,
    current: Option<Current>,
}

#[derive(Debug)]
struct Current {
    file: File,
    path: PathBuf,
    committed: u64,
    left: u64,
}

impl CommittedReader {
    /// Opens an output directory.
    ///
    /// # Errors
    /// As [`Manifest::newest`]; [`Error::Read`] (not found) -> `Reject` where the directory holds no manifest.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self> {
        let dir = dir.as_ref().to_owned();
        let Some(manifest) = Manifest::newest(&dir)? else {
            let source = io::Error::new(io::ErrorKind::NotFound, "no manifest: not an output directory");
            return Err(Error::Read { path: dir, source });
        };
        let files = manifest.files.clone().into_iter();
        Ok(Self { dir, manifest, files, current: None })
    }

    /// The manifest that is followed.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Reads on; 0 = everything was read.
    ///
    /// # Errors
    /// [`Error::Read`] -> `Retry`; [`Error::WentBack`] -> `Reject` where committed bytes are gone.
    pub fn read_some(&mut self, buffer: &mut [u8]) -> Result<usize> {
        loop {
            if let Some(current) = &mut self.current {
                let read = current.read(buffer)?;
                if read > 0 || buffer.is_empty() {
                    return Ok(read);
                }
            }
            let Some(next) = self.files.next() else { return Ok(0) };
            self.current = Some(Current::open(&self.dir, &next)?);
        }
    }
}

/// Errors carry an [`enum@Error`] of this crate as their source.
impl Read for CommittedReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_some(buffer).map_err(io::Error::other)
    }
}

impl Current {
    fn open(dir: &Path, listed: &DataFile) -> Result<Self> {
        let path = dir.join(&listed.name);
        match File::open(&path) {
            Ok(file) => Ok(Self { file, path, committed: listed.bytes, left: listed.bytes }),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                Err(Error::WentBack { path, committed: listed.bytes, found: 0 })
            }
            Err(source) => Err(Error::Read { path, source }),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let room = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let Some(buffer) = buffer.get_mut(..room).filter(|b| !b.is_empty()) else { return Ok(0) };
        let read = match self.file.read(buffer) {
            Ok(read) => read,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return self.read(buffer),
            Err(source) => return Err(Error::Read { path: self.path.clone(), source }),
        };
        if read == 0 {
            let found = self.committed.saturating_sub(self.left);
            return Err(Error::WentBack { path: self.path.clone(), committed: self.committed, found });
        }
        self.left = self.left.saturating_sub(read as u64);
        Ok(read)
    }
}
