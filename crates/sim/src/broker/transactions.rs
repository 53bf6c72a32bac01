//! The transaction coordinator's view of one transactional id.

use std::collections::BTreeSet;

use velostream_protocol::kafka_lane::{Identity, TransactionVersion};

use super::request::{Code, Part};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Empty,
    Ongoing,
    /// Decided; markers are being written.
    Prepare {
        commit: bool,
    },
    Complete {
        commit: bool,
    },
}

#[derive(Debug, Clone)]
pub(crate) struct Transactions {
    /// `None`: never used, or expired.
    identity: Option<Identity>,
    status: Status,
    /// Ongoing: partitions taken part. Prepare: markers still to be written.
    parts: BTreeSet<Part>,
    /// Grows with every transaction, so that a timer knows its own.
    number: u64,
}

impl Transactions {
    pub(crate) const fn new() -> Self {
        Self { identity: None, status: Status::Empty, parts: BTreeSet::new(), number: 0 }
    }

    pub(crate) fn is_ongoing(&self) -> bool {
        self.status == Status::Ongoing
    }

    pub(crate) const fn number(&self) -> u64 {
        self.number
    }

    fn check(&self, identity: Identity) -> Result<(), Code> {
        match self.identity {
            Some(own) if own.id != identity.id => Err(Code::UnknownProducer),
            Some(own) if own == identity => Ok(()),
            Some(_) => Err(Code::InvalidProducerEpoch),
            None => Err(Code::UnknownProducer),
        }
    }

    /// InitProducerId: aborts what is open and fences every earlier epoch. `fresh` is the id to give out where there
    /// is none.
    pub(crate) fn init(&mut self, fresh: i64) -> Result<Identity, Code> {
        match self.status {
            Status::Prepare { .. } => Err(Code::ComeAgain),
            Status::Ongoing => {
                self.fence();
                Err(Code::ComeAgain)
            }
            Status::Empty | Status::Complete { .. } => {
                let identity = match self.identity {
                    Some(own) => Identity { id: own.id, epoch: own.epoch + 1 },
                    None => Identity { id: fresh, epoch: 0 },
                };
                self.identity = Some(identity);
                self.status = Status::Empty;
                self.parts.clear();
                Ok(identity)
            }
        }
    }

    /// Aborts the ongoing transaction under a higher epoch: InitProducerId, or its timeout.
    pub(crate) fn fence(&mut self) {
        if let Some(identity) = &mut self.identity {
            identity.epoch += 1;
        }
        self.prepare(false);
    }

    fn prepare(&mut self, commit: bool) {
        self.status =
            if self.parts.is_empty() { Status::Complete { commit } } else { Status::Prepare { commit } };
    }

    /// AddPartitionsToTxn and AddOffsetsToTxn, or what a V2 broker asks on behalf of a producer.
    pub(crate) fn add(&mut self, identity: Identity, part: Part) -> Result<(), Code> {
        self.check(identity)?;
        match self.status {
            Status::Prepare { .. } => return Err(Code::ComeAgain),
            Status::Ongoing => {}
            Status::Empty | Status::Complete { .. } => {
                self.parts.clear();
                self.number += 1;
            }
        }
        self.status = Status::Ongoing;
        self.parts.insert(part);
        Ok(())
    }

    /// What a V1 broker asks before it opens a transaction in a partition.
    pub(crate) fn verify(&self, identity: Identity, part: Part) -> Result<(), Code> {
        self.check(identity)?;
        match self.status {
            Status::Prepare { .. } => Err(Code::ComeAgain),
            Status::Ongoing if self.parts.contains(&part) => Ok(()),
            Status::Ongoing | Status::Empty | Status::Complete { .. } => Err(Code::InvalidState),
        }
    }

    /// EndTxn; on V2 the epoch moves with every end.
    pub(crate) fn end(
        &mut self,
        identity: Identity,
        commit: bool,
        version: TransactionVersion,
    ) -> Result<Identity, Code> {
        let Some(current) = self.identity else { return Err(Code::UnknownProducer) };
        if current.id != identity.id {
            return Err(Code::UnknownProducer);
        }
        let v2 = version == TransactionVersion::V2;
        if v2 && identity.epoch + 1 == current.epoch {
            // The same request again: the epoch has moved by its first arrival.
            return match self.status {
                Status::Prepare { commit: c } | Status::Complete { commit: c } if c == commit => Ok(current),
                _ => Err(Code::InvalidProducerEpoch),
            };
        }
        if identity != current {
            return Err(Code::InvalidProducerEpoch);
        }
        match self.status {
            Status::Ongoing => {
                let next = if v2 { Identity { id: current.id, epoch: current.epoch + 1 } } else { current };
                self.identity = Some(next);
                self.prepare(commit);
                Ok(next)
            }
            Status::Prepare { commit: c } | Status::Complete { commit: c } if c == commit && !v2 => {
                Ok(current)
            }
            Status::Prepare { .. } => Err(Code::ComeAgain),
            Status::Empty | Status::Complete { .. } => Err(Code::InvalidState),
        }
    }

    /// Partitions whose marker is still to be written.
    pub(crate) fn due(&self) -> impl Iterator<Item = Part> + '_ {
        let preparing = matches!(self.status, Status::Prepare { .. });
        self.parts.iter().copied().filter(move |_| preparing)
    }

    /// The marker of `part`, if one is due; the transaction is over with the last one.
    pub(crate) fn take_marker(&mut self, part: Part) -> Option<(Identity, bool)> {
        let Status::Prepare { commit } = self.status else { return None };
        if !self.parts.remove(&part) {
            return None;
        }
        if self.parts.is_empty() {
            self.status = Status::Complete { commit };
        }
        self.identity.map(|identity| (identity, commit))
    }

    /// Forgets the transactional id; only done where nothing is going on.
    pub(crate) fn expire(&mut self) {
        if matches!(self.status, Status::Empty | Status::Complete { .. }) {
            self.identity = None;
            self.status = Status::Empty;
        }
    }
}
