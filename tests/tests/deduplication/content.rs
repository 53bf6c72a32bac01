//! What a read_committed reader sees of a topic, content by content.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use velostream_testkit::load::settled_end_offsets;

/// How often each content is there: key and value, null and empty told apart.
pub(crate) type Contents = BTreeMap<(Option<Vec<u8>>, Option<Vec<u8>>), u64>;

/// Reads every partition of a topic from its start to its present end.
pub(crate) fn read(bootstrap: &str, topic: &str) -> Result<Contents> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "nobody")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("isolation.level", "read_committed")
        .create()?;
    let mut places = TopicPartitionList::new();
    let mut open = 0;
    for (partition, end) in settled_end_offsets(bootstrap, topic)?.into_iter().enumerate() {
        if end > 0 {
            places.add_partition_offset(topic, i32::try_from(partition)?, Offset::Beginning)?;
            open += 1;
        }
    }
    consumer.assign(&places)?;
    let mut contents = Contents::new();
    while open > 0 {
        match consumer.poll(Duration::from_secs(60)).context("nothing comes for a minute")? {
            Ok(message) => {
                let content = (message.key().map(<[u8]>::to_vec), message.payload().map(<[u8]>::to_vec));
                *contents.entry(content).or_default() += 1;
            }
            Err(rdkafka::error::KafkaError::PartitionEOF(_)) => open -= 1,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(contents)
}

/// Fails where a content is missing, foreign, or there more often than once.
pub(crate) fn expect_each_once(source: &Contents, sink: &Contents) -> Result<()> {
    let missing = source.keys().find(|content| !sink.contains_key(*content));
    ensure!(missing.is_none(), "{missing:?} is missing; {} of {} are there", sink.len(), source.len());
    let foreign = sink.keys().find(|content| !source.contains_key(*content));
    ensure!(foreign.is_none(), "{foreign:?} was never in the source");
    let again = sink.iter().find(|(_, times)| **times > 1);
    ensure!(again.is_none(), "{again:?} is there more than once");
    Ok(())
}
