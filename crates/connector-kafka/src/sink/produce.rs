//! The produce pipeline of a lane: several requests in flight, one batch per partition in each.

mod answer;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use velostream_core::Clock;
use velostream_kafka_client as client;
use velostream_kafka_client::{Produce, ProducePartition, ProduceResponse, ProduceTopic};

pub(super) use self::answer::Fate;
use self::answer::{Word, word};
use super::outgoing::{Outgoing, Target};
use crate::connections::{Connections, Road};
use crate::error::{Error, Result};

/// Connections to each broker, between which the partitions are divided: a broker works on one request of a connection at a
/// time, so that one alone leaves its other threads without work.
const ROADS: usize = 2;

/// Requests in flight per connection: the most for which brokers keep idempotent order (KIP-98, KAFKA-5494).
const MAX_IN_FLIGHT: usize = 5;

/// Pause before a batch is sent again that came too early.
const COME_AGAIN: Duration = Duration::from_millis(5);

/// A transaction that cannot begin for so long is given up, so that the lane looks at its membership and at the leaders.
const TOO_LONG: Duration = Duration::from_secs(2);

type Answer = (Road, Vec<Outgoing>, client::Result<ProduceResponse>);

/// The pipeline.
pub(super) struct Pipeline {
    lane: String,
    connections: Connections,
    /// Newest Produce version to use: on transaction protocol V1 an implicit one would not be understood.
    max_version: i16,
    timeout: Duration,
    waiting: BTreeMap<Target, VecDeque<Outgoing>>,
    /// The connection to the leader that each partition keeps, so that its batches arrive in order.
    roads: BTreeMap<Target, Road>,
    in_flight: FuturesUnordered<BoxFuture<'static, Answer>>,
    per_road: BTreeMap<Road, usize>,
    clock: Arc<dyn Clock>,
    /// Bytes waiting or in flight.
    bytes: usize,
    /// Partitions that have acknowledged a batch of the open transaction. Before that each has only one in flight,
    /// because the broker refuses the first ones: of the whole transaction while it still writes the markers of the
    /// previous one, of a partition while the coordinator is busy adding others (V2).
    opened: BTreeSet<Target>,
    /// Partitions that are not opened yet and have their first batch in flight.
    opening: BTreeSet<Target>,
    /// Since when every answer says to come again.
    too_early_since: Option<Duration>,
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl Pipeline {
    pub(super) fn new(
        lane: String,
        connections: Connections,
        max_version: i16,
        timeout: Duration,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            lane,
            connections,
            max_version,
            timeout,
            waiting: BTreeMap::new(),
            roads: BTreeMap::new(),
            in_flight: FuturesUnordered::new(),
            per_road: BTreeMap::new(),
            clock,
            bytes: 0,
            opened: BTreeSet::new(),
            opening: BTreeSet::new(),
            too_early_since: None,
        }
    }

    /// Starts a transaction: nothing is waiting.
    pub(super) fn begin(&mut self) {
        self.opened.clear();
        self.opening.clear();
        self.too_early_since = None;
    }

    /// True where a connection that carried batches has closed since.
    pub(super) fn was_cut(&self) -> bool {
        self.connections.any_lost()
    }

