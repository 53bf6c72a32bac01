//! One partition: batches, producers, markers, and what a reader is shown.

use std::collections::BTreeMap;

use velostream_protocol::kafka_lane::Identity;

use super::request::Code;

/// What a progress record of the job's internal topic says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) lane: String,
    /// Source offset next to be read.
    pub(crate) next: i64,
    /// Number of the delivery.
    pub(crate) batch: u64,
    pub(crate) released: bool,
    /// Highest acknowledged offset of the destination before this transaction.
    pub(crate) highest: i64,
}

/// What a batch holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// Records, by their source offsets.
    Data(Vec<i64>),
    Claim {
        lane: String,
    },
    Progress(Delivery),
    Marker {
        commit: bool,
    },
}

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Resolution {
    /// Offset of the marker.
    pub(crate) at: i64,
    pub(crate) commit: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) base: i64,
    pub(crate) count: i64,
    /// `None` outside any transaction.
    pub(crate) producer: Option<i64>,
    pub(crate) content: Content,
    /// Of a transactional batch, once its marker is written.
    pub(crate) resolution: Option<Resolution>,
}

impl Batch {
    pub(crate) const fn next(&self) -> i64 {
        self.base + self.count
    }

    pub(crate) const fn is_marker(&self) -> bool {
        matches!(self.content, Content::Marker { .. })
    }
}

#[derive(Debug, Clone)]
struct Producer {
    epoch: i16,
    next_sequence: i32,
    /// Sequence and base offset of what was appended under this epoch.
    appended: Vec<(i32, i64)>,
    /// First offset of the open transaction.
    open: Option<i64>,
}

/// One partition.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log {
    batches: Vec<Batch>,
    producers: BTreeMap<i64, Producer>,
    /// Producer, first offset, marker of every aborted transaction.
    aborted: Vec<(i64, i64, i64)>,
}

impl Log {
    pub(crate) fn batches(&self) -> &[Batch] {
        &self.batches
    }

    pub(crate) fn end(&self) -> i64 {
        self.batches.last().map_or(0, Batch::next)
    }

    /// End of the log `back` batches ago.
    pub(crate) fn end_before(&self, back: usize) -> i64 {
        let at = self.batches.len().saturating_sub(back);
        self.batches.get(..at).and_then(<[Batch]>::last).map_or(0, Batch::next)
    }

    fn push(&mut self, producer: Option<i64>, content: Content) -> i64 {
        let base = self.end();
        let count = match &content {
            Content::Data(offsets) => i64::try_from(offsets.len()).unwrap_or(i64::MAX),
            Content::Claim { .. } | Content::Progress(_) | Content::Marker { .. } => 1,
        };
        self.batches.push(Batch { base, count, producer, content, resolution: None });
        base
    }

    /// Appends outside any transaction; gives the offset.
    pub(crate) fn append_plain(&mut self, content: Content) -> i64 {
        self.push(None, content)
    }

    /// True where the producer has a transaction open here under this epoch.
    pub(crate) fn has_open(&self, identity: Identity) -> bool {
        self.producers.get(&identity.id).is_some_and(|p| p.epoch == identity.epoch && p.open.is_some())
    }

    /// Appends as an idempotent transactional producer. A sequence seen before is acknowledged and not appended; a
    /// gap of the sequence is refused (KIP-98).
    pub(crate) fn produce(
        &mut self,
        identity: Identity,
        sequence: i32,
        content: Content,
    ) -> Result<i64, Code> {
        let end = self.end();
        let producer = self.producers.entry(identity.id).or_insert_with(|| Producer {
            epoch: identity.epoch,
            next_sequence: 0,
            appended: Vec::new(),
            open: None,
        });
        if identity.epoch < producer.epoch {
            return Err(Code::InvalidProducerEpoch);
        }
        if identity.epoch > producer.epoch {
            producer.epoch = identity.epoch;
            producer.next_sequence = 0;
            producer.appended.clear();
        }
        if let Some((_, base)) = producer.appended.iter().find(|(s, _)| *s == sequence) {
            return Ok(*base);
        }
        if sequence != producer.next_sequence {
            return Err(Code::OutOfOrderSequence);
        }
        producer.open.get_or_insert(end);
        producer.appended.push((sequence, end));
        let base = self.push(Some(identity.id), content);
        let next = i32::try_from(self.end() - base).unwrap_or(i32::MAX);
        if let Some(producer) = self.producers.get_mut(&identity.id) {
            producer.next_sequence = sequence + next;
        }
        Ok(base)
    }

    /// Ends a producer's transaction. A marker with a higher epoch fences the lower ones.
    pub(crate) fn mark(&mut self, identity: Identity, commit: bool) {
        let at = self.push(Some(identity.id), Content::Marker { commit });
        let producer = self.producers.entry(identity.id).or_insert_with(|| Producer {
            epoch: identity.epoch,
            next_sequence: 0,
            appended: Vec::new(),
            open: None,
        });
        if identity.epoch > producer.epoch {
            producer.epoch = identity.epoch;
            producer.next_sequence = 0;
            producer.appended.clear();
        }
        let Some(first) = producer.open.take() else { return };
        if !commit {
            self.aborted.push((identity.id, first, at));
        }
        let theirs = |b: &&mut Batch| b.producer == Some(identity.id) && !b.is_marker();
        for batch in self.batches.iter_mut().rev().take_while(|b| b.base >= first).filter(theirs) {
            batch.resolution = Some(Resolution { at, commit });
        }
    }

    /// First offset that a reader of committed data is not shown, where the log ends at `end`.
    pub(crate) fn last_stable(&self, end: i64) -> i64 {
        if end >= self.end() {
            return self.producers.values().filter_map(|p| p.open).min().unwrap_or(end);
        }
        let open = |b: &&Batch| {
            b.base < end && b.producer.is_some() && !b.is_marker() && b.resolution.is_none_or(|r| r.at >= end)
        };
        self.batches.iter().find(open).map_or(end, |b| b.base)
    }

    /// Up to `most` batches from `position` that a reader is shown.
    pub(crate) fn read(&self, position: i64, end: i64, committed: bool, most: usize) -> Vec<Batch> {
        let until = if committed { self.last_stable(end) } else { end };
        let from = self.batches.partition_point(|b| b.next() <= position);
        let rest = self.batches.get(from..).unwrap_or_default();
        rest.iter().take_while(|b| b.base < until).take(most).cloned().collect()
    }

    /// Aborted transactions that a read of `from..to` overlaps: producer and first offset.
    pub(crate) fn aborted(&self, from: i64, to: i64) -> Vec<(i64, i64)> {
        let overlapping = |(_, first, marker): &&(i64, i64, i64)| *first < to && *marker >= from;
        self.aborted.iter().filter(overlapping).map(|(producer, first, _)| (*producer, *first)).collect()
    }
}
