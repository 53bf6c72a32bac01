//! One look at one file: blocking, and without any effect but the returned cursor.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use velostream_core::{Chunk, Codec, Payload, SourcePosition, SplitId, StreamRecord};

use crate::lines::{self, Span};
use crate::{Error, Result, SourceConfig};

/// Where one file is read next, and what is known about the file.
#[derive(Debug, Clone)]
pub(crate) struct Cursor {
    path: Arc<str>,
    offset: u64,
    line: u64,
    /// Device and inode at the first look: a file that was replaced has others.
    identity: Option<(u64, u64)>,
    /// The byte in front of `offset` was seen to be a line feed, or there is none.
    after_line_feed: bool,
    /// Size at which the last look found no whole line; looking again makes sense only at another size.
    barren_at: Option<u64>,
}

/// What one look found.
#[derive(Debug)]
pub(crate) enum Found {
    /// Lines, and the cursor behind them.
    Lines { chunk: Chunk, cursor: Cursor },
    /// No whole line yet.
    Nothing(Cursor),
    /// The end of a file that is not followed.
    End,
}

impl Cursor {
    pub(crate) fn new(path: Arc<str>, offset: u64, line: u64) -> Self {
        Self { path, offset, line, identity: None, after_line_feed: offset == 0, barren_at: None }
    }

    fn position(&self) -> SourcePosition {
        SourcePosition::File { path: Arc::clone(&self.path), offset: self.offset, line: self.line }
    }

    /// Reads the next lines.
    ///
    /// # Errors
    /// `Read`, `Changed`, `LineTooLong`.
    pub(crate) fn read(mut self, split: &SplitId, config: &SourceConfig) -> Result<Found> {
        let file = File::open(&*self.path).map_err(|e| self.io(e))?;
        let metadata = file.metadata().map_err(|e| self.io(e))?;
        let size = metadata.len();
        self.check(&metadata)?;
        if self.barren_at == Some(size) {
            return Ok(Found::Nothing(self));
        }
        let from = self.position();
        self.check_line_start(&file, size)?;
        if self.offset >= size {
            return Ok(self.without_lines(size, config));
        }
        let (buffer, to_end) = self.fill(&file, size, config)?;
        let cut = lines::cut(
            &buffer,
            Span {
                path: &self.path,
                offset: self.offset,
                line: self.line,
                max_records: config.max_chunk_records,
                max_line_bytes: config.max_line_bytes,
                last: to_end && !config.follow,
            },
        );
        if cut.too_long {
            return Err(self.too_long(config));
        }
        if cut.records.is_empty() {
            return Ok(self.without_lines(size, config));
        }
        self.offset = self.offset.saturating_add(cut.used as u64);
        self.line = self.line.saturating_add(cut.records.len() as u64);
        self.after_line_feed = !cut.unterminated;
        let overhead = cut.records.len().saturating_mul(size_of::<StreamRecord>());
        let chunk = Chunk {
            split: split.clone(),
            from,
            next: self.position(),
            records: cut.records.len() as u64,
            bytes: buffer.len().saturating_add(overhead),
            payload: Payload::Records { records: cut.records, codec: Codec::None },
        };
        Ok(Found::Lines { chunk, cursor: self })
    }

    fn without_lines(mut self, size: u64, config: &SourceConfig) -> Found {
        if config.follow {
            self.barren_at = Some(size);
            Found::Nothing(self)
        } else {
            Found::End
        }
    }

    /// Same file as before, and not shorter than what was read.
    fn check(&mut self, metadata: &Metadata) -> Result<()> {
        if !metadata.is_file() {
            return Err(self.changed("it is not a regular file", metadata.len()));
        }
        let identity = (metadata.dev(), metadata.ino());
        if *self.identity.get_or_insert(identity) != identity {
            return Err(self.changed("it was replaced by another file", metadata.len()));
        }
        if metadata.len() < self.offset {
            return Err(self.changed("it is shorter than what was read from it", metadata.len()));
        }
        Ok(())
    }

    /// A position stands behind a line feed. The one exception is the end of a complete file whose last line had
    /// none; where that file has grown, only the missing line feed may have been added in front of new lines.
    fn check_line_start(&mut self, file: &File, size: u64) -> Result<()> {
        if self.after_line_feed {
            return Ok(());
        }
        let before = self.byte(file, self.offset.saturating_sub(1))?;
        if before == Some(b'\n') {
            self.after_line_feed = true;
        } else if self.offset < size {
            if self.byte(file, self.offset)? != Some(b'\n') {
                return Err(self.changed("no line starts at the position", size));
            }
            self.offset = self.offset.saturating_add(1);
            self.after_line_feed = true;
        }
        Ok(())
    }

    fn byte(&self, file: &File, at: u64) -> Result<Option<u8>> {
        let mut byte = [0];
        let read = file.read_at(&mut byte, at).map_err(|e| self.io(e))?;
        Ok((read == 1).then_some(byte[0]))
    }

    /// Reads up to `max_chunk_bytes`, and more where that much holds no whole line. True = up to `size`.
    fn fill(&self, file: &File, size: u64, config: &SourceConfig) -> Result<(Bytes, bool)> {
        let left = size.saturating_sub(self.offset);
        let longest = config.max_line_bytes.saturating_add(1);
        let mut buffer = Vec::new();
        let mut want = config.max_chunk_bytes;
        loop {
            let start = buffer.len();
            let target = usize::try_from(left).unwrap_or(usize::MAX).min(want);
            buffer.resize(target, 0);
            let fresh = buffer.get_mut(start..).unwrap_or_default();
            let read = file.read_exact_at(fresh, self.offset.saturating_add(start as u64));
            read.map_err(|e| match e.kind() {
                // Shorter than the size read a moment ago.
                io::ErrorKind::UnexpectedEof => self.changed("it became shorter while it was read", size),
                _ => self.io(e),
            })?;
            let to_end = target as u64 == left;
            let has_line = memchr::memchr(b'\n', buffer.get(start..).unwrap_or_default()).is_some();
            if to_end || has_line || buffer.len() >= longest {
                return Ok((Bytes::from(buffer), to_end));
            }
            want = want.saturating_mul(2).min(longest);
        }
    }

    fn file(&self) -> PathBuf {
        PathBuf::from(&*self.path)
    }

    fn io(&self, source: io::Error) -> Error {
        Error::Read { path: self.file(), source }
    }

    fn changed(&self, why: &'static str, size: u64) -> Error {
        Error::Changed { path: self.file(), why, offset: self.offset, line: self.line, size }
    }

    fn too_long(&self, config: &SourceConfig) -> Error {
        Error::LineTooLong {
            path: self.file(),
            line: self.line,
            offset: self.offset,
            limit: config.max_line_bytes,
        }
    }
}
