//! The produce pipeline of a lane, as the Kafka connector's: several requests in flight, one batch each.

use std::collections::{BTreeSet, VecDeque};

use velostream_core::SplitId;
use velostream_protocol::kafka_lane::{Identity, Kind};

use crate::broker::{Answer, Code, Content, Part, Request};
use crate::network::{Endpoint, Pending};

const MAX_IN_FLIGHT: usize = 5;
/// Pause before a batch is sent again that came too early.
const COME_AGAIN_MS: u64 = 5;

/// One signed batch.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub(crate) part: Part,
    pub(crate) split: SplitId,
    pub(crate) kind: Kind,
    pub(crate) identity: Identity,
    pub(crate) sequence: i32,
    pub(crate) content: Content,
    /// Source offsets of its records, from and behind.
    pub(crate) range: (i64, i64),
    pub(crate) records: i64,
}

/// What became of a batch.
#[derive(Debug)]
pub(crate) enum Fate {
    /// Base offset.
    Stored(i64),
    Refused,
    Indefinite(String),
}

#[derive(Debug)]
pub(crate) struct Pipeline {
    lane: String,
    endpoint: Endpoint,
    connection: u64,
    waiting: VecDeque<Outgoing>,
    in_flight: VecDeque<(Outgoing, Pending)>,
    /// Partitions that have acknowledged a batch of the open transaction; before that each has one in flight.
    opened: BTreeSet<Part>,
    opening: BTreeSet<Part>,
}

impl Pipeline {
    pub(crate) fn new(lane: String, endpoint: Endpoint) -> Self {
        let connection = endpoint.connect();
        Self {
            lane,
            endpoint,
            connection,
            waiting: VecDeque::new(),
            in_flight: VecDeque::new(),
            opened: BTreeSet::new(),
            opening: BTreeSet::new(),
        }
    }

    pub(crate) fn begin(&mut self) {
        self.opened.clear();
        self.opening.clear();
    }

    /// Drops everything; what is in flight may still arrive.
    pub(crate) fn disconnect(&mut self) {
        self.connection = self.endpoint.connect();
        self.waiting.clear();
        self.in_flight.clear();
        self.opening.clear();
    }

    pub(crate) fn is_busy(&self) -> bool {
        !self.waiting.is_empty() || !self.in_flight.is_empty()
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len() + self.in_flight.len()
    }

    pub(crate) fn push(&mut self, outgoing: Outgoing) {
        self.waiting.push_back(outgoing);
    }

    /// Sends what may be sent now.
    pub(crate) async fn send(&mut self) {
        let window = if self.opened.is_empty() { 1 } else { MAX_IN_FLIGHT };
        let mut blocked = self.opening.clone();
        let mut at = 0;
        while self.in_flight.len() < window {
            let Some(next) = self.waiting.get(at) else { return };
            if blocked.contains(&next.part) {
                at += 1;
                continue;
            }
            let Some(outgoing) = self.waiting.remove(at) else { return };
            if !self.opened.contains(&outgoing.part) {
                self.opening.insert(outgoing.part);
                blocked.insert(outgoing.part);
            }
            let request = Request::Produce {
                lane: self.lane.clone(),
                identity: outgoing.identity,
                sequence: outgoing.sequence,
                part: outgoing.part,
                content: outgoing.content.clone(),
            };
            let pending = self.endpoint.start(self.connection, request).await;
            self.in_flight.push_back((outgoing, pending));
        }
    }

    /// Waits for the next answer. A first batch that came too early is put back in front.
    pub(crate) async fn settle(&mut self) -> Option<(Outgoing, Fate)> {
        let (outgoing, pending) = self.in_flight.pop_front()?;
        let answer = pending.answer().await;
        self.opening.remove(&outgoing.part);
        let fate = match answer {
            Ok(Answer::Appended(base)) => {
                self.opened.insert(outgoing.part);
                Fate::Stored(base)
            }
            Ok(Answer::Error(Code::ComeAgain)) if !self.opened.contains(&outgoing.part) => {
                self.endpoint.sleep(COME_AGAIN_MS).await;
                self.waiting.push_front(outgoing);
                return None;
            }
            Ok(Answer::Error(Code::TooLarge)) => Fate::Refused,
            other => Fate::Indefinite(format!("{other:?}")),
        };
        Some((outgoing, fate))
    }
}
