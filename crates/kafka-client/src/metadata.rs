//! What is remembered of the cluster: addresses and leaders.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use velostream_core::TopicId;

use crate::requests::{MetadataResponse, MetadataTopic};
use crate::{Broker, BrokerId, ErrorCode};

/// The leader of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leader {
    /// The broker.
    pub broker: BrokerId,
    /// Its epoch, -1 where unknown.
    pub epoch: i32,
    /// Id of the topic, zero where unknown.
    pub topic_id: TopicId,
}

/// Addresses of brokers and leaders of partitions.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    brokers: BTreeMap<BrokerId, Arc<str>>,
    controller: Option<BrokerId>,
    topics: HashMap<String, CachedTopic>,
}

#[derive(Debug)]
struct CachedTopic {
    id: TopicId,
    /// Partition -> leader and epoch; `None` while there is no leader.
    partitions: BTreeMap<i32, (Option<BrokerId>, i32)>,
}

impl Cache {
    /// Takes over a response. Brokers that it does not name are forgotten; so are the leaders of topics with an error.
    pub(crate) fn update(&mut self, response: &MetadataResponse) {
        if !response.brokers.is_empty() {
            self.brokers = response.brokers.iter().map(|b| (b.id, b.addr())).collect();
        }
        self.controller = response.controller.or(self.controller);
        for topic in &response.topics {
            let Some(name) = &topic.name else { continue };
            if topic.error.is_ok() {
                self.update_topic(name, topic);
            } else {
                self.forget_topic(name);
            }
        }
    }

    /// A broker that lags behind may answer an older leader: within one topic id epochs never go back (KIP-320), also
    /// where the leader itself was forgotten. Then there is no leader until somebody names one that is new enough.
    fn update_topic(&mut self, name: &str, topic: &MetadataTopic) {
        let old = self.topics.remove(name).filter(|old| old.id == topic.id);
        let known = |index: i32| old.as_ref().and_then(|old| old.partitions.get(&index).copied());
        let partitions = topic.partitions.iter().map(|p| {
            let new = (p.leader.filter(|_| p.error != ErrorCode::LEADER_NOT_AVAILABLE), p.leader_epoch);
            // Brokers before Kafka 2.1 name no epochs.
            let newer = |(leader, epoch): &(Option<BrokerId>, i32)| {
                *epoch > new.1 && (leader.is_some() || new.1 >= 0)
            };
            (p.index, known(p.index).filter(newer).unwrap_or(new))
        });
        let partitions = partitions.collect();
        self.topics.insert(name.to_owned(), CachedTopic { id: topic.id, partitions });
    }

    /// Adds or replaces one address.
    pub(crate) fn add_broker(&mut self, broker: &Broker) {
        self.brokers.insert(broker.id, broker.addr());
    }

    pub(crate) fn forget_broker(&mut self, broker: BrokerId) {
        self.brokers.remove(&broker);
    }

    /// Forgets who leads, not how new the leaders were.
    pub(crate) fn forget_topic(&mut self, topic: &str) {
        if let Some(known) = self.topics.get_mut(topic) {
            known.partitions.values_mut().for_each(|(leader, _)| *leader = None);
        }
    }

    pub(crate) fn addr(&self, broker: BrokerId) -> Option<Arc<str>> {
        self.brokers.get(&broker).cloned()
    }

    pub(crate) fn brokers(&self) -> Vec<BrokerId> {
        self.brokers.keys().copied().collect()
    }

    pub(crate) fn controller(&self) -> Option<BrokerId> {
        self.controller
    }

