//! The split registry: which source partition stands behind each journal partition.

mod registrar;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tracing::info;
use velostream_core::{Clock, KafkaPartition, LaneIndex, mutant};
use velostream_kafka_client::{
    ApiKey, Cluster, CoordinatorKind, CreateTopics, DescribeTransactions, ErrorCode, Isolation, NewTopic,
    ResourceKind, Topics,
};

use self::registrar::{Registrar, no_coordinator};
use crate::config::{SinkConfig, SourceConfig, Start};
use crate::connections::Connections;
use crate::error::{Error, Gap, Result};
use crate::journal::reader::{Ends, Reading, Visitor};
use crate::journal::{Descriptor, Entry};
use crate::membership::Share;
use crate::names::Names;
use crate::offsets::{group_coordinator, group_offsets};
use crate::sink::{Needed, SinkTopic, await_leaders, describe, prepare_topics};
use crate::source::{discover, resolve_start};

/// The splits of a job as this process knows them. Clones are independent snapshots.
#[derive(Debug, Clone)]
pub struct Registry {
    parts: Arc<Parts>,
    splits: BTreeMap<u32, Descriptor>,
    destinations: BTreeMap<String, SinkTopic>,
    loaded: bool,
}

#[derive(Debug)]
struct Parts {
    source: Cluster,
    sink: Cluster,
    source_config: Arc<SourceConfig>,
    sink_config: Arc<SinkConfig>,
    names: Names,
    clock: Arc<dyn Clock>,
}

const ADMIN_DEADLINE: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(10);
/// How often, and how long apart, metadata is looked at before a topic counts as gone.
const SPREAD_LOOKS: u32 = 20;
const SPREAD_PAUSE: Duration = Duration::from_millis(100);

impl Registry {
    /// An empty snapshot.
    #[must_use]
    pub fn new(
        (source, source_config): (Cluster, Arc<SourceConfig>),
        (sink, sink_config): (Cluster, Arc<SinkConfig>),
        names: Names,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let parts = Parts { source, sink, source_config, sink_config, names, clock };
        Self { parts: Arc::new(parts), splits: BTreeMap::new(), destinations: BTreeMap::new(), loaded: false }
    }

    /// Splits by journal partition.
    pub(crate) const fn splits(&self) -> &BTreeMap<u32, Descriptor> {
        &self.splits
    }

    /// What a member is told.
    pub(crate) fn share(&self, indices: &[u32], duplicate: bool) -> Share {
        let splits: Vec<(u32, Descriptor)> =
            indices.iter().filter_map(|i| self.splits.get(i).map(|d| (*i, d.clone()))).collect();
        let topics: BTreeSet<&str> = splits.iter().map(|(_, d)| d.destination.as_str()).collect();
        let destinations = topics.iter().filter_map(|t| self.destinations.get(*t).cloned()).collect();
        Share { splits, destinations, duplicate }
    }

    /// Loads and completes the registry where this process has not done so yet.
    pub(crate) async fn ensure_loaded(&mut self) -> Result<()> {
        if !self.loaded {
            *self = self.clone().refreshed().await?;
        }
        Ok(())
    }

    /// Reads the registry, adds partitions that the source has and it lacks, and prepares their destinations.
    pub(crate) async fn refreshed(mut self) -> Result<Self> {
        let source = discover(&self.parts.source, &self.parts.source_config).await?;
        let journal = self.ensure_journal(source.len()).await?;
        // Up to the last stable offset: what a dead registrar left open must not block this look. If that hides a
        // descriptor, registering ends the open transaction and looks again, to the very end.
        self.splits = self.read(0..journal, Upto::LastStable).await?;
        self.check(&source)?;
        self.destinations = self.prepare(&source).await?;
        let known: BTreeSet<KafkaPartition> = self.splits.values().map(Descriptor::source).collect();
        let new: Vec<&KafkaPartition> = source.iter().filter(|p| !known.contains(*p)).collect();
        if !new.is_empty() {
            self.register(&new, journal).await?;
        }
        self.loaded = true;
        Ok(self)
    }

    /// The descriptors that are in the journal now; none before it exists. Only looks.
    pub(crate) async fn descriptors(&self) -> Result<BTreeMap<u32, Descriptor>> {
        let topic = self.parts.names.journal();
        let context = format!("internal topic {topic}");
        let names = Topics::Names(vec![topic.clone()]);
        let metadata = self.parts.sink.metadata(names).await.map_err(Error::client(context))?;
        let found = metadata.topics.iter().find(|t| t.name.as_ref() == Some(&topic) && t.error.is_ok());
        let partitions = found.map_or(0, |t| u32::try_from(t.partitions.len()).unwrap_or(u32::MAX));
        self.read(0..partitions, Upto::LastStable).await
    }

