//! Which partitions there are, and where each starts and ends.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};

use crate::compare::Side;
use crate::config::{Cluster, Config, TopicPair};
use crate::error::Error;
use crate::reader::{Range, client};

const LIMIT: Duration = Duration::from_secs(30);

/// One partition to compare.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    pub(crate) source: Range,
    pub(crate) sink: Range,
}

/// Fixes the range of every partition, before any record is read. A partition that one side lacks is empty there.
pub(crate) fn plan(config: &Config) -> Result<Vec<Task>, Error> {
    let source =
        Asker { cluster: &config.source, side: Side::Source, client: client(&config.source, Side::Source)? };
    let sink = Asker { cluster: &config.sink, side: Side::Sink, client: client(&config.sink, Side::Sink)? };
    let mut tasks = Vec::new();
    for TopicPair { source_topic, sink_topic, source_from, sink_from } in &config.pairs {
        let sources = source.ranges(source_topic, source_from)?;
        let sinks = sink.ranges(sink_topic, sink_from)?;
        for at in 0..sources.len().max(sinks.len()) {
            let partition = i32::try_from(at).unwrap_or(i32::MAX);
            let missing =
                |side: Side, topic: &String| Range { side, topic: topic.clone(), partition, from: 0, end: 0 };
            tasks.push(Task {
                source: sources.get(at).cloned().unwrap_or_else(|| missing(Side::Source, source_topic)),
                sink: sinks.get(at).cloned().unwrap_or_else(|| missing(Side::Sink, sink_topic)),
            });
        }
    }
    Ok(tasks)
}

struct Asker<'a> {
    cluster: &'a Cluster,
    side: Side,
    client: BaseConsumer,
}

impl Asker<'_> {
    fn ranges(&self, topic: &str, from: &BTreeMap<i32, i64>) -> Result<Vec<Range>, Error> {
        let unreachable = |source| Error::Unreachable {
            side: self.side,
            bootstrap_servers: self.cluster.bootstrap_servers.clone(),
            topic: topic.to_owned(),
            source: Box::new(source),
        };
        let metadata = self.client.fetch_metadata(Some(topic), LIMIT).map_err(unreachable)?;
        let partitions = metadata.topics().first().map_or(0, |one| one.partitions().len());
        if partitions == 0 {
            return Err(Error::NoTopic { side: self.side, topic: topic.to_owned() });
        }
        (0..i32::try_from(partitions).unwrap_or(i32::MAX))
            .map(|partition| {
                let (low, end) =
                    self.client.fetch_watermarks(topic, partition, LIMIT).map_err(unreachable)?;
                let from = from.get(&partition).copied().unwrap_or(low);
                Ok(Range { side: self.side, topic: topic.to_owned(), partition, from, end })
            })
            .collect()
    }
}
