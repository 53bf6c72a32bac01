//! One partition being read: what a Fetch answer means for it.

use std::sync::Arc;
use std::time::Duration;

use tracing::{error, warn};
use velostream_core::{Chunk, KafkaPartition, Payload, Read, SourcePosition, SplitId, mutant};
use velostream_kafka_batch::{Batch, Batches, ControlMarker};
use velostream_kafka_client::{ErrorCode, FetchPartition, FetchedPartition, Leader};
use velostream_protocol::kafka_lane::{AbortedFilter, BatchKind, Verdict};

use super::queue::{Item, Token};
use crate::batch::{KafkaBatch, codec, decode};
use crate::config::{GapPolicy, SourceConfig};
use crate::error::{Error, Gap, Result};

/// Where reading of one partition stands.
#[derive(Debug, Clone)]
pub(super) struct Partition {
    pub(super) split: SplitId,
    pub(super) source: Arc<KafkaPartition>,
    pub(super) token: Token,
    /// Offset next to be fetched.
    pub(super) position: i64,
    /// Leader epoch of the last record read, -1 where unknown: lets the broker see that the log was cut (KIP-320).
    pub(super) last_epoch: i32,
    /// Offset next to be read by the driver.
    pub(super) handed_out: i64,
    pub(super) last_stable: i64,
    pub(super) end: Option<i64>,
    pub(super) leader: Option<Leader>,
    /// Not fetched before this time.
    pub(super) not_before: Duration,
    /// The batch at the position failed its checksum once.
    pub(super) suspect: bool,
    /// A broker said that the position is outside of its log: the next look says on which side.
    pub(super) astray: bool,
    /// Answers in a row that said the topic is unknown.
    pub(super) unknown: u32,
    /// Nothing more comes: ended, or a fatal error was reported.
    pub(super) done: bool,
}

/// What to do after an answer.
pub(super) enum Next {
    /// Fetch on.
    Continue,
    /// Ask for the leader again, after a pause.
    Refresh,
}

/// A topic that stays unknown for so many answers is gone; metadata of a new topic takes a moment to spread.
const UNKNOWN_LIMIT: u32 = 25;

impl Partition {
    pub(super) fn new(
        split: SplitId,
        source: Arc<KafkaPartition>,
        position: i64,
        epoch: i32,
        token: Token,
    ) -> Self {
        Self {
            split,
            source,
            token,
            position,
            last_epoch: epoch,
            handed_out: position,
            last_stable: position,
            end: None,
            leader: None,
            not_before: Duration::ZERO,
            suspect: false,
            astray: false,
            unknown: 0,
            done: false,
        }
    }

    fn at(&self, offset: i64) -> SourcePosition {
        SourcePosition::Kafka { partition: Arc::clone(&self.source), offset, leader_epoch: self.last_epoch }
    }

    fn item(&self, bytes: usize, read: Read) -> Item {
        Item { split: self.split.clone(), token: self.token, bytes, next: self.position, read: Ok(read) }
    }

    /// True where a record of a later epoch was read already: this leader was replaced and does not know it (KIP-320).
    /// Epochs of one topic never go back, so that a later look finds another leader.
    pub(super) fn is_behind(&self, leader: &Leader) -> bool {
        (0..self.last_epoch).contains(&leader.epoch)
    }

    /// An error that ends the reading of this partition.
    pub(super) fn fail(&mut self, error: Error) -> Item {
        self.done = true;
        error!(split = %self.split, position = self.position, %error, "reading stopped");
        Item {
            split: self.split.clone(),
            token: self.token,
            bytes: 0,
            next: self.position,
            read: Err(error.into()),
        }
    }

    /// Stops at a gap, or steps over it where the job says so.
    pub(super) fn gap(
        &mut self,
        gap: Gap,
        config: &SourceConfig,
        resume: Option<i64>,
        items: &mut Vec<Item>,
    ) {
        if let (GapPolicy::Continue, Some(resume)) = (config.gap_policy, resume) {
            warn!(split = %self.split, from = self.position, to = resume, %gap, "records lost in the source; going on");
            self.last_epoch = -1;
            self.position = resume;
            let next = self.at(resume);
            items.push(self.item(0, Read::Gap { split: self.split.clone(), next }));
        } else {
            let error = Error::SourceGap { split: self.split.clone(), position: self.position, gap };
            items.push(self.fail(error));
        }
    }

