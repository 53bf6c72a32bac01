//! Where a bounded run ends: the last stable offset that every partition of the source had when the worker was started.
//!
//! A worker has two ends of a partition. The *goal* is pinned for all partitions when it starts; it ends when the job has
//! reached all of them. The *stop* of a partition that it owns is where its reader stops. Each stop is looked up after
//! all goals of the same worker, else two workers on a source that grows could wait for each other for ever: one has
//! stopped short of the other's goal, and the other way round. The one whose goals were pinned first would have stopped
//! before that, so its stops would be older than its goals.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::warn;
use velostream_core::{Clock, KafkaPartition};
use velostream_kafka_client::{
    BrokerId, Cluster, Isolation, LATEST, ListOffsets, ListOffsetsPartition, ListOffsetsTopic,
};

use super::discovery::discover;
use crate::config::SourceConfig;
use crate::error::{Error, Result};

/// Pause before partitions whose leader gave no answer are asked again.
const RETRY_PAUSE: Duration = Duration::from_millis(200);
/// Every so many rounds in vain are reported.
const REPORTED_ROUNDS: u32 = 50;

/// The ends of one worker, shared by its readers and its membership: each is pinned once and then stands. Empty where the
/// run has no bound.
#[derive(Debug, Clone, Default)]
pub struct Ends(Option<Arc<Pinning>>);

#[derive(Debug)]
struct Pinning {
    pinned: Arc<Pinned>,
    task: JoinHandle<()>,
}

impl Drop for Pinning {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Debug, Default)]
struct Pinned {
    /// Of all partitions that the source had at the start, once all are known.
    goals: watch::Sender<Option<BTreeMap<KafkaPartition, i64>>>,
    /// Of the partitions that this worker has read.
    stops: Mutex<BTreeMap<KafkaPartition, i64>>,
}

impl Ends {
    /// Starts to pin the ends of all partitions where `config` asks for a bounded run; tried on until all are pinned.
    /// Must be called inside a tokio runtime.
    #[must_use]
    pub fn start(cluster: &Cluster, config: &Arc<SourceConfig>, clock: &Arc<dyn Clock>) -> Self {
        if !config.bounded {
            return Self::default();
        }
        let pinned = Arc::new(Pinned::default());
        let pin_all = pin_all(cluster.clone(), Arc::clone(config), Arc::clone(clock), Arc::clone(&pinned));
        Self(Some(Arc::new(Pinning { pinned, task: tokio::spawn(pin_all) })))
    }

    /// Whether stops may be looked up: all goals are pinned.
    pub(super) fn are_known(&self) -> bool {
        self.0.as_ref().is_some_and(|pinning| pinning.pinned.goals.borrow().is_some())
    }

    /// Where reading of a partition stops, if that was looked up before.
    pub(super) fn stop(&self, partition: &KafkaPartition) -> Option<i64> {
        let stops = self.0.as_ref()?.pinned.stops.lock().unwrap_or_else(PoisonError::into_inner);
        stops.get(partition).copied()
    }

    /// Keeps where reading of a partition stops.
    pub(super) fn keep_stop(&self, partition: &KafkaPartition, end: i64) {
        if let Some(pinning) = &self.0 {
            let mut stops = pinning.pinned.stops.lock().unwrap_or_else(PoisonError::into_inner);
            stops.insert(partition.clone(), end);
        }
    }

    /// The goals: the end of every partition that the source had at the start, waiting until all are pinned. `None`
    /// where the run has no bound.
    pub(crate) async fn goals(&self) -> Option<BTreeMap<KafkaPartition, i64>> {
        let mut goals = self.0.as_ref()?.pinned.goals.subscribe();
        goals.wait_for(Option::is_some).await.ok()?.clone()
    }
}

async fn pin_all(cluster: Cluster, config: Arc<SourceConfig>, clock: Arc<dyn Clock>, pinned: Arc<Pinned>) {
    let mut rounds = 0_u32;
    let mut all: Option<BTreeSet<KafkaPartition>> = None;
    let mut goals = BTreeMap::new();
    while let Err(error) = round(&cluster, &config, &mut all, &mut goals).await {
        if rounds.is_multiple_of(REPORTED_ROUNDS) {
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            warn!(%error, cause, "the ends of the source are not known yet; asking on");
        }
        rounds = rounds.wrapping_add(1);
        clock.sleep(RETRY_PAUSE).await;
    }
    pinned.goals.send_replace(Some(goals));
}

/// Asks for what is not pinned yet, one request per broker.
///
/// # Errors
/// The last one, where something is left; what was answered is pinned all the same.
async fn round(
    cluster: &Cluster,
    config: &SourceConfig,
    all: &mut Option<BTreeSet<KafkaPartition>>,
    goals: &mut BTreeMap<KafkaPartition, i64>,
) -> Result<()> {
    let partitions = match all {
        Some(known) => known,
        None => all.insert(discover(cluster, config).await?.into_iter().collect()),
    };
    let mut outcome = Ok(());
    let mut by_broker: BTreeMap<BrokerId, Vec<(&KafkaPartition, i32)>> = BTreeMap::new();
    for partition in partitions.iter().filter(|p| !goals.contains_key(*p)) {
        match cluster.leader(&partition.topic, partition.partition).await {
            Ok(leader) => by_broker.entry(leader.broker).or_default().push((partition, leader.epoch)),
            Err(source) => outcome = Err(Error::client(format!("source {partition}: end"))(source)),
        }
    }
    for (broker, asked) in by_broker {
        if let Err(source) = ask(cluster, config, broker, &asked, goals).await {
            outcome = Err(Error::client(format!("source broker {broker}: ends"))(source));
        }
    }
    outcome
}

async fn ask(
    cluster: &Cluster,
    config: &SourceConfig,
    broker: BrokerId,
    asked: &[(&KafkaPartition, i32)],
    goals: &mut BTreeMap<KafkaPartition, i64>,
) -> velostream_kafka_client::Result<()> {
    let connection = cluster.open(broker).await?;
    let answer = connection.send(request(config, asked)).await?;
    let mut outcome = Ok(());
    for found in &answer.partitions {
        let named = |p: &&&KafkaPartition| *p.topic == *found.topic && p.partition == found.partition;
        let Some(partition) = asked.iter().map(|(partition, _)| partition).find(named) else { continue };
        match found.check(broker) {
            Ok(()) => drop(goals.insert((*partition).clone(), found.offset)),
            Err(error) => {
                cluster.invalidate_topic(&found.topic);
                outcome = Err(error);
            }
        }
    }
    outcome
}

fn request(config: &SourceConfig, asked: &[(&KafkaPartition, i32)]) -> ListOffsets {
    let isolation = if config.read_committed { Isolation::ReadCommitted } else { Isolation::ReadUncommitted };
    let mut topics: Vec<ListOffsetsTopic> = Vec::new();
    for (partition, leader_epoch) in asked {
        let one = ListOffsetsPartition {
            partition: partition.partition,
            current_leader_epoch: *leader_epoch,
            // The end, or the last stable offset where committed data is read.
            timestamp_ms: LATEST,
        };
        match topics.last_mut().filter(|t| t.topic == *partition.topic) {
            Some(topic) => topic.partitions.push(one),
            None => {
                topics.push(ListOffsetsTopic { topic: partition.topic.to_string(), partitions: vec![one] });
            }
        }
    }
    ListOffsets { isolation, topics }
}
