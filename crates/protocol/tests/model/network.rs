//! Requests under way. They arrive in any order, late or never; the answer comes with the arrival, because an answer
//! that comes later is a client that is scheduled later.

use velostream_protocol::kafka_lane::Identity;

use super::coordinator::Part;
use super::group::Token;
use super::log::Entry;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Body {
    Produce {
        part: Part,
        identity: Identity,
        sequence: u8,
        entry: Entry,
    },
    /// TxnOffsetCommit; `None` is the anonymous membership.
    Offsets {
        identity: Identity,
        token: Option<Token>,
        offset: u8,
    },
    End {
        identity: Identity,
        commit: bool,
    },
    Init,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Message {
    /// Whose transactional id.
    pub(crate) lane: u8,
    /// Nobody waits for the answer any more.
    pub(crate) stray: bool,
    pub(crate) body: Body,
}

/// A multiset of messages in canonical order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Network(Vec<Message>);

impl Network {
    pub(crate) fn messages(&self) -> &[Message] {
        &self.0
    }

    pub(crate) fn send(&mut self, message: Message) {
        let at = self.0.partition_point(|m| *m <= message);
        self.0.insert(at, message);
    }

    pub(crate) fn take(&mut self, at: usize) -> Message {
        self.0.remove(at)
    }

    /// The connections of a lane are closed: what is under way may still arrive.
    pub(crate) fn cut(&mut self, lane: u8) {
        for message in self.0.iter_mut().filter(|m| m.lane == lane) {
            message.stray = true;
        }
        self.0.sort_unstable();
    }

    pub(crate) fn awaits(&self, lane: u8) -> bool {
        self.0.iter().any(|m| m.lane == lane && !m.stray)
    }

    /// Produces of one connection to one partition arrive in order.
    pub(crate) fn may_arrive(&self, at: usize) -> bool {
        let message = self.0[at];
        let Body::Produce { part, sequence, .. } = message.body else { return true };
        message.stray
            || !self.0.iter().any(|other| {
                other.lane == message.lane
                    && !other.stray
                    && matches!(other.body, Body::Produce { part: p, sequence: s, .. } if p == part && s < sequence)
            })
    }
}
