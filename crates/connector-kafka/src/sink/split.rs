//! What a lane knows of a split that it claimed.

use std::collections::BTreeMap;
use std::sync::Arc;

use velostream_core::{KafkaPartition, TopicId, mutant};

use super::outgoing::Target;
use crate::error::{Error, Result};
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
    /// Offsets that the open transaction has written so far, first and last of each batch.
    current: BTreeMap<i64, i64>,
    /// Offset of the progress record of the open transaction in the journal.
    pub(super) progress_at: i64,
    /// Highest acknowledged offset in the journal: of the claim, then of each progress.
    journal_at: i64,
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
            current: BTreeMap::new(),
            progress_at: -1,
            journal_at: -1,
        }
    }

    /// The claim was appended at `offset`. The group's offsets name a progress at `hint`, -1 for none.
    pub(super) fn appended_claim(&mut self, offset: i64, hint: i64) -> Result<()> {
        self.journal_at = hint;
        self.appended(offset, "claim")
    }

    /// A progress record of the open transaction was acknowledged at `offset`.
    pub(super) fn appended_progress(&mut self, offset: i64) -> Result<()> {
        self.progress_at = offset;
        self.appended(offset, "progress")
    }

    /// What all in-sync replicas have acknowledged has an offset above everything that they acknowledged before, else
    /// the journal has lost records (R11).
    fn appended(&mut self, offset: i64, record: &'static str) -> Result<()> {
        if offset <= self.journal_at {
            let at = self.journal_at;
            let what = format!(
                "a {record} was appended at offset {offset}, but offset {at} was acknowledged before"
            );
            return Err(Error::SinkWentBack { destination: self.journal.to_string(), what });
        }
        self.journal_at = offset;
        Ok(())
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

    /// A transaction begins.
    pub(super) fn begin(&mut self) {
        self.current.clear();
    }

    /// An acknowledged batch of the destination; false where the sink has gone back (R11): an offset was given out
    /// again. The answers to batches that were in flight together may be seen in any order.
    pub(super) fn acknowledged(&mut self, first: i64, last: i64) -> bool {
        let before = self.current.range(..=last).next_back().map_or(self.highest, |(_, end)| *end);
        if first <= before.max(self.highest) && !mutant!(OffsetGivenOutAgain) {
            return false;
        }
        self.current.insert(first, last);
        true
    }

    /// Highest acknowledged offset, the open transaction's included.
    pub(super) fn acknowledged_to(&self) -> i64 {
        self.range().map_or(self.highest, |(_, last)| last)
    }

    /// What the open transaction has written so far. Other writers may have offsets in between.
    fn range(&self) -> Option<(i64, i64)> {
        Some((*self.current.first_key_value()?.0, *self.current.last_key_value()?.1))
    }

    /// The open transaction was committed.
    pub(super) fn committed(&mut self) {
        self.previous = self.range();
        if let Some((_, last)) = self.previous {
            self.highest = last;
        }
        self.current.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::ClaimedSplit;
    use crate::journal::Descriptor;

    fn split() -> ClaimedSplit {
        let descriptor = Descriptor {
            cluster_id: "c".into(),
            topic: "t".into(),
            topic_id: String::new(),
            partition: 0,
            start: 0,
            destination: "t".into(),
            destination_partition: 0,
        };
        ClaimedSplit::new(0, &descriptor, &"j".into())
    }

    #[test]
    fn acknowledgements_seen_in_another_order_are_no_loss() {
        let mut split = split();
        for (first, last) in [(10, 19), (30, 39), (20, 29), (0, 9)] {
            assert!(split.acknowledged(first, last), "{first}");
        }
        split.committed();
        assert_eq!((split.highest, split.previous), (39, Some((0, 39))));
    }

    #[test]
    fn claim_or_progress_below_what_the_journal_held_is_a_named_error() {
        let mut split = split();
        for hint in [7, 8] {
            let error = split.appended_claim(7, hint).unwrap_err();
            assert_eq!(error.code(), velostream_core::Code::SinkWentBack, "{error}");
            assert!(error.to_string().contains("j-0") && error.to_string().contains('7'), "{error}");
        }
        split.appended_claim(9, 8).unwrap();
        split.appended_progress(10).unwrap();
        for again in [9, 10] {
            assert!(split.appended_progress(again).is_err(), "{again}");
        }
        split.appended_progress(11).unwrap();
    }

    #[test]
    fn offset_given_out_again_is_seen_whichever_answer_comes_first() {
        for (again, until) in [(10, 19), (5, 10), (19, 25), (0, 30), (12, 13)] {
            let mut split = split();
            assert!(split.acknowledged(10, 19));
            assert!(!split.acknowledged(again, until), "{again}..={until}");
        }
        let mut split = split();
        assert!(split.acknowledged(0, 9));
        split.committed();
        split.begin();
        assert!(!split.acknowledged(9, 12));
        assert!(split.acknowledged(10, 12));
    }
}
