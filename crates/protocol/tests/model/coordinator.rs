//! The transaction coordinator's view of one transactional id.

use velostream_protocol::kafka_lane::Identity;

use super::log::ProducerId;

/// A partition that takes part in transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Part {
    Data,
    Journal,
    Group,
}

pub(crate) const PARTS: [Part; 3] = [Part::Data, Part::Journal, Part::Group];

impl Part {
    const fn bit(self) -> u8 {
        match self {
            Self::Data => 1,
            Self::Journal => 2,
            Self::Group => 4,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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

/// The coordinator's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Done; the identity to go on with.
    Done(Identity),
    /// CONCURRENT_TRANSACTIONS: markers are being written.
    ComeAgain,
    /// Fenced, expired, or nothing to end.
    Refused,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Transactions {
    lane: u8,
    /// `None`: never used, or expired.
    producer: Option<ProducerId>,
    epoch: i16,
    status: Status,
    /// Ongoing: partitions taken part. Prepare: markers still to be written.
    parts: u8,
    /// How many producer ids were given out.
    given: i64,
}

impl Transactions {
    pub(crate) const fn new(lane: u8) -> Self {
        Self { lane, producer: None, epoch: 0, status: Status::Empty, parts: 0, given: 0 }
    }

    fn identity(&self) -> Option<Identity> {
        self.producer.map(|id| Identity { id, epoch: self.epoch })
    }

    pub(crate) fn is_ongoing(&self) -> bool {
        self.status == Status::Ongoing
    }

    pub(crate) const fn is_preparing(&self) -> bool {
        matches!(self.status, Status::Prepare { .. })
    }

    /// True where the coordinator still knows the producer id.
    pub(crate) fn knows(&self, producer: ProducerId) -> bool {
        self.producer == Some(producer)
    }

    pub(crate) fn is_current(&self, identity: Identity) -> bool {
        self.identity() == Some(identity)
    }

    /// The decision on a transaction of `producer` whose marker in `part` is not written yet.
    pub(crate) fn decided(&self, producer: ProducerId, part: Part) -> Option<bool> {
        match self.status {
            Status::Prepare { commit } if self.knows(producer) && self.parts & part.bit() != 0 => {
                Some(commit)
            }
            _ => None,
        }
    }

    /// InitProducerId: aborts what is open and fences every earlier epoch.
    pub(crate) fn init(&mut self) -> Answer {
        match self.status {
            Status::Prepare { .. } => Answer::ComeAgain,
            Status::Ongoing => {
                self.fence();
                Answer::ComeAgain
            }
            Status::Empty | Status::Complete { .. } => {
                match self.producer {
                    Some(_) => self.epoch += 1,
                    None => {
                        self.producer = Some(i64::from(self.lane) + 2 * self.given);
                        self.given += 1;
                        self.epoch = 0;
                    }
                }
                self.status = Status::Empty;
                self.parts = 0;
                self.identity().map_or(Answer::Refused, Answer::Done)
            }
        }
    }

    /// Aborts the ongoing transaction under a higher epoch: InitProducerId, or its timeout.
    pub(crate) const fn fence(&mut self) {
        self.epoch += 1;
        self.status = Status::Prepare { commit: false };
    }

    /// AddPartitionsToTxn and AddOffsetsToTxn, or what a V2 broker asks on behalf of a producer.
    pub(crate) fn add(&mut self, identity: Identity, part: Part) -> Answer {
        if self.identity() != Some(identity) {
            return Answer::Refused;
        }
        match self.status {
            Status::Prepare { .. } => return Answer::ComeAgain,
            Status::Ongoing => {}
            Status::Empty | Status::Complete { .. } => self.parts = 0,
        }
        self.status = Status::Ongoing;
        self.parts |= part.bit();
        Answer::Done(identity)
    }

    /// EndTxn; on V2 the epoch moves with every end.
    pub(crate) fn end(&mut self, identity: Identity, commit: bool, v2: bool) -> Answer {
        let Some(current) = self.identity() else { return Answer::Refused };
        if v2 && identity.id == current.id && identity.epoch + 1 == current.epoch {
            // The same request again: the epoch has moved by its first arrival.
            return match self.status {
                Status::Prepare { commit: c } | Status::Complete { commit: c } if c == commit => {
                    Answer::Done(current)
                }
                _ => Answer::Refused,
            };
        }
        if identity != current {
            return Answer::Refused;
        }
        match self.status {
            Status::Ongoing => {
                if v2 {
                    self.epoch += 1;
                }
                self.status = Status::Prepare { commit };
                self.identity().map_or(Answer::Refused, Answer::Done)
            }
            Status::Prepare { commit: c } | Status::Complete { commit: c } if c == commit && !v2 => {
                Answer::Done(current)
            }
            Status::Prepare { .. } => Answer::ComeAgain,
            Status::Empty | Status::Complete { .. } => Answer::Refused,
        }
    }

    /// The next marker of `part`, if one is due; the transaction is over with the last one.
    pub(crate) fn take_marker(&mut self, part: Part) -> Option<(Identity, bool)> {
        let Status::Prepare { commit } = self.status else { return None };
        if self.parts & part.bit() == 0 {
            return None;
        }
        self.parts &= !part.bit();
        if self.parts == 0 {
            self.status = Status::Complete { commit };
        }
        self.identity().map(|identity| (identity, commit))
    }

    /// Forgets the transactional id; only done where nothing is going on.
    pub(crate) fn expire(&mut self) -> bool {
        let idle = matches!(self.status, Status::Empty | Status::Complete { .. }) && self.producer.is_some();
        if idle {
            self.producer = None;
            self.status = Status::Empty;
            self.epoch = 0;
        }
        idle
    }
}
