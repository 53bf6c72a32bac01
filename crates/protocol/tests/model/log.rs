//! A partition: records, transaction markers, and what the broker remembers of producers.

use velostream_protocol::kafka_lane::Identity;

/// Number of a producer id; its parity names the lane.
pub(crate) type ProducerId = i64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Entry {
    Data { offset: u8 },
    Claim { lane: u8 },
    Progress { lane: u8, next: u8, batch: u8, released: bool },
    Marker { commit: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Record {
    /// `None` outside any transaction.
    pub(crate) producer: Option<ProducerId>,
    pub(crate) entry: Entry,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    Open,
    Committed,
    Aborted,
}

/// The broker's answer to a produce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Produced {
    Stored,
    Refused,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Producer {
    id: ProducerId,
    epoch: i16,
    next_sequence: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Log {
    records: Vec<Record>,
    producers: Vec<Producer>,
}

impl Log {
    pub(crate) fn records(&self) -> &[Record] {
        &self.records
    }

    pub(crate) const fn end(&self) -> usize {
        self.records.len()
    }

    /// Appends outside any transaction; gives the offset.
    pub(crate) fn append_plain(&mut self, entry: Entry) -> usize {
        self.records.push(Record { producer: None, entry });
        self.records.len() - 1
    }

    /// True where the producer has a transaction open here under this epoch, so that the broker need not ask the
    /// coordinator.
    pub(crate) fn has_open(&self, identity: Identity) -> bool {
        let epoch = self.producers.iter().find(|p| p.id == identity.id).map(|p| p.epoch);
        let last = self.records.iter().rev().find(|r| r.producer == Some(identity.id));
        epoch == Some(identity.epoch) && last.is_some_and(|r| !matches!(r.entry, Entry::Marker { .. }))
    }

    /// Appends as an idempotent producer; a sequence seen before is acknowledged and not appended.
    pub(crate) fn produce(&mut self, identity: Identity, sequence: u8, entry: Entry) -> Produced {
        let known = self.producers.iter_mut().find(|p| p.id == identity.id);
        let expected = match &known {
            Some(p) if identity.epoch < p.epoch => return Produced::Refused,
            Some(p) if identity.epoch == p.epoch => p.next_sequence,
            _ => 0,
        };
        if sequence > expected {
            return Produced::Refused;
        }
        if sequence < expected {
            return Produced::Stored;
        }
        let producer = Producer { id: identity.id, epoch: identity.epoch, next_sequence: sequence + 1 };
        match known {
            Some(p) => *p = producer,
            None => self.remember(producer),
        }
        self.records.push(Record { producer: Some(identity.id), entry });
        Produced::Stored
    }

    fn remember(&mut self, producer: Producer) {
        self.producers.push(producer);
        self.producers.sort_unstable_by_key(|p| p.id);
    }

    /// Ends a producer's transaction. A marker with a higher epoch fences the lower ones.
    pub(crate) fn mark(&mut self, identity: Identity, commit: bool) {
        self.records.push(Record { producer: Some(identity.id), entry: Entry::Marker { commit } });
        match self.producers.iter_mut().find(|p| p.id == identity.id) {
            Some(p) if identity.epoch > p.epoch => (p.epoch, p.next_sequence) = (identity.epoch, 0),
            Some(_) => {}
            None => self.remember(Producer { id: identity.id, epoch: identity.epoch, next_sequence: 0 }),
        }
    }

    /// What became of the record at `at`, seen by a reader whose log ends at `end`.
    pub(crate) fn outcome(&self, at: usize, end: usize) -> Outcome {
        let Some(producer) = self.records[at].producer else { return Outcome::Committed };
        let marker = self.records[at..end].iter().find_map(|r| match r.entry {
            Entry::Marker { commit } if r.producer == Some(producer) => Some(commit),
            _ => None,
        });
        match marker {
            Some(true) => Outcome::Committed,
            Some(false) => Outcome::Aborted,
            None => Outcome::Open,
        }
    }

    /// First offset that a reader of committed data is not shown, seen by a reader whose log ends at `end`.
    pub(crate) fn last_stable(&self, end: usize) -> usize {
        (0..end).find(|at| self.outcome(*at, end) == Outcome::Open).unwrap_or(end)
    }
}
