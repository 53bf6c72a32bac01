//! What an assignment carries for the sink lanes.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use velostream_core::{Assignment, SplitId, Token};
use velostream_protocol::kafka_lane::Member;

use super::messages::Share;
use crate::error::{Error, Result};
use crate::journal::Descriptor;
use crate::sink::SinkTopic;

/// The membership under which an assignment was given, and what its splits are.
#[derive(Debug)]
pub struct GroupToken {
    pub(crate) member: Member,
    splits: BTreeMap<SplitId, (u32, Descriptor)>,
    destinations: BTreeMap<String, SinkTopic>,
}

impl Token for GroupToken {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl GroupToken {
    /// A token that owns nothing.
    pub(super) const fn none() -> Self {
        let member = Member { member_id: String::new(), generation: -1 };
        Self { member, splits: BTreeMap::new(), destinations: BTreeMap::new() }
    }

    pub(super) fn new(member: Member, share: Share) -> Self {
        let splits = share.splits.into_iter().map(|(index, d)| (d.split(), (index, d))).collect();
        let destinations = share.destinations.into_iter().map(|d| (d.topic.clone(), d)).collect();
        Self { member, splits, destinations }
    }

    /// The token of an assignment.
    pub(crate) fn of(assignment: &Arc<Assignment>) -> Result<&Self> {
        let defect = Error::Defect("an assignment of another connector was given to a Kafka lane");
        assignment.token.as_any().downcast_ref().ok_or(defect)
    }

    pub(crate) fn split(&self, split: &SplitId) -> Option<(u32, &Descriptor)> {
        self.splits.get(split).map(|(index, descriptor)| (*index, descriptor))
    }

    pub(crate) fn owns(&self, index: u32) -> bool {
        self.splits.values().any(|(i, _)| *i == index)
    }

    pub(crate) fn destination(&self, topic: &str) -> Option<&SinkTopic> {
        self.destinations.get(topic)
    }

    pub(super) fn split_ids(&self) -> Vec<SplitId> {
        self.splits.keys().cloned().collect()
    }

    pub(super) fn indices(&self) -> Vec<u32> {
        self.splits.values().map(|(i, _)| *i).collect()
    }
}
