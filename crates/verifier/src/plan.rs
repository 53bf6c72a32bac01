//! Which partitions there are, and where each starts and ends.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;

use crate::client::{Client, Isolation, client, last_complaint};
use crate::compare::Side;
use crate::config::{Cluster, Config, TopicPair};
use crate::error::Error;
use crate::reader::Range;

/// Longest wait for the first answer of a side: where nobody listens, nobody should wait long to be told.
const FIRST_ANSWER: Duration = Duration::from_secs(5);
/// Longest wait for each answer of a side that has answered before.
const ANSWER: Duration = Duration::from_secs(30);
/// How often a last stable offset is asked for while it is behind.
const SETTLE_POLL: Duration = Duration::from_millis(50);

/// One partition to compare.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    pub(crate) source: Range,
    pub(crate) sink: Range,
}

/// Fixes the range of every partition, before any record is read. A partition that one side lacks is empty there.
pub(crate) fn plan(config: &Config) -> Result<Vec<Task>, Error> {
    let source = Asker::new(&config.source, Side::Source, config.settle)?;
    let sink = Asker::new(&config.sink, Side::Sink, config.settle)?;
    let mut tasks = Vec::new();
    for TopicPair { source_topic, sink_topic, source_from, sink_from } in &config.pairs {
        let sources = source.ranges(source_topic, source_from)?;
        let sinks = sink.ranges(sink_topic, sink_from)?;
        for at in 0..sources.len().max(sinks.len()) {
            let partition = i32::try_from(at).unwrap_or(i32::MAX);
            let absent = |side, topic: &str| Range::empty(side, topic, partition);
            tasks.push(Task {
                source: sources.get(at).cloned().unwrap_or_else(|| absent(Side::Source, source_topic)),
                sink: sinks.get(at).cloned().unwrap_or_else(|| absent(Side::Sink, sink_topic)),
            });
        }
    }
    Ok(tasks)
}

/// Asks one side for its topics' ends.
struct Asker<'a> {
    cluster: &'a Cluster,
    side: Side,
    /// Sees the last stable offset as the end.
    committed: Client,
    /// Sees the high watermark as the end.
    uncommitted: Client,
    settle: Duration,
    /// The side has answered before.
    answered: Cell<bool>,
}

impl<'a> Asker<'a> {
    fn new(cluster: &'a Cluster, side: Side, settle: Duration) -> Result<Self, Error> {
        let client = |isolation| client(cluster, side, isolation);
        let (committed, uncommitted) = (client(Isolation::Committed)?, client(Isolation::Uncommitted)?);
        Ok(Self { cluster, side, committed, uncommitted, settle, answered: Cell::new(false) })
    }

    fn ranges(&self, topic: &str, from: &BTreeMap<i32, i64>) -> Result<Vec<Range>, Error> {
        let patience = if self.answered.get() { ANSWER } else { FIRST_ANSWER };
        let metadata = self
            .committed
            .fetch_metadata(Some(topic), patience)
            .map_err(|error| self.unreachable(&self.committed, topic, error))?;
        self.answered.set(true);
        let partitions = metadata.topics().first().map_or(0, |one| one.partitions().len());
        if partitions == 0 {
            return Err(Error::NoTopic { side: self.side, topic: topic.to_owned() });
        }
        let high: Vec<(i64, i64)> = (0..i32::try_from(partitions).unwrap_or(i32::MAX))
            .map(|partition| self.watermarks(&self.uncommitted, topic, partition))
            .collect::<Result<_, _>>()?;
        (0..)
            .zip(high)
            .map(|(partition, (low, high))| {
                let end = self.stable_end(topic, partition, high)?;
                let from = from.get(&partition).copied().unwrap_or(low);
                let unstable = u64::try_from(high - end).unwrap_or(0);
                Ok(Range { side: self.side, topic: topic.to_owned(), partition, from, end, unstable })
            })
            .collect()
    }

    /// The last stable offset, once it has reached `high` or the time to settle is over. A commit is acknowledged
    /// before its markers are in the partitions, so what was committed a moment ago may not be stable yet.
    fn stable_end(&self, topic: &str, partition: i32, high: i64) -> Result<i64, Error> {
        let mut waited = Duration::ZERO;
        loop {
            let (_, end) = self.watermarks(&self.committed, topic, partition)?;
            if end >= high || waited >= self.settle {
                return Ok(end);
            }
            std::thread::sleep(SETTLE_POLL);
            waited += SETTLE_POLL;
        }
    }

    fn watermarks(&self, client: &Client, topic: &str, partition: i32) -> Result<(i64, i64), Error> {
        client
            .fetch_watermarks(topic, partition, ANSWER)
            .map_err(|error| self.unreachable(client, topic, error))
    }

    fn unreachable(&self, client: &Client, topic: &str, source: KafkaError) -> Error {
        Error::Unreachable {
            side: self.side,
            bootstrap_servers: self.cluster.bootstrap_servers.clone(),
            topic: topic.to_owned(),
            complaint: last_complaint(client),
            source: Box::new(source),
        }
    }
}
