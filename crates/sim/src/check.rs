//! The judge: a reader of committed data that looks at every marker, and at the end.

use std::fmt;

use crate::broker::{Cluster, Content, Log};
use crate::scenario::SourceSplit;

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// A reader of committed data got a record that it had got before, or one out of order.
    Doubled {
        /// Split.
        split: u32,
        /// Source offset.
        offset: i64,
    },
    /// A reader of committed data got a record although one in front of it was missing.
    Lost {
        /// Split.
        split: u32,
        /// Source offset of the missing record.
        offset: i64,
    },
    /// A committed position or delivery number went back, or a number was left out.
    WentBack {
        /// Split.
        split: u32,
        /// Position that was committed.
        next: i64,
    },
    /// What is committed and its position do not belong together.
    Torn {
        /// Split.
        split: u32,
        /// Committed position.
        position: i64,
        /// Records that a reader got.
        records: usize,
    },
    /// The group's offset is not the position.
    GroupDiffers {
        /// Split.
        split: u32,
    },
    /// Every worker ended, but not everything is delivered.
    EndedEarly {
        /// Split.
        split: u32,
        /// Records that are missing.
        missing: usize,
    },
    /// A worker ended with an error although nothing happened that only an operator can mend.
    Failed {
        /// Worker.
        worker: usize,
        /// Its error.
        error: String,
    },
    /// Faults have ended long ago and the job is not done.
    Stuck {
        /// Simulated milliseconds.
        at_ms: u64,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Doubled { split, offset } => write!(f, "split {split}: record {offset} came twice or late"),
            Self::Lost { split, offset } => write!(f, "split {split}: record {offset} is missing"),
            Self::WentBack { split, next } => write!(f, "split {split}: progress went back to {next}"),
            Self::Torn { split, position, records } => {
                write!(f, "split {split}: position {position} does not belong to {records} records")
            }
            Self::GroupDiffers { split } => write!(f, "split {split}: the group's offset differs"),
            Self::EndedEarly { split, missing } => {
                write!(f, "split {split}: every worker ended while {missing} records were missing")
            }
            Self::Failed { worker, error } => write!(f, "worker {worker} failed: {error}"),
            Self::Stuck { at_ms } => write!(f, "not done at {at_ms} ms"),
        }
    }
}

#[derive(Debug, Clone, Default)]
struct Reader {
    /// Index of the next batch.
    at: usize,
    /// Records got.
    records: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Position {
    at: usize,
    next: Option<i64>,
    batch: u64,
}

/// A reader of committed data of every partition.
#[derive(Debug)]
pub(crate) struct Checker {
    source: Vec<SourceSplit>,
    data: Vec<Reader>,
    journal: Vec<Position>,
    violation: Option<Violation>,
}

impl Checker {
    pub(crate) fn new(source: Vec<SourceSplit>) -> Self {
        let data = vec![Reader::default(); source.len()];
        let journal = vec![Position::default(); source.len()];
        Self { source, data, journal, violation: None }
    }

    pub(crate) const fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    pub(crate) fn report(&mut self, violation: Violation) {
        self.violation.get_or_insert(violation);
    }

    /// Reads on as far as committed data goes.
    pub(crate) fn observe(&mut self, cluster: &Cluster) {
        for (split, (log, journal)) in (0_u32..).zip(cluster.data.iter().zip(&cluster.journal)) {
            let found = self.data(split, log).and_then(|()| self.journal(split, journal));
            if let Err(violation) = found {
                self.report(violation);
            }
        }
    }

    fn data(&mut self, split: u32, log: &Log) -> Result<(), Violation> {
        let index = usize::try_from(split).unwrap_or(0);
        let (Some(reader), Some(source)) = (self.data.get_mut(index), self.source.get(index)) else {
            return Ok(());
        };
        while let Some(batch) = log.batches().get(reader.at) {
            let committed = match (batch.producer, batch.resolution) {
                (None, _) => true,
                (Some(_), _) if batch.is_marker() => false,
                (Some(_), Some(resolution)) => resolution.commit,
                // The last stable offset.
                (Some(_), None) => return Ok(()),
            };
            reader.at += 1;
            let Content::Data(offsets) = &batch.content else { continue };
            for offset in offsets.iter().filter(|_| committed) {
                match source.delivered.get(reader.records) {
                    Some(expected) if expected == offset => reader.records += 1,
                    Some(expected) if expected < offset => {
                        return Err(Violation::Lost { split, offset: *expected });
                    }
                    _ => return Err(Violation::Doubled { split, offset: *offset }),
                }
            }
        }
        Ok(())
    }

    fn journal(&mut self, split: u32, log: &Log) -> Result<(), Violation> {
        let index = usize::try_from(split).unwrap_or(0);
        let Some(position) = self.journal.get_mut(index) else { return Ok(()) };
        while let Some(batch) = log.batches().get(position.at) {
            let committed = match (batch.producer, batch.resolution) {
                (Some(_), Some(resolution)) => resolution.commit,
                (Some(_), None) if !batch.is_marker() => return Ok(()),
                _ => false,
            };
            position.at += 1;
            let Content::Progress(progress) = &batch.content else { continue };
            if !committed {
                continue;
            }
            if position.next.is_some_and(|p| progress.next < p) || progress.batch != position.batch + 1 {
                return Err(Violation::WentBack { split, next: progress.next });
            }
            position.next = Some(progress.next);
            position.batch = progress.batch;
        }
        Ok(())
    }

    fn position(&self, index: usize) -> i64 {
        let start = self.source.get(index).map_or(0, |s| s.start);
        self.journal.get(index).and_then(|p| p.next).unwrap_or(start)
    }

    /// Pinned starts and ends of the splits.
    pub(crate) fn starts_and_ends(&self) -> (Vec<i64>, Vec<i64>) {
        self.source.iter().map(|s| (s.start, s.log.end())).unzip()
    }

    /// Everything is delivered, and the positions say so.
    pub(crate) fn is_complete(&self) -> bool {
        self.source.iter().enumerate().all(|(index, source)| {
            self.position(index) == source.log.end()
                && self.data.get(index).is_some_and(|r| r.records == source.delivered.len())
        })
    }

    /// The last look, once nothing is under way any more.
    pub(crate) fn finish(&mut self, cluster: &Cluster) {
        self.observe(cluster);
        for (split, source) in (0_u32..).zip(self.source.clone()) {
            let index = usize::try_from(split).unwrap_or(0);
            let position = self.position(index);
            let records = self.data.get(index).map_or(0, |r| r.records);
            if source.delivered.iter().filter(|o| **o < position).count() != records {
                self.report(Violation::Torn { split, position, records });
            }
            let missing = source.delivered.len().saturating_sub(records);
            if missing > 0 || position != source.log.end() {
                self.report(Violation::EndedEarly { split, missing });
            }
            let stored = cluster.offsets.committed(split).map_or(source.start, |s| s.offset);
            if stored != position {
                self.report(Violation::GroupDiffers { split });
            }
        }
    }
}