    /// Drops everything and closes the connections. Whoever led is asked for again, since most of what goes wrong is a
    /// leader that moved.
    pub(super) fn disconnect(&mut self) {
        let topics: BTreeSet<&str> = self.roads.keys().map(|target| &*target.topic).collect();
        topics.into_iter().for_each(|topic| self.connections.cluster().invalidate_topic(topic));
        self.connections.close();
        self.waiting.clear();
        self.roads.clear();
        self.in_flight = FuturesUnordered::new();
        self.opening.clear();
        self.per_road.clear();
        self.bytes = 0;
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Something waits or is in flight.
    pub(super) fn is_busy(&self) -> bool {
        self.bytes > 0 || !self.in_flight.is_empty()
    }

    pub(super) fn push(&mut self, outgoing: Outgoing) {
        self.bytes += outgoing.bytes;
        self.waiting.entry(outgoing.target.clone()).or_default().push_back(outgoing);
    }

    /// Sends what may be sent now.
    pub(super) async fn send(&mut self) -> Result<()> {
        let window = if self.opened.is_empty() { 1 } else { MAX_IN_FLIGHT };
        loop {
            let mut request: BTreeMap<Road, Vec<Outgoing>> = BTreeMap::new();
            let targets: Vec<Target> = self.waiting.keys().cloned().collect();
            for target in targets {
                let road = self.road(&target).await?;
                if self.per_road.get(&road).copied().unwrap_or(0) >= window || self.opening.contains(&target)
                {
                    continue;
                }
                let Some(queue) = self.waiting.get_mut(&target) else { continue };
                request.entry(road).or_default().extend(queue.pop_front());
                if queue.is_empty() {
                    self.waiting.remove(&target);
                }
                if !self.opened.contains(&target) {
                    self.opening.insert(target);
                }
            }
            if request.is_empty() {
                return Ok(());
            }
            for (road, batches) in request {
                self.start(road, batches).await?;
            }
        }
    }

    async fn road(&mut self, target: &Target) -> Result<Road> {
        if let Some(road) = self.roads.get(target) {
            return Ok(*road);
        }
        let cluster = self.connections.cluster();
        let leader = cluster
            .leader(&target.topic, target.partition)
            .await
            .map_err(Error::client(format!("sink {target}")))?;
        let others = self.roads.values().filter(|road| road.broker == leader.broker).count();
        let road = Road { broker: leader.broker, number: others % ROADS };
        self.roads.insert(target.clone(), road);
        Ok(road)
    }

    async fn start(&mut self, road: Road, batches: Vec<Outgoing>) -> Result<()> {
        let connection = self.connections.on(road).await?;
        let mut topics: Vec<ProduceTopic> = Vec::new();
        for batch in &batches {
            let partition =
                ProducePartition { partition: batch.target.partition, records: batch.segments.clone() };
            match topics.last_mut().filter(|t| *t.topic == *batch.target.topic) {
                Some(topic) => topic.partitions.push(partition),
                None => topics.push(ProduceTopic {
                    topic: batch.target.topic.to_string(),
                    topic_id: velostream_core::TopicId::default(),
                    partitions: vec![partition],
                }),
            }
        }
        let request = Produce {
            transactional_id: Some(self.lane.clone()),
            acks: -1,
            timeout: self.timeout,
            topics,
            max_version: self.max_version,
        };
        let pending =
            connection.start(request).map_err(Error::client(format!("produce of {}", self.lane)))?;
        *self.per_road.entry(road).or_default() += 1;
        self.in_flight.push(Box::pin(async move { (road, batches, pending.await) }));
        Ok(())
    }

    /// Waits for the next answer. First batches of a partition that came too early (see [`Word::ComeAgain`]) are put back
    /// in front, for a while; nothing of them was appended, and nothing of the same partition is in flight behind them.
    pub(super) async fn settle(&mut self) -> Vec<(Outgoing, Fate)> {
        let Some((road, batches, answer)) = self.in_flight.next().await else { return Vec::new() };
        if let Some(count) = self.per_road.get_mut(&road) {
            *count = count.saturating_sub(1);
        }
        let now = self.clock.monotonic();
        let too_long = self.too_early_since.is_some_and(|since| now.saturating_sub(since) > TOO_LONG);
        let mut settled = Vec::new();
        let mut early = Vec::new();
        for batch in batches {
            match &answer {
                Err(error) => settled.push((batch, Fate::Indefinite(error.clone()))),
                Ok(response) => match word(road.broker, &batch, response) {
                    Word::Settled(fate) => settled.push((batch, fate)),
                    Word::ComeAgain(_) if !too_long && !self.opened.contains(&batch.target) => {
                        early.push(batch)
                    }
                    Word::ComeAgain(error) => settled.push((batch, Fate::Indefinite(error))),
                },
            }
        }
        if settled.iter().any(|(_, fate)| matches!(fate, Fate::Stored { .. })) {
            self.too_early_since = None;
        } else if !early.is_empty() {
            self.too_early_since.get_or_insert(now);
        }
        for batch in settled.iter().map(|(batch, _)| batch).chain(&early) {
            self.opening.remove(&batch.target);
        }
        let stored = settled.iter().filter(|(_, fate)| matches!(fate, Fate::Stored { .. }));
        self.opened.extend(stored.map(|(batch, _)| batch.target.clone()));
        if !early.is_empty() {
            self.clock.sleep(COME_AGAIN).await;
        }
        for batch in early {
            self.waiting.entry(batch.target.clone()).or_default().push_front(batch);
        }
        for (batch, _) in &settled {
            self.bytes = self.bytes.saturating_sub(batch.bytes);
        }
        settled
    }
}
