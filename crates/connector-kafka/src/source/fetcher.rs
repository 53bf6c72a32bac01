//! The task that fetches for one reader: a connection per broker, one Fetch in flight on each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use tracing::{debug, warn};
use velostream_core::{Clock, SplitId};
use velostream_kafka_client::{
    ApiKey, BrokerId, Cluster, Connection, ErrorCode, Fetch, FetchResponse, FetchTopic, Isolation, Leader,
    Refresh,
};

use super::ends::Ends;
use super::loss::find_loss;
use super::partition::{Next, Partition};
use super::queue::{Item, Queue, Token};
use crate::config::SourceConfig;
use crate::error::{Error, Gap, Result};
use crate::offsets::{Spec, list_offsets};

/// Longest wait of a broker for new data. Short, because a newly assigned partition waits for the answer in flight.
const MAX_WAIT: Duration = Duration::from_millis(100);
/// Pause before a partition is tried again after a passing error.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

pub(super) struct Fetcher {
    cluster: Cluster,
    config: Arc<SourceConfig>,
    clock: Arc<dyn Clock>,
    queue: Arc<Queue>,
    ends: Ends,
    connections: BTreeMap<BrokerId, Connection>,
    busy: BTreeSet<BrokerId>,
    round: usize,
}

/// What was asked, to judge the answer by.
struct Asked {
    broker: BrokerId,
    partitions: Vec<(SplitId, Token, i64)>,
}

impl Fetcher {
    pub(super) fn new(
        cluster: Cluster,
        config: Arc<SourceConfig>,
        clock: Arc<dyn Clock>,
        queue: Arc<Queue>,
        ends: Ends,
    ) -> Self {
        Self {
            cluster,
            config,
            clock,
            queue,
            ends,
            connections: BTreeMap::new(),
            busy: BTreeSet::new(),
            round: 0,
        }
    }

    pub(super) async fn run(mut self) {
        let mut in_flight = FuturesUnordered::new();
        loop {
            if self.queue.lock().closed {
                return;
            }
            self.resolve().await;
            for (asked, fetch) in self.plan() {
                let broker = asked.broker;
                match self
                    .connection(broker)
                    .await
                    .and_then(|c| c.start(fetch).map_err(Error::client("fetch")))
                {
                    Ok(pending) => {
                        self.busy.insert(broker);
                        in_flight.push(async move { (asked, pending.await) });
                    }
                    Err(error) => self.lost(&asked, &error),
                }
            }
            let queue = Arc::clone(&self.queue);
            let clock = Arc::clone(&self.clock);
            tokio::select! {
                biased;
                Some((asked, answer)) = in_flight.next(), if !in_flight.is_empty() => {
                    self.busy.remove(&asked.broker);
                    match answer {
                        Ok(response) => self.absorb(&asked, &response),
                        Err(source) => self.lost(&asked, &Error::client("fetch")(source)),
                    }
                }
                () = queue.wanted.notified() => {}
                () = clock.sleep(MAX_WAIT) => {}
            }
        }
    }

    async fn connection(&mut self, broker: BrokerId) -> Result<Connection> {
        if let Some(connection) = self.connections.get(&broker).filter(|c| !c.is_closed()) {
            return Ok(connection.clone());
        }
        let connection =
            self.cluster.open(broker).await.map_err(Error::client(format!("source broker {broker}")))?;
        self.connections.insert(broker, connection.clone());
        Ok(connection)
    }