    /// The topic has another id than the one that is read; ids of brokers before Kafka 2.8 are zero and say nothing.
    pub(super) fn was_created_again(&self, leader: &Leader) -> bool {
        let (was, now) = (self.source.topic_id, leader.topic_id);
        !was.is_zero() && !now.is_zero() && was != now && !mutant!(RecreatedSourceOverlooked)
    }

    /// What to ask its leader for.
    pub(super) fn wanted(&self, leader: &Leader, max_bytes: usize) -> FetchPartition {
        FetchPartition {
            partition: self.source.partition,
            current_leader_epoch: leader.epoch,
            fetch_offset: self.position,
            last_fetched_epoch: if mutant!(NoLastFetchedEpoch) { -1 } else { self.last_epoch },
            max_bytes: i32::try_from(max_bytes).unwrap_or(i32::MAX),
        }
    }

    /// The topic or partition is unknown once more.
    pub(super) fn is_unknown(&mut self, config: &SourceConfig, items: &mut Vec<Item>) {
        self.unknown = self.unknown.saturating_add(1);
        if self.unknown >= UNKNOWN_LIMIT && !mutant!(VanishedTopicWaitedFor) {
            self.gap(Gap::Gone, config, None, items);
        }
    }

    /// Takes an answer in.
    pub(super) fn absorb(
        &mut self,
        fetched: &FetchedPartition,
        config: &SourceConfig,
        items: &mut Vec<Item>,
    ) -> Next {
        match fetched.error {
            ErrorCode::NONE => self.unknown = 0,
            ErrorCode::OFFSET_OUT_OF_RANGE => return self.out_of_range(fetched, config, items),
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
            | ErrorCode::UNKNOWN_TOPIC_ID
            | ErrorCode::INCONSISTENT_TOPIC_ID => {
                self.is_unknown(config, items);
                return Next::Refresh;
            }
            code if code.disposition() == velostream_core::Disposition::Reject => {
                let broker =
                    self.leader.as_ref().map_or(velostream_kafka_client::BrokerId::BOOTSTRAP, |l| l.broker);
                let source = code.into_error(broker, velostream_kafka_client::ApiKey::Fetch);
                let context =
                    format!("source {}: fetch at offset {} was refused", self.source, self.position);
                items.push(self.fail(Error::Client { context, source }));
                return Next::Continue;
            }
            code => {
                warn!(split = %self.split, code = code.name(), "fetch refused; asking for the leader again");
                return Next::Refresh;
            }
        }
        if let Some(diverging) = &fetched.diverging_epoch
            && !mutant!(DivergenceIgnored)
        {
            self.gap(Gap::Truncated { end: diverging.end_offset }, config, Some(diverging.end_offset), items);
            return Next::Continue;
        }
        self.last_stable =
            if config.read_committed { fetched.last_stable_offset } else { fetched.high_watermark };
        self.take_batches(fetched, config, items)
    }

    fn out_of_range(
        &mut self,
        fetched: &FetchedPartition,
        config: &SourceConfig,
        items: &mut Vec<Item>,
    ) -> Next {
        // Brokers leave the offsets at -1 in this answer on most paths; then the next look at the leader tells.
        self.astray = true;
        let start = fetched.log_start_offset;
        if start >= 0 && self.position < start && !mutant!(LogStartIgnored) {
            self.gap(Gap::Deleted { log_start: start }, config, Some(start), items);
            return Next::Continue;
        }
        if fetched.high_watermark >= 0 && self.position > fetched.high_watermark {
            let end = fetched.high_watermark;
            self.gap(Gap::Truncated { end }, config, Some(end), items);
            return Next::Continue;
        }
        Next::Refresh
    }

