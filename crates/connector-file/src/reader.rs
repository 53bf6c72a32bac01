//! Reading the files of one lane.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use velostream_core::{Clock, Read, Result, SourcePosition, SplitId, SplitReader};

use crate::cursor::{Cursor, Found};
use crate::{Error, SourceConfig, source};

/// Reads whole lines of the assigned files.
///
/// Without `follow` the files are read one after the other in the order of assignment; each ends with
/// [`Read::End`], and a last line without line feed is a record. With `follow` they take turns, nothing ends, and a
/// line without line feed waits until its line feed is written.
///
/// Files may only grow while a job uses them. A file that became shorter, was replaced by another one, or does not
/// have a line feed in front of the position any more, is an error with [`Code::FileChanged`]; a file that is gone is
/// one with [`Code::FileIo`]. Nothing is ever skipped.
///
/// [`Code::FileChanged`]: velostream_core::Code::FileChanged
/// [`Code::FileIo`]: velostream_core::Code::FileIo
#[derive(Debug)]
pub struct FileReader {
    config: Arc<SourceConfig>,
    clock: Arc<dyn Clock>,
    cursors: Vec<(SplitId, Cursor)>,
    /// Index of the cursor that is looked at first.
    turn: usize,
}

impl FileReader {
    pub(crate) fn new(config: Arc<SourceConfig>, clock: Arc<dyn Clock>) -> Self {
        Self { config, clock, cursors: Vec::new(), turn: 0 }
    }

    /// Looks once at each file, from `turn` on; `None` where none has news.
    async fn round(&mut self) -> Result<Option<Read>, Error> {
        for _ in 0..self.cursors.len() {
            let index = self.turn.checked_rem(self.cursors.len()).unwrap_or(0);
            let Some((split, cursor)) = self.cursors.get(index) else { break };
            let (task_split, task_cursor, config) = (split.clone(), cursor.clone(), Arc::clone(&self.config));
            let found = tokio::task::spawn_blocking(move || task_cursor.read(&task_split, &config))
                .await
                .map_err(|source| Error::Task { call: "next", source })??;
            // Nothing is changed before this line: a dropped future has read in vain and lost nothing.
            match found {
                Found::Lines { chunk, cursor } => {
                    if let Some(entry) = self.cursors.get_mut(index) {
                        entry.1 = cursor;
                    }
                    self.turn = if self.config.follow { index.saturating_add(1) } else { index };
                    return Ok(Some(Read::Chunk(chunk)));
                }
                Found::Nothing(cursor) => {
                    if let Some(entry) = self.cursors.get_mut(index) {
                        entry.1 = cursor;
                    }
                    self.turn = index.saturating_add(1);
                }
                Found::End => {
                    let (split, _) = self.cursors.remove(index);
                    self.turn = index;
                    return Ok(Some(Read::End(split)));
                }
            }
        }
        Ok(None)
    }
}

#[async_trait]
impl SplitReader for FileReader {
    async fn assign(&mut self, splits: &[(SplitId, SourcePosition)]) -> Result<()> {
        let mut cursors = Vec::with_capacity(splits.len());
        for (split, position) in splits {
            let cursor = match position {
                SourcePosition::File { path, offset, line }
                    if source::path_of(split) == Some(path.as_ref()) =>
                {
                    Cursor::new(Arc::clone(path), *offset, *line)
                }
                _ => return Err(Error::NotOurs { split: split.clone(), position: position.clone() }.into()),
            };
            cursors.push((split.clone(), cursor));
        }
        for (split, cursor) in cursors {
            match self.cursors.iter_mut().find(|(known, _)| *known == split) {
                Some(entry) => entry.1 = cursor,
                None => self.cursors.push((split, cursor)),
            }
        }
        Ok(())
    }

    async fn revoke(&mut self, splits: &[SplitId]) -> Result<()> {
        self.cursors.retain(|(split, _)| !splits.contains(split));
        Ok(())
    }

    async fn beginning(&mut self, split: &SplitId, _: &SourcePosition) -> Result<SourcePosition> {
        source::start_of(split).ok_or_else(|| {
            let why = format!("{split} is not a file and has no beginning");
            Error::Misuse { call: "beginning", why }.into()
        })
    }

    async fn next(&mut self, wait: Duration) -> Result<Read> {
        let start = self.clock.monotonic();
        loop {
            if let Some(read) = self.round().await? {
                return Ok(read);
            }
            let left = wait.saturating_sub(self.clock.monotonic().saturating_sub(start));
            if left.is_zero() {
                return Ok(Read::Idle);
            }
            // Where nothing is assigned or everything has ended, only a new assignment brings news.
            let pause = if self.cursors.is_empty() { left } else { left.min(self.config.poll_interval) };
            self.clock.sleep(pause).await;
        }
    }
}