    /// Finds the leader of every partition that has none, and the end of bounded ones.
    async fn resolve(&self) {
        let now = self.clock.monotonic();
        let unresolved: Vec<Partition> = {
            let state = self.queue.lock();
            // A bounded partition is read without an end until it may be looked up.
            let endless = |p: &Partition| p.end.is_none() && self.ends.are_known();
            let open = |p: &&Partition| !p.done && (p.leader.is_none() || endless(p)) && p.not_before <= now;
            state.partitions.values().filter(open).cloned().collect()
        };
        for mut partition in unresolved {
            let mut items = Vec::new();
            if let Err(error) = self.resolve_one(&mut partition, &mut items).await {
                let code = error.broker_code();
                if code == Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) {
                    partition.is_unknown(&self.config, &mut items);
                }
                if code.is_some_and(|code| code.refresh() == Refresh::Metadata) {
                    self.cluster.invalidate_topic(&partition.source.topic);
                }
                warn!(split = %partition.split, %error, cause = ?std::error::Error::source(&error), "no leader yet");
                partition.not_before = now + RETRY_PAUSE;
            }
            self.put_back(partition, items);
        }
    }

    async fn resolve_one(&self, partition: &mut Partition, items: &mut Vec<Item>) -> Result<()> {
        let source = Arc::clone(&partition.source);
        let leader = self
            .cluster
            .leader(&source.topic, source.partition)
            .await
            .map_err(Error::client(format!("source {source}")))?;
        if partition.is_behind(&leader) {
            // What was read already is newer: this broker was replaced and does not know it, and its log says nothing.
            self.cluster.invalidate_topic(&source.topic);
            let code = ErrorCode::LEADER_NOT_AVAILABLE.into_error(leader.broker, ApiKey::Metadata);
            return Err(Error::client(format!("source {source}: its leader was replaced"))(code));
        }
        if partition.was_created_again(&leader) {
            partition.gap(Gap::Recreated, &self.config, None, items);
            return Ok(());
        }
        if partition.end.is_none() && self.ends.are_known() {
            let end = match self.ends.stop(&source) {
                Some(end) => end,
                None => self.end_of(partition, &leader).await?,
            };
            self.ends.keep_stop(&source, end);
            partition.end = Some(end);
        }
        // Where nothing is left to be fetched, no fetch can tell that the log is another than it was.
        let nothing_left = partition.end.is_some_and(|end| partition.position >= end);
        if partition.astray || nothing_left {
            let connection = self
                .cluster
                .open(leader.broker)
                .await
                .map_err(Error::client(format!("source broker {}", leader.broker)))?;
            if let Some((gap, resume)) = find_loss(&connection, partition, leader.epoch).await? {
                partition.gap(gap, &self.config, Some(resume), items);
            }
            partition.astray = false;
        }
        partition.reached_end(items);
        if partition.done {
            return Ok(());
        }
        partition.leader = Some(leader);
        Ok(())
    }

    async fn end_of(&self, partition: &Partition, leader: &Leader) -> Result<i64> {
        let broker = leader.broker;
        let connection =
            self.cluster.open(broker).await.map_err(Error::client(format!("source broker {broker}")))?;
        let at = (&*partition.source.topic, partition.source.partition, leader.epoch);
        list_offsets(&connection, at, Spec::Latest, self.isolation()).await
    }

    fn isolation(&self) -> Isolation {
        if self.config.read_committed { Isolation::ReadCommitted } else { Isolation::ReadUncommitted }
    }

    /// One Fetch for every idle broker that leads a partition to be read, while there is room.
    fn plan(&mut self) -> Vec<(Asked, Fetch)> {
        let now = self.clock.monotonic();
        let state = self.queue.lock();
        if state.queued_bytes >= self.config.queue_bytes {
            return Vec::new();
        }
        let mut due: Vec<&Partition> =
            state.partitions.values().filter(|p| !p.done && p.not_before <= now).collect();
        // A broker fills an answer in the order of the request, so the order turns, else the last ones starve.
        self.round = self.round.wrapping_add(1);
        let turn = self.round % due.len().max(1);
        due.rotate_left(turn);
        let mut plans: BTreeMap<BrokerId, (Asked, Fetch)> = BTreeMap::new();
        for p in due {
            let Some(leader) = p.leader.as_ref().filter(|l| !self.busy.contains(&l.broker)) else { continue };
            let (asked, fetch) = plans.entry(leader.broker).or_insert_with(|| {
                (Asked { broker: leader.broker, partitions: Vec::new() }, self.empty_fetch())
            });
            asked.partitions.push((p.split.clone(), p.token, p.position));
            let wanted = p.wanted(leader, self.config.partition_max_bytes);
            match fetch.topics.last_mut().filter(|t| *t.topic == *p.source.topic) {
                Some(topic) => topic.partitions.push(wanted),
                None => fetch.topics.push(FetchTopic {
                    topic: p.source.topic.to_string(),
                    topic_id: leader.topic_id,
                    partitions: vec![wanted],
                }),
            }
        }
        drop(state);
        plans.into_values().collect()
    }

    fn empty_fetch(&self) -> Fetch {
        Fetch {
            max_wait: MAX_WAIT,
            min_bytes: 1,
            max_bytes: i32::try_from(self.config.fetch_max_bytes).unwrap_or(i32::MAX),
            isolation: self.isolation(),
            topics: Vec::new(),
            rack: String::new(),
        }
    }

    fn absorb(&self, asked: &Asked, response: &FetchResponse) {
        let now = self.clock.monotonic();
        for (split, token, position) in &asked.partitions {
            let live = self.queue.lock().partitions.get(split).cloned();
            let Some(mut partition) =
                live.filter(|p| p.token == *token && p.position == *position && !p.done)
            else {
                continue;
            };
            let source = &partition.source;
            let answer = response
                .partitions
                .iter()
                .find(|f| f.partition == source.partition && f.topic.is(&source.topic, source.topic_id));
            // Off the lock: verifying checksums takes a while.
            let mut items = Vec::new();
            let next = match answer {
                Some(fetched) => partition.absorb(fetched, &self.config, &mut items),
                None if response.error.is_ok() => Next::Continue,
                None => Next::Refresh,
            };
            if matches!(next, Next::Refresh) {
                self.cluster.invalidate_topic(&partition.source.topic);
                partition.leader = None;
                partition.not_before = now + RETRY_PAUSE;
            }
            self.put_back(partition, items);
        }
    }

    fn put_back(&self, partition: Partition, items: Vec<Item>) {
        let mut state = self.queue.lock();
        let Some(slot) = state.partitions.get_mut(&partition.split) else { return };
        if slot.token != partition.token {
            return;
        }
        let handed_out = slot.handed_out;
        *slot = Partition { handed_out, ..partition };
        for item in items {
            state.queued_bytes += item.bytes;
            state.items.push_back(item);
        }
        drop(state);
        self.queue.arrived.notify_one();
    }

    /// A connection failed: its partitions ask for their leader again.
    fn lost(&mut self, asked: &Asked, error: &Error) {
        debug!(broker = %asked.broker, %error, cause = ?std::error::Error::source(error), "source connection lost");
        self.connections.remove(&asked.broker);
        let not_before = self.clock.monotonic() + RETRY_PAUSE;
        let mut state = self.queue.lock();
        for (split, token, _) in &asked.partitions {
            if let Some(partition) = state.partitions.get_mut(split).filter(|p| p.token == *token) {
                self.cluster.invalidate_topic(&partition.source.topic);
                partition.leader = None;
                partition.not_before = not_before;
            }
        }
    }
}
