//! Topics of a load.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

const LIMIT: Duration = Duration::from_secs(30);

/// Creates a topic with the cluster's default replication and waits until its partitions have leaders.
///
/// # Errors
/// When the broker refuses, also if the topic exists.
pub fn create_topic(bootstrap: &str, topic: &str, partitions: i32, config: &[(&str, &str)]) -> Result<()> {
    let mut new = NewTopic::new(topic, partitions, TopicReplication::Fixed(-1));
    for (key, value) in config {
        new = new.set(key, value);
    }
    let admin = admin(bootstrap)?;
    let results = block_on(admin.create_topics([&new], &AdminOptions::new().operation_timeout(Some(LIMIT))))?;
    if let Some(Err((name, code))) = results.context("cannot ask for topics")?.into_iter().next() {
        bail!("cannot create topic {name}: {code}");
    }
    let consumer: BaseConsumer = ClientConfig::new().set("bootstrap.servers", bootstrap).create()?;
    let wanted = usize::try_from(partitions)?;
    for _ in 0..600 {
        let metadata = consumer.fetch_metadata(Some(topic), LIMIT)?;
        let led =
            metadata.topics().iter().flat_map(|one| one.partitions()).filter(|one| one.leader() >= 0).count();
        if led == wanted {
            return Ok(());
        }
        crate::services::pause(Duration::from_millis(50));
    }
    bail!("the partitions of topic {topic} have no leaders")
}

/// Deletes a topic.
///
/// # Errors
/// When the broker refuses, also if there is none.
pub fn delete_topic(bootstrap: &str, topic: &str) -> Result<()> {
    let admin = admin(bootstrap)?;
    let options = AdminOptions::new().operation_timeout(Some(LIMIT));
    let results = block_on(admin.delete_topics(&[topic], &options))?;
    match results.context("cannot ask for topics")?.into_iter().next() {
        Some(Err((name, code))) => bail!("cannot delete topic {name}: {code}"),
        _ => Ok(()),
    }
}

/// The offset after the last one of each partition as a read_committed reader sees it (the last stable offset).
///
/// # Errors
/// When the topic does not exist or its leaders do not answer.
pub fn end_offsets(bootstrap: &str, topic: &str) -> Result<Vec<i64>> {
    ends(bootstrap, topic, "read_committed")
}

/// As [`end_offsets`], once no transaction is open: brokers answer a commit before its markers are written, and until then
/// a read_committed reader does not see what was committed.
///
/// # Errors
/// When the topic does not exist, its leaders do not answer, or a transaction stays open.
pub fn settled_end_offsets(bootstrap: &str, topic: &str) -> Result<Vec<i64>> {
    for _ in 0..600 {
        let (stable, all) = (end_offsets(bootstrap, topic)?, ends(bootstrap, topic, "read_uncommitted")?);
        if stable == all {
            return Ok(stable);
        }
        crate::services::pause(Duration::from_millis(50));
    }
    bail!("a transaction of {topic} stays open")
}

/// Shows every committed record of a topic, from its start to its present end.
///
/// # Errors
/// As [`settled_end_offsets`], and when nothing comes for a minute.
pub fn read_all(
    bootstrap: &str,
    topic: &str,
    mut each: impl FnMut(Option<&[u8]>, Option<&[u8]>),
) -> Result<()> {
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
    while open > 0 {
        match consumer.poll(Duration::from_secs(60)).context("nothing comes for a minute")? {
            Ok(message) => each(message.key(), message.payload()),
            Err(KafkaError::PartitionEOF(_)) => open -= 1,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn ends(bootstrap: &str, topic: &str, isolation: &str) -> Result<Vec<i64>> {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", bootstrap).set("isolation.level", isolation).create()?;
    let metadata = consumer.fetch_metadata(Some(topic), LIMIT)?;
    let partitions = metadata.topics().first().map_or(0, |one| one.partitions().len());
    if partitions == 0 {
        bail!("no topic {topic} at {bootstrap}");
    }
    (0..i32::try_from(partitions)?).map(|one| Ok(consumer.fetch_watermarks(topic, one, LIMIT)?.1)).collect()
}

fn admin(bootstrap: &str) -> Result<AdminClient<DefaultClientContext>> {
    Ok(ClientConfig::new().set("bootstrap.servers", bootstrap).create()?)
}

/// Runs a future to its end on this thread.
pub(super) fn block_on<F: Future>(future: F) -> Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    Ok(runtime.block_on(future))
}