    /// A leader that can be reached as far as is known: one whose broker has left is to be asked for again.
    pub(crate) fn leader(&self, topic: &str, partition: i32) -> Option<Leader> {
        let found = self.topics.get(topic)?;
        let (broker, epoch) = *found.partitions.get(&partition)?;
        let broker = broker.filter(|broker| self.brokers.contains_key(broker))?;
        Some(Leader { broker, epoch, topic_id: found.id })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::requests::MetadataPartition;

    fn response(id: u8, leader: i32, leader_epoch: i32, error: ErrorCode) -> MetadataResponse {
        let partition = MetadataPartition {
            error: ErrorCode::NONE,
            index: 0,
            leader: (leader >= 0).then_some(BrokerId(leader)),
            leader_epoch,
            replicas: vec![],
            in_sync: vec![],
        };
        MetadataResponse {
            throttle: Duration::ZERO,
            brokers: (1..=3).map(broker).collect(),
            cluster_id: None,
            controller: None,
            topics: vec![MetadataTopic {
                error,
                name: Some("t".to_owned()),
                id: TopicId([id; 16]),
                is_internal: false,
                partitions: vec![partition],
            }],
        }
    }

    fn broker(id: i32) -> Broker {
        Broker { id: BrokerId(id), host: "b".to_owned(), port: 9092, rack: None }
    }

    fn leader_after(responses: &[MetadataResponse]) -> Option<(i32, i32)> {
        let mut cache = Cache::default();
        responses.iter().for_each(|r| cache.update(r));
        cache.leader("t", 0).map(|leader| (leader.broker.0, leader.epoch))
    }

    #[test]
    fn older_epoch_of_the_same_topic_does_not_replace_a_newer_one() {
        let (new, old) = (response(1, 2, 7, ErrorCode::NONE), response(1, 1, 6, ErrorCode::NONE));
        assert_eq!(leader_after(&[new, old]), Some((2, 7)));
    }

    #[test]
    fn older_epoch_names_no_leader_where_the_newer_leader_was_forgotten() {
        let mut cache = Cache::default();
        cache.update(&response(1, 2, 7, ErrorCode::NONE));
        cache.forget_topic("t");
        cache.update(&response(1, 1, 6, ErrorCode::NONE));
        assert_eq!(cache.leader("t", 0), None, "a broker that lags behind");
        cache.update(&response(1, 1, 6, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
        cache.update(&response(1, 1, 6, ErrorCode::NONE));
        assert_eq!(cache.leader("t", 0), None, "a broker that did not know the topic in between");
        cache.update(&response(1, 3, 8, ErrorCode::NONE));
        assert_eq!(cache.leader("t", 0).map(|leader| leader.broker), Some(BrokerId(3)));
    }

    #[test]
    fn leader_whose_broker_has_left_is_none_until_metadata_names_another() {
        let mut cache = Cache::default();
        cache.update(&response(1, 2, 7, ErrorCode::NONE));
        cache.forget_broker(BrokerId(2));
        assert_eq!(cache.leader("t", 0), None, "its address failed");
        cache.update(&response(1, 2, 7, ErrorCode::NONE));
        assert_eq!(cache.leader("t", 0).map(|leader| leader.broker), Some(BrokerId(2)));
        // An answer about another topic.
        let brokers = [1, 3].map(broker).to_vec();
        cache.update(&MetadataResponse { brokers, topics: vec![], ..response(1, 2, 7, ErrorCode::NONE) });
        assert_eq!(cache.leader("t", 0), None, "the cluster has given it up");
        cache.update(&response(1, 3, 8, ErrorCode::NONE));
        assert_eq!(cache.leader("t", 0).map(|leader| leader.broker), Some(BrokerId(3)));
    }

    #[test]
    fn recreated_topic_replaces_a_higher_epoch() {
        let (old, new) = (response(1, 2, 7, ErrorCode::NONE), response(2, 1, 0, ErrorCode::NONE));
        assert_eq!(leader_after(&[old, new]), Some((1, 0)));
    }

    #[test]
    fn topic_with_error_or_without_leader_has_no_leader() {
        assert_eq!(leader_after(&[response(1, -1, 8, ErrorCode::NONE)]), None);
        let gone = response(1, 1, 7, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        assert_eq!(leader_after(&[response(1, 1, 7, ErrorCode::NONE), gone]), None);
    }
}