    fn take_batches(
        &mut self,
        fetched: &FetchedPartition,
        config: &SourceConfig,
        items: &mut Vec<Item>,
    ) -> Next {
        let aborted = if config.read_committed { fetched.aborted.as_slice() } else { &[] };
        let mut filter = AbortedFilter::new(aborted.iter().map(|a| (a.producer_id, a.first_offset)));
        for batch in Batches::new(fetched.records.clone()) {
            let sound = batch.and_then(|b| b.validate().and_then(|()| b.verify_crc()).map(|()| b));
            let batch = match sound {
                Ok(batch) => batch,
                Err(source) => return self.unsound(source, items),
            };
            if batch.last_offset() < self.position {
                continue;
            }
            self.suspect = false;
            if let Err(error) = self.take(batch, &mut filter, config, items) {
                items.push(self.fail(error));
                return Next::Continue;
            }
            if self.reached_end(items) {
                return Next::Continue;
            }
        }
        self.reached_end(items);
        Next::Continue
    }

    /// R8: damage is never made valid by a new checksum. It is fetched once more, then it stops the split.
    fn unsound(&mut self, source: velostream_kafka_batch::Error, items: &mut Vec<Item>) -> Next {
        let old = matches!(source, velostream_kafka_batch::Error::OldMagic { .. });
        if (self.suspect && !mutant!(DamageFetchedForEver)) || old {
            let error = Error::Batch { split: self.split.clone(), offset: self.position, source };
            items.push(self.fail(error));
            return Next::Continue;
        }
        warn!(split = %self.split, position = self.position, error = %source, "damaged batch; fetching it again");
        self.suspect = true;
        Next::Refresh
    }

    fn take(
        &mut self,
        batch: Batch,
        filter: &mut AbortedFilter,
        config: &SourceConfig,
        items: &mut Vec<Item>,
    ) -> Result<()> {
        let verdict = filter.judge(batch.last_offset(), self.kind(&batch)?);
        let from = self.at(self.position);
        let position = self.position;
        let bytes = batch.len();
        self.position = batch.next_offset();
        self.last_epoch = if mutant!(EpochNotKept) { -1 } else { batch.partition_leader_epoch() };
        let next = self.at(self.position);
        let fallback = batch.fallback(position);
        let payload = match fallback {
            _ if verdict == Verdict::Skip => None,
            None => Some((
                u64::from(batch.count().unsigned_abs()),
                Payload::Encoded(Arc::new(KafkaBatch::new(batch, self.split.clone()))),
            )),
            Some(reason) if reason.is_position_only() => None,
            Some(_) => {
                let records = decode(&batch, &self.split, &self.source, position, config.max_decoded_bytes)?;
                (!records.is_empty())
                    .then(|| (records.len() as u64, Payload::Records { records, codec: codec(&batch) }))
            }
        };
        let read = match payload {
            Some((records, payload)) => {
                Read::Chunk(Chunk { split: self.split.clone(), from, next, records, bytes, payload })
            }
            None => Read::Advance { split: self.split.clone(), next },
        };
        items.push(self.item(bytes, read));
        Ok(())
    }

    fn kind(&self, batch: &Batch) -> Result<BatchKind> {
        let producer_id = batch.producer_id();
        if !batch.is_control() {
            let transactional = batch.is_transactional();
            return Ok(if transactional {
                BatchKind::Transactional { producer_id }
            } else {
                BatchKind::Plain
            });
        }
        let marker = batch.control_marker().map_err(|source| Error::Batch {
            split: self.split.clone(),
            offset: batch.base_offset(),
            source,
        })?;
        Ok(if marker == ControlMarker::Abort {
            BatchKind::AbortMarker { producer_id }
        } else {
            BatchKind::OtherControl
        })
    }

    /// Reports the configured end once.
    pub(super) fn reached_end(&mut self, items: &mut Vec<Item>) -> bool {
        let reached = self.end.is_some_and(|end| self.position >= end);
        if reached && !self.done {
            self.done = true;
            items.push(self.item(0, Read::End(self.split.clone())));
        }
        reached
    }
}

#[cfg(test)]
mod tests;