    /// Creates the internal topic for a job that has never run; returns its number of partitions.
    async fn ensure_journal(&self, wanted: usize) -> Result<u32> {
        let topic = self.parts.names.journal();
        let context = || format!("internal topic {topic}");
        let metadata = self
            .parts
            .sink
            .metadata(Topics::Names(vec![topic.clone()]))
            .await
            .map_err(Error::client(context()))?;
        if let Some(found) =
            metadata.topics.iter().find(|t| t.name.as_ref() == Some(&topic) && t.error.is_ok())
        {
            let settings =
                describe(&self.parts.sink, ResourceKind::Topic, std::iter::once(topic.clone())).await?;
            let policy =
                settings.get(&topic).and_then(|s| s.get("cleanup.policy")).cloned().unwrap_or_default();
            if policy != "compact" {
                let what = format!("cleanup.policy is {policy:?} and must be \"compact\"");
                return Err(Error::InternalTopic { topic, what });
            }
            return Ok(u32::try_from(found.partitions.len()).unwrap_or(u32::MAX));
        }
        self.refuse_lost_journal(&topic).await?;
        let replicas = metadata.brokers.len().min(3);
        self.create_journal(&topic, wanted.max(1), replicas).await?;
        await_leaders(&self.parts.sink, &self.parts.clock, &topic, wanted.max(1)).await?;
        Ok(u32::try_from(wanted.max(1)).unwrap_or(u32::MAX))
    }

    /// A job that has run must not start over because its journal is gone: everything would be delivered again. The
    /// transaction coordinator remembers the ids of a job for a week after their last use.
    async fn refuse_lost_journal(&self, topic: &str) -> Result<()> {
        let names = &self.parts.names;
        for id in [names.registrar(), names.lane(LaneIndex(0))] {
            if !known_to_coordinator(&self.parts, &id).await? {
                continue;
            }
            // Another worker may have created the journal a moment ago; metadata takes a while to spread.
            for _ in 0..SPREAD_LOOKS {
                self.parts.clock.sleep(SPREAD_PAUSE).await;
                let names = Topics::Names(vec![topic.to_owned()]);
                let metadata =
                    self.parts.sink.metadata(names).await.map_err(Error::client("internal topic"))?;
                if metadata.topics.iter().any(|t| t.error.is_ok()) {
                    return Err(Error::ClaimTimeout {
                        splits: 0,
                        waited_ms: 0,
                        what: "the internal topic is just being created",
                    });
                }
            }
            let what = format!("it does not exist, but the job has run: its transactional id {id} is known");
            return Err(Error::InternalTopic { topic: topic.to_owned(), what });
        }
        Ok(())
    }

    async fn create_journal(&self, topic: &str, partitions: usize, replicas: usize) -> Result<()> {
        let context = || format!("internal topic {topic}: create");
        let min_insync = replicas.saturating_sub(1).max(1);
        let configs = [
            ("cleanup.policy", "compact".to_owned()),
            // The active segment is never compacted, so it must not grow old or large.
            ("segment.ms", "600000".to_owned()),
            ("segment.bytes", (16 << 20).to_string()),
            ("min.insync.replicas", min_insync.to_string()),
            ("message.timestamp.type", "CreateTime".to_owned()),
        ];
        let new = NewTopic {
            name: topic.to_owned(),
            partitions: i32::try_from(partitions).unwrap_or(i32::MAX),
            replication: i16::try_from(replicas).unwrap_or(3),
            configs: configs.into_iter().map(|(k, v)| (k.to_owned(), Some(v))).collect(),
        };
        let request = CreateTopics { topics: vec![new], timeout: ADMIN_DEADLINE, validate_only: false };
        let controller = self.parts.sink.controller().await.map_err(Error::client(context()))?;
        let answer =
            controller.send_within(request, ADMIN_DEADLINE * 2).await.map_err(Error::client(context()))?;
        for created in answer.topics {
            if created.error != ErrorCode::TOPIC_ALREADY_EXISTS {
                let context = format!("{}: {}", context(), created.error_message.unwrap_or_default());
                created
                    .error
                    .check(controller.broker(), ApiKey::CreateTopics)
                    .map_err(Error::client(context))?;
            }
        }
        info!(topic, partitions, replicas, "created the internal topic");
        Ok(())
    }

