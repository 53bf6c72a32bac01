//! The group's offsets, which wait for their transaction.

use std::collections::BTreeMap;

use velostream_protocol::kafka_lane::Identity;

use super::request::{Code, Stored, StoredOffset};

#[derive(Debug, Clone)]
struct Pending {
    producer: i64,
    partition: u32,
    stored: Stored,
    /// An offset commit that was accepted later has been applied already.
    superseded: bool,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Offsets {
    committed: BTreeMap<u32, Stored>,
    /// What stood before each change, for a coordinator that was replaced.
    earlier: Vec<BTreeMap<u32, Stored>>,
    pending: Vec<Pending>,
    producers: BTreeMap<i64, i16>,
}

impl Offsets {
    /// A producer's offsets, pending until its marker. A fenced epoch is refused.
    pub(crate) fn store(&mut self, identity: Identity, offsets: &[StoredOffset]) -> Result<(), Code> {
        if self.producers.get(&identity.id).is_some_and(|epoch| identity.epoch < *epoch) {
            return Err(Code::InvalidProducerEpoch);
        }
        self.remember(identity);
        for one in offsets {
            self.pending.retain(|p| (p.producer, p.partition) != (identity.id, one.partition));
            let (producer, partition, stored) = (identity.id, one.partition, one.stored);
            self.pending.push(Pending { producer, partition, stored, superseded: false });
        }
        Ok(())
    }

    fn remember(&mut self, identity: Identity) {
        let epoch = self.producers.entry(identity.id).or_insert(identity.epoch);
        *epoch = (*epoch).max(identity.epoch);
    }

    /// A marker arrives: pending offsets of this producer count, in the order in which they were accepted.
    pub(crate) fn mark(&mut self, identity: Identity, commit: bool) {
        self.remember(identity);
        self.earlier.push(self.committed.clone());
        let mut earlier: Vec<Pending> = Vec::new();
        for one in std::mem::take(&mut self.pending) {
            if one.producer != identity.id {
                earlier.push(one);
            } else if commit && !one.superseded {
                self.committed.insert(one.partition, one.stored);
                for other in earlier.iter_mut().filter(|o| o.partition == one.partition) {
                    other.superseded = true;
                }
            }
        }
        self.pending = earlier;
    }

    pub(crate) fn is_pending(&self, partition: u32) -> bool {
        self.pending.iter().any(|p| p.partition == partition)
    }

    pub(crate) fn committed(&self, partition: u32) -> Option<Stored> {
        self.committed.get(&partition).copied()
    }

    /// What a coordinator answers that was replaced `back` markers ago.
    pub(crate) fn replaced(&self, partition: u32, back: usize) -> Option<Stored> {
        let at = self.earlier.len().checked_sub(back)?;
        self.earlier.get(at)?.get(&partition).copied()
    }
}
