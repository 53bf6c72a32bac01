//! What a lane knows of a split that it claimed.

use std::sync::Arc;

use velostream_core::{KafkaPartition, TopicId};

use super::outgoing::Target;
use crate::journal::{Delivered, Descriptor, parse_topic_id};

/// A claimed split.
#[derive(Debug, Clone)]
pub(super) struct ClaimedSplit {
    /// Its partition in the journal.
    pub(super) index: u32,
    pub(super) source: Arc<KafkaPartition>,
    pub(super) journal: Target,
    pub(super) target: Target,
    pub(super) target_id: TopicId,
    /// Id of the destination topic when it was last delivered to.
    pub(super) delivered_id: Option<TopicId>,
    /// Largest batch that the destination takes.
    pub(super) max_batch_bytes: usize,
    /// Highest acknowledged offset in the destination, -1 where there is none.
    pub(super) highest: i64,
    /// Offsets that the previous transaction wrote.
    pub(super) previous: Option<(i64, i64)>,
    /// Offsets that the open transaction has written so far.
    pub(super) current: Option<(i64, i64)>,
    /// Offset of the progress record of the open transaction in the journal.
    pub(super) progress_at: i64,
}

impl ClaimedSplit {
    /// A split whose claim has just been written.
    pub(super) fn new(index: u32, descriptor: &Descriptor, journal: &Arc<str>) -> Self {
        Self {
            index,
            source: Arc::new(descriptor.source()),
            journal: Target {
                topic: Arc::clone(journal),
                partition: i32::try_from(index).unwrap_or(i32::MAX),
            },
            target: Target {
                topic: descriptor.destination.as_str().into(),
                partition: descriptor.destination_partition,
            },
            target_id: TopicId::default(),
            delivered_id: None,
            max_batch_bytes: usize::MAX,
            highest: -1,
            previous: None,
            current: None,
            progress_at: -1,
        }
    }

    /// What goes into the progress record of the open transaction. The newest range is not known when the record is
    /// sent with the data; the next record tells it.
    pub(super) fn delivered(&self) -> Delivered {
        Delivered { topic_id: self.target_id.to_string(), highest: self.highest, previous: self.previous }
    }

    /// Takes over what the last progress says.
    pub(super) fn restore(&mut self, delivered: &Delivered) {
        self.highest = delivered.highest;
        self.previous = delivered.previous;
        self.delivered_id = Some(parse_topic_id(&delivered.topic_id));
    }

    /// An acknowledged batch of the destination; false where the sink has gone back (R11).
    pub(super) fn acknowledged(&mut self, first: i64, last: i64) -> bool {
        if first <= self.acknowledged_to() {
            return false;
        }
        self.current = Some((self.current.map_or(first, |(f, _)| f), last));
        true
    }

    /// Highest acknowledged offset, the open transaction's included.
    pub(super) fn acknowledged_to(&self) -> i64 {
        self.current.map_or(self.highest, |(_, last)| last)
    }

    /// The open transaction was committed.
    pub(super) fn committed(&mut self) {
        if let Some(range) = self.current.take() {
            self.highest = range.1;
            self.previous = Some(range);
        } else {
            self.previous = None;
        }
    }
}
