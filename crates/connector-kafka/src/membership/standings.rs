//! Where every split of a bounded job stands, whoever owns it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use velostream_core::{KafkaPartition, SourcePosition, Standing};
use velostream_kafka_client::{Cluster, Isolation};

use crate::connections::Connections;
use crate::error::Result;
use crate::journal::Entry;
use crate::journal::reader::{Ends as LogEnds, Reading, Visitor};
use crate::names::Names;
use crate::offsets::{group_coordinator, group_offsets};
use crate::registry::Registry;
use crate::source::{Ends, split_of};

/// Answers for the whole job; asks and writes nothing.
#[derive(Debug)]
pub(super) struct Standings {
    pub(super) cluster: Cluster,
    pub(super) names: Names,
    pub(super) registry: Registry,
    pub(super) ends: Ends,
}

impl Standings {
    /// Every split that the source had at the start of this worker; none where the run has no bound.
    ///
    /// The group's offset is the position: it is committed with the progress, and where a coordinator that was replaced
    /// answers an old one, the end is only delayed. Brokers forget the offsets of a group that was empty for long
    /// (`offsets.retention.minutes`); the journal, which is compacted and complete, says it then.
    ///
    /// # Errors
    /// Of brokers. [`Error::Journal`](crate::Error::Journal) and the like where the journal cannot be read.
    pub(super) async fn look(&self) -> Result<Vec<Standing>> {
        let Some(ends) = self.ends.goals().await else { return Ok(Vec::new()) };
        let mut known = BTreeMap::new();
        for (index, descriptor) in self.registry.descriptors().await? {
            if let Ok(index) = i32::try_from(index) {
                known.insert(descriptor.source(), (index, descriptor.start));
            }
        }
        // Where nothing was ever written, nothing has to be delivered, registered or not.
        let ends: Vec<(KafkaPartition, i64)> = ends.into_iter().filter(|(_, end)| *end > 0).collect();
        let mut unknown: BTreeSet<i32> =
            ends.iter().filter_map(|(partition, _)| Some(known.get(partition)?.0)).collect();
        let mut committed = self.group_offsets(&unknown).await?;
        unknown.retain(|index| !committed.contains_key(index));
        committed.extend(self.journal_positions(&unknown).await?);
        let standing = |(partition, end): (KafkaPartition, i64)| {
            let place = known.get(&partition);
            let offset = place.map(|(index, start)| committed.get(index).copied().unwrap_or(*start));
            let (split, partition) = (split_of(&partition), Arc::new(partition));
            let at = |offset| {
                let partition = Arc::clone(&partition);
                SourcePosition::Kafka { partition, offset, leader_epoch: -1 }
            };
            Standing { split, position: offset.map(at), end: at(end) }
        };
        Ok(ends.into_iter().map(standing).collect())
    }

    /// The group's offsets, by partition of the journal.
    async fn group_offsets(&self, indices: &BTreeSet<i32>) -> Result<BTreeMap<i32, i64>> {
        let coordinator = group_coordinator(&self.cluster, &self.names).await?;
        let partitions = indices.iter().copied().collect();
        // What is not decided yet is not committed: it is asked for again anyway.
        let found = group_offsets(&coordinator, &self.names, partitions, false).await?.unwrap_or_default();
        Ok(found.into_iter().filter_map(|found| Some((found.partition, found.offset?))).collect())
    }

    /// The newest committed progress in these partitions of the journal.
    async fn journal_positions(&self, indices: &BTreeSet<i32>) -> Result<BTreeMap<i32, i64>> {
        let positions = indices.iter().map(|index| (*index, 0)).collect();
        let topic = self.names.journal();
        let mut reading = Reading { topic, isolation: Isolation::ReadCommitted, positions };
        let mut newest = Newest::default();
        let mut connections = Connections::new(self.cluster.clone(), "sink");
        while !reading.positions.is_empty() {
            reading.round(&mut connections, &mut newest).await?;
        }
        Ok(newest.0)
    }
}

/// Source offset of the newest progress, by partition of the journal.
#[derive(Debug, Default)]
struct Newest(BTreeMap<i32, i64>);

impl Visitor for Newest {
    fn entry(&mut self, partition: i32, _offset: i64, entry: Entry) {
        if let Entry::Progress(progress) = entry {
            self.0.insert(partition, progress.next);
        }
    }

    fn finished(&mut self, _partition: i32, position: i64, ends: LogEnds) -> bool {
        position >= ends.last_stable
    }
}
