//! The first segment of a partition of a stopped broker, to be changed on disk.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};

/// Bytes of a batch in front of its length's reach: base offset and length.
const PREFIX: usize = 12;
/// Bytes of a batch of magic 2 in front of its records.
const HEADER: usize = 61;

/// One segment file.
pub(crate) struct LogSegment {
    path: PathBuf,
    bytes: Vec<u8>,
    /// Base offset and start of each batch.
    batches: Vec<(i64, usize)>,
}

impl LogSegment {
    pub(crate) fn open(data: &Path, topic: &str, partition: i32) -> Result<Self> {
        let path = data.join(format!("{topic}-{partition}")).join(format!("{:020}.log", 0));
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut batches = Vec::new();
        let mut at = 0;
        while let Some(prefix) = bytes.get(at..at + PREFIX) {
            let (offset, length) = prefix.split_at(8);
            let length = usize::try_from(u32::from_be_bytes(length.try_into()?))?;
            if length == 0 {
                break;
            }
            batches.push((i64::from_be_bytes(offset.try_into()?), at));
            at += PREFIX + length;
        }
        ensure!(!batches.is_empty(), "{} holds no batch", path.display());
        // A preallocated tail of zeros is not part of the log.
        let bytes = bytes.get(..at).context("the last batch is cut")?.to_vec();
        Ok(Self { path, bytes, batches })
    }

    /// The base offset of the last batch.
    pub(crate) fn last_batch(&self) -> Result<i64> {
        Ok(self.batches.last().context("no batch")?.0)
    }

    /// Changes one bit in the records of the last batch.
    pub(crate) fn flip(mut self) -> Result<()> {
        let at = self.batches.last().context("no batch")?.1 + HEADER + 20;
        *self.bytes.get_mut(at).context("the batch is too short")? ^= 1;
        self.write()
    }

    /// Drops every batch from `offset` on, as an unclean election does. The indexes go too: the broker makes them anew.
    pub(crate) fn cut(mut self, offset: i64) -> Result<i64> {
        let Some((base, at)) = self.batches.iter().copied().find(|(base, _)| *base >= offset) else {
            bail!("there is no batch at offset {offset} or above")
        };
        self.bytes.truncate(at);
        let dir = self.path.parent().context("a directory")?;
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|e| e == "index" || e == "timeindex" || e == "snapshot") {
                fs::remove_file(path)?;
            }
        }
        self.write()?;
        Ok(base)
    }

    /// Appends a message of magic 1, as a producer of Kafka 0.10 would have.
    pub(crate) fn append_old(mut self, offset: i64, value: &[u8]) -> Result<()> {
        let mut body = vec![1, 0];
        body.extend_from_slice(&1_600_000_000_000_i64.to_be_bytes());
        body.extend_from_slice(&(-1_i32).to_be_bytes());
        body.extend_from_slice(&i32::try_from(value.len())?.to_be_bytes());
        body.extend_from_slice(value);
        self.bytes.extend_from_slice(&offset.to_be_bytes());
        self.bytes.extend_from_slice(&i32::try_from(body.len() + 4)?.to_be_bytes());
        self.bytes.extend_from_slice(&crc32(&body).to_be_bytes());
        self.bytes.extend_from_slice(&body);
        self.write()
    }

    fn write(&self) -> Result<()> {
        fs::write(&self.path, &self.bytes).with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// CRC-32 of IEEE 802.3, bit by bit: what messages before magic 2 carry.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

#[test]
fn crc32_of_the_check_string_is_the_published_value() {
    assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
}
