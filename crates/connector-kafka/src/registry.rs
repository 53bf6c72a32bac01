//! The split registry: which source partition stands behind each journal partition.

mod descriptors;
mod internal_topic;
mod registrar;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tracing::info;
use velostream_core::{Clock, KafkaPartition, mutant};
use velostream_kafka_client::{Cluster, ResourceKind, Topics};

use self::descriptors::Upto;
use self::registrar::Registrar;
use crate::config::{SinkConfig, SourceConfig, Start};
use crate::error::{Error, Gap, Result};
use crate::journal::Descriptor;
use crate::membership::Share;
use crate::names::Names;
use crate::sink::{Needed, SinkTopic, describe, prepare_topics};
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
        let journal = internal_topic::ensure(&self.parts, source.len()).await?;
        // Up to the last stable offset: what a dead registrar left open must not block this look. If that hides a
        // descriptor, registering ends the open transaction and looks again, to the very end.
        self.splits = descriptors::read(&self.parts, 0..journal, Upto::LastStable).await?;
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
        descriptors::read(&self.parts, 0..partitions, Upto::LastStable).await
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
                settings: settings.get(*topic).cloned().unwrap_or_default(),
            })
            .collect();
        prepare_topics(&self.parts.sink, &self.parts.sink_config, &self.parts.clock, &needed).await
    }

    /// Writes the descriptors of new partitions, all in one transaction. Only the holder of the registrar's
    /// transactional id does so: initializing it fences every other, and what they wrote is then read again.
    async fn register(&mut self, new: &[&KafkaPartition], journal: u32) -> Result<()> {
        let registrar = Registrar::become_one(&self.parts).await?;
        self.splits = descriptors::read(&self.parts, 0..journal, Upto::HighWatermark).await?;
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
        descriptors::refuse_lost(&self.parts, added.keys().copied()).await?;
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
}

/// Where partitions without a descriptor start: those that appear after the job was created at their beginning (R12).
fn start_of_new(job_has_run: bool, policy: Start) -> Start {
    if job_has_run && !mutant!(NewPartitionsFollowPolicy) { Start::Earliest } else { policy }
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
