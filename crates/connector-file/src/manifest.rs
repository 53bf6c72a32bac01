//! What is committed: the one file that decides what the data files hold.
//!
//! Text, so that an operator can read it in an emergency: a header line and one line of JSON.
//! ```text
//! velostream-file-manifest 1 crc32c=9ae0daaf bytes=287
//! {"job":"orders","name":"orders.ndjson","epoch":4,...}
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use velostream_core::{BatchId, Epoch, SourcePosition, SplitId};

use crate::layout::{DataName, Directory};
use crate::{Error, Result};

mod v1;

const MAGIC: &str = "velostream-file-manifest";
const VERSION: u32 = 1;

/// A data file and how much of it is committed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DataFile {
    /// Name in the output directory.
    pub name: String,
    /// Committed bytes; what follows them is not committed.
    pub bytes: u64,
}

/// What is committed of one split.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Committed {
    /// Position next to be read.
    pub position: SourcePosition,
    /// Number of the last committed delivery, 0 where there is none.
    pub batch: BatchId,
}

/// The committed state of an output directory.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Manifest {
    /// Job that owns the directory.
    pub job: String,
    /// Configured file name, such as `orders.ndjson`.
    pub name: String,
    /// How many times the directory was claimed; the newest epoch's manifest counts.
    pub epoch: Epoch,
    /// Commits so far, over all epochs.
    pub commits: u64,
    /// Data files in the order in which they are read, by epoch.
    pub files: Vec<DataFile>,
    /// Progress of every split ever claimed.
    pub splits: BTreeMap<SplitId, Committed>,
}

impl Manifest {
    /// Nothing committed, never claimed.
    pub(crate) fn new(job: &str, name: &str) -> Self {
        Self {
            job: job.to_owned(),
            name: name.to_owned(),
            epoch: Epoch(0),
            commits: 0,
            files: Vec::new(),
            splits: BTreeMap::new(),
        }
    }

    /// Committed bytes of a data file; 0 where it is not listed.
    pub(crate) fn committed_bytes(&self, name: &str) -> u64 {
        self.files.iter().find(|file| file.name == name).map_or(0, |file| file.bytes)
    }

    /// The newest manifest of an output directory; `None` where none was ever claimed.
    ///
    /// A manifest that vanishes between listing and reading was superseded: the directory is listed again.
    ///
    /// # Errors
    /// [`Error::Read`] -> `Retry`; [`Error::ManifestCorrupt`] -> `Corrupt`; [`Error::ManifestVersion`] -> `Reject`.
    pub fn newest(dir: &Path) -> Result<Option<Self>> {
        let dir = Directory::new(dir);
        loop {
            let Some(epoch) = dir.epochs()?.first().copied() else { return Ok(None) };
            if let Some(manifest) = Self::read(&dir, epoch)? {
                return Ok(Some(manifest));
            }
        }
    }

    /// The manifest of one epoch; `None` where it is gone.
    pub(crate) fn read(dir: &Directory, epoch: Epoch) -> Result<Option<Self>> {
        let path = dir.manifest(epoch);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::Read { path, source }),
        };
        let manifest = Self::decode(&bytes, &path)?;
        if manifest.epoch != epoch {
            return Err(corrupt(&path, format!("it is of epoch {}", manifest.epoch)));
        }
        Ok(Some(manifest))
    }

    /// The bytes of the file.
    ///
    /// # Errors
    /// `PositionKind`.
    pub(crate) fn encode(&self) -> Result<Vec<u8>> {
        let body = v1::encode(self)?;
        let header = format!(
            "{MAGIC} {VERSION} crc32c={:08x} bytes={}\n",
            crc32c::crc32c(body.as_bytes()),
            body.len()
        );
        Ok([header.as_bytes(), body.as_bytes(), b"\n"].concat())
    }

    /// Reads the bytes of a file; `path` is for messages.
    ///
    /// # Errors
    /// `ManifestCorrupt` for anything that `encode` does not write, `ManifestVersion` for a newer format.
    pub(crate) fn decode(bytes: &[u8], path: &Path) -> Result<Self> {
        let text = std::str::from_utf8(bytes).map_err(|e| corrupt(path, e.to_string()))?;
        let (header, rest) =
            text.split_once('\n').ok_or_else(|| corrupt(path, "no header line".to_owned()))?;
        let mut words = header.split(' ');
        if words.next() != Some(MAGIC) {
            return Err(corrupt(path, "not a manifest".to_owned()));
        }
        let version = words.next().and_then(|word| word.parse().ok());
        match version {
            Some(VERSION) => {}
            Some(found) if found > VERSION => {
                return Err(Error::ManifestVersion { path: path.to_owned(), found, known: VERSION });
            }
            _ => return Err(corrupt(path, "bad version".to_owned())),
        }
        let body = rest.strip_suffix('\n').ok_or_else(|| corrupt(path, "cut off".to_owned()))?;
        let crc = format!("crc32c={:08x}", crc32c::crc32c(body.as_bytes()));
        let length = format!("bytes={}", body.len());
        if (words.next(), words.next(), words.next()) != (Some(crc.as_str()), Some(length.as_str()), None) {
            return Err(corrupt(path, "length or checksum do not fit".to_owned()));
        }
        let manifest = v1::decode(body).map_err(|why| corrupt(path, why))?;
        manifest.check().map_err(|why| corrupt(path, why))?;
        Ok(manifest)
    }

    /// Names are ours and ascend: a damaged manifest must not lead out of the directory.
    fn check(&self) -> Result<(), String> {
        let name = DataName::new(&self.name);
        let mut last = None;
        for file in &self.files {
            let epoch = name.epoch(&file.name).filter(|_| !file.name.contains('/'));
            if epoch.is_none() || epoch <= last || epoch > Some(self.epoch) {
                return Err(format!("data file {:?} is out of place", file.name));
            }
            last = epoch;
        }
        Ok(())
    }
}

fn corrupt(path: &Path, why: String) -> Error {
    Error::ManifestCorrupt { path: path.to_owned(), why }
}

#[cfg(test)]
mod tests;