    /// Descriptors of journal partitions. A descriptor is the first record of its partition, so that this reads a
    /// few bytes of each whatever the age of the job; a partition without one is read to its end.
    async fn read(&self, partitions: std::ops::Range<u32>, upto: Upto) -> Result<BTreeMap<u32, Descriptor>> {
        let positions = partitions.filter_map(|p| Some((i32::try_from(p).ok()?, 0))).collect();
        let mut reading =
            Reading { topic: self.parts.names.journal(), isolation: Isolation::ReadCommitted, positions };
        let mut found = Descriptors { found: BTreeMap::new(), upto };
        let mut connections = Connections::new(self.parts.sink.clone(), "sink");
        let started = self.parts.clock.monotonic();
        while !reading.positions.is_empty() {
            let round = reading.round(&mut connections, &mut found).await;
            let waited = self.parts.clock.monotonic().saturating_sub(started);
            match round {
                Ok(_) if waited < ADMIN_DEADLINE => {}
                Ok(done) if done => {}
                Ok(_) => {
                    return Err(Error::ClaimTimeout {
                        splits: reading.positions.len(),
                        waited_ms: waited.as_millis(),
                        what: "the registry cannot be read to its end",
                    });
                }
                Err(error)
                    if error.disposition() != velostream_core::Disposition::Retry
                        || waited > ADMIN_DEADLINE =>
                {
                    return Err(error);
                }
                Err(_) => self.parts.clock.sleep(POLL).await,
            }
        }
        Ok(found.found)
    }

    /// A job belongs to one source and one mapping.
    fn check(&self, source: &[KafkaPartition]) -> Result<()> {
        let wanted = self.parts.source.cluster_id();
        for descriptor in self.splits.values() {
            if descriptor.cluster_id != wanted {
                return Err(Error::JobConflict {
                    job: self.parts.names.job().to_string(),
                    has: descriptor.cluster_id.clone(),
                    wanted: wanted.to_owned(),
                });
            }
            let destination = self.parts.sink_config.destination(&descriptor.topic);
            if descriptor.destination != destination {
                return Err(Error::JobConfigChanged {
                    split: descriptor.split(),
                    has: descriptor.destination.clone(),
                    wanted: destination,
                });
            }
            let known = descriptor.source();
            let again = source.iter().any(|p| p.topic == known.topic && p.topic_id != known.topic_id);
            if again && !known.topic_id.is_zero() {
                let gap = Gap::Recreated;
                // How far it was delivered does not matter: nothing of the old topic can be read any more.
                return Err(Error::SourceGap { split: descriptor.split(), position: -1, gap });
            }
        }
        Ok(())
    }

    async fn prepare(&self, source: &[KafkaPartition]) -> Result<BTreeMap<String, SinkTopic>> {
        let mut partitions: BTreeMap<&str, usize> = BTreeMap::new();
        for p in source {
            *partitions.entry(&p.topic).or_default() += 1;
        }
        let delivered: BTreeSet<&str> = self.splits.values().map(|d| d.destination.as_str()).collect();
        let may_grow =
            |destination: &str| self.parts.sink_config.create_topics && delivered.contains(destination);
        let names = partitions.keys().map(|t| (*t).to_owned());
        let settings = describe(&self.parts.source, ResourceKind::Topic, names).await?;
        let needed: Vec<Needed> = partitions
            .iter()
            .map(|(topic, count)| Needed {
                source_topic: (*topic).to_owned(),
                destination: self.parts.sink_config.destination(topic),
                may_grow: may_grow(&self.parts.sink_config.destination(topic)),
                partitions: *count,
                max_message_bytes: settings
                    .get(*topic)
                    .and_then(|s| s.get("max.message.bytes"))
                    .and_then(|v| v.parse().ok())
                    .unwrap_or(1_048_588),
            })
            .collect();
        prepare_topics(&self.parts.sink, &self.parts.sink_config, &self.parts.clock, &needed).await
    }

    /// Writes the descriptors of new partitions, all in one transaction. Only the holder of the registrar's
    /// transactional id does so: initializing it fences every other, and what they wrote is then read again.
    async fn register(&mut self, new: &[&KafkaPartition], journal: u32) -> Result<()> {
        let registrar = Registrar::become_one(&self.parts).await?;
        self.splits = self.read(0..journal, Upto::HighWatermark).await?;
        let known: BTreeSet<KafkaPartition> = self.splits.values().map(Descriptor::source).collect();
        let start = start_of_new(!self.splits.is_empty(), self.parts.source_config.start);
        let taken: BTreeSet<u32> = self.splits.keys().copied().collect();
        let mut free = (0_u32..).filter(|i| !taken.contains(i));
        let mut added = BTreeMap::new();
        for partition in new.iter().filter(|p| !known.contains(**p)) {
            let descriptor = Descriptor {
                cluster_id: partition.cluster_id.to_string(),
                topic: partition.topic.to_string(),
                topic_id: partition.topic_id.to_string(),
                partition: partition.partition,
                start: resolve_start(&self.parts.source, partition, start).await?,
                destination: self.parts.sink_config.destination(&partition.topic),
                destination_partition: partition.partition,
            };
            let index = free.next().ok_or(Error::Defect("more splits than a topic can have partitions"))?;
            added.insert(index, descriptor);
        }
        self.refuse_lost_descriptors(added.keys().copied()).await?;
        let needed = added.keys().last().map_or(0, |last| last + 1);
        if needed > journal {
            registrar.grow_journal(&self.parts, needed).await?;
        }
        if !added.is_empty() {
            registrar.write(&self.parts, &added).await?;
            info!(splits = added.len(), "registered");
        }
        self.splits.extend(added);
        Ok(())
    }

    /// A journal partition that was delivered for has a descriptor as its first record. Where the group has an offset
    /// for one without, an unclean election has emptied it, and another split must not take over its place.
    async fn refuse_lost_descriptors(&self, indices: impl Iterator<Item = u32>) -> Result<()> {
        let (names, topic) = (&self.parts.names, self.parts.names.journal());
        let partitions: Vec<i32> = indices.filter_map(|index| i32::try_from(index).ok()).collect();
        let coordinator = group_coordinator(&self.parts.sink, names).await?;
        for found in group_offsets(&coordinator, names, partitions, false).await?.unwrap_or_default() {
            if let Some(offset) = found.offset {
                let destination = format!("{topic}-{}", found.partition);
                let what = format!(
                    "source offset {offset} was delivered for it, but the record that says of what is gone"
                );
                return Err(Error::SinkWentBack { destination, what });
            }
        }
        Ok(())
    }
}

/// True where the transaction coordinator has seen this transactional id. False also for brokers before 3.0, which
/// cannot tell.
async fn known_to_coordinator(parts: &Parts, id: &str) -> Result<bool> {
    let sink = &parts.sink;
    let context = || format!("transactional id {id}");
    if !sink.supports(ApiKey::DescribeTransactions, 0) {
        return Ok(false);
    }
    let broker = match sink.coordinator(CoordinatorKind::Transaction, id).await {
        Ok(broker) => broker,
        Err(source) => return Err(no_coordinator(parts, source).await),
    };
    let connection = sink.open(broker).await.map_err(Error::client(context()))?;
    let request = DescribeTransactions { transactional_ids: vec![id.to_owned()] };
    let answer = connection.send(request).await.map_err(Error::client(context()))?;
    Ok(answer.states.iter().any(|t| t.error.is_ok()))
}

/// Where partitions without a descriptor start: those that appear after the job was created at their beginning (R12).
fn start_of_new(job_has_run: bool, policy: Start) -> Start {
    if job_has_run && !mutant!(NewPartitionsFollowPolicy) { Start::Earliest } else { policy }
}

/// How far a partition without a descriptor is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Upto {
    LastStable,
    HighWatermark,
}

struct Descriptors {
    found: BTreeMap<u32, Descriptor>,
    upto: Upto,
}

impl Visitor for Descriptors {
    fn entry(&mut self, partition: i32, _offset: i64, entry: Entry) {
        if let (Ok(index), Entry::Split(descriptor)) = (u32::try_from(partition), entry) {
            self.found.entry(index).or_insert(descriptor);
        }
    }

    fn finished(&mut self, partition: i32, position: i64, ends: Ends) -> bool {
        let found = u32::try_from(partition).is_ok_and(|p| self.found.contains_key(&p));
        let end = match self.upto {
            Upto::LastStable => ends.last_stable,
            Upto::HighWatermark => ends.high_watermark,
        };
        found || position >= end
    }
}

#[cfg(test)]
mod tests {
    use super::{Start, start_of_new};

    #[test]
    fn partition_that_appears_later_starts_at_its_beginning_whatever_the_policy() {
        assert_eq!(start_of_new(false, Start::Latest), Start::Latest);
        assert_eq!(start_of_new(true, Start::Latest), Start::Earliest);
    }
}
