//! The source's own batches from memory into a topic, as fast as its broker takes them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::{Bytes, BytesMut};
use futures::stream::{FuturesUnordered, StreamExt};
use velostream_kafka_batch::Batches;
use velostream_kafka_client::{
    Cluster, Config, Fetch, FetchPartition, FetchTopic, Isolation, Produce, ProducePartition, ProduceTopic,
    Segments,
};

use super::contender::Route;

/// Requests in flight on a connection.
const IN_FLIGHT: usize = 5;
/// Bytes of distinct batches to send: more than caches hold, as is true of what a replicator reads.
const IN_MEMORY: usize = 256 << 20;
/// Bytes from which on a batch is sent alone.
const LARGE: usize = 256 << 10;
/// Connections to the broker; it works on one request of each at a time.
const CONNECTIONS: usize = 2;
/// Sends batches of the source topic, over and over, until `records` are there.
///
/// # Errors
/// When a broker refuses.
pub(crate) fn run(route: &Route<'_>, records: u64) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let batches = fetch(route).await?;
        let mut lanes = tokio::task::JoinSet::new();
        let share = records / u64::try_from(CONNECTIONS)?;
        for index in 0..CONNECTIONS {
            let cluster = connect(route.sink).await?;
            let partitions: Vec<i32> = (0..route.partitions)
                .filter(|p| usize::try_from(*p).is_ok_and(|p| p % CONNECTIONS == index))
                .collect();
            lanes.spawn(send(cluster, route.topic.to_owned(), partitions, Arc::clone(&batches), share));
        }
        while let Some(lane) = lanes.join_next().await {
            lane??;
        }
        Ok(())
    })
}

async fn connect(bootstrap: &str) -> Result<Cluster> {
    let config = Config { bootstrap_servers: vec![bootstrap.to_owned()], ..Config::default() };
    Ok(Cluster::connect(config).await?)
}

/// Batches of the source, without the marks of the producer that wrote them.
async fn fetch(route: &Route<'_>) -> Result<Arc<Vec<(i32, Segments)>>> {
    let cluster = connect(route.source).await?;
    let leader = cluster.leader(route.topic, 0).await?;
    let connection = cluster.open(leader.broker).await?;
    let (mut plain, mut bytes, mut offset) = (Vec::new(), 0, 0);
    while bytes < IN_MEMORY {
        let wanted = FetchPartition {
            partition: 0,
            current_leader_epoch: -1,
            fetch_offset: offset,
            last_fetched_epoch: -1,
            max_bytes: 8 << 20,
        };
        let topics = vec![FetchTopic {
            topic: route.topic.to_owned(),
            topic_id: leader.topic_id,
            partitions: vec![wanted],
        }];
        let request = Fetch {
            max_wait: Duration::from_secs(1),
            min_bytes: 1,
            max_bytes: 8 << 20,
            isolation: Isolation::ReadCommitted,
            topics,
            rack: String::new(),
        };
        let answer = connection.send(request).await?;
        let records = answer.partitions.first().map(|p| p.records.clone()).context("an empty answer")?;
        let before = offset;
        for batch in Batches::new(records) {
            let batch = batch?;
            offset = batch.next_offset();
            let unsigned = without_producer(batch.bytes())?;
            bytes += unsigned.len();
            let mut segments = Segments::new();
            segments.push(unsigned);
            plain.push((batch.count(), segments));
        }
        if offset == before {
            break;
        }
    }
    if plain.is_empty() {
        bail!("no batch to send");
    }
    Ok(Arc::new(plain))
}

/// The same batch as a producer sends it that has no id: byte for byte the same body, because what a broker takes for
/// a record depends on how its batch was compressed.
fn without_producer(batch: &[u8]) -> Result<Bytes> {
    let mut bytes = BytesMut::from(batch);
    let mut put = |at: usize, value: &[u8]| -> Result<()> {
        bytes.get_mut(at..at + value.len()).context("a short batch")?.copy_from_slice(value);
        Ok(())
    };
    // Places of the fields: "Message Format" of the Kafka documentation.
    put(0, &0_i64.to_be_bytes())?;
    put(12, &(-1_i32).to_be_bytes())?;
    put(43, &(-1_i64).to_be_bytes())?;
    put(51, &(-1_i16).to_be_bytes())?;
    put(53, &(-1_i32).to_be_bytes())?;
    let crc = crc32c::crc32c(bytes.get(21..).context("a short batch")?);
    bytes.get_mut(17..21).context("a short batch")?.copy_from_slice(&crc.to_be_bytes());
    Ok(bytes.freeze())
}

async fn send(
    cluster: Cluster,
    topic: String,
    partitions: Vec<i32>,
    batches: Arc<Vec<(i32, Segments)>>,
    records: u64,
) -> Result<()> {
    let leader = cluster.leader(&topic, 0).await?;
    let connection = cluster.open(leader.broker).await?;
    let mut in_flight = FuturesUnordered::new();
    let (mut sent, mut turn) = (0_u64, batches.iter().cycle());
    // What is faster: a request for each large batch, or one small batch for each partition in a request.
    let large = batches.first().is_some_and(|(_, segments)| segments.len() >= LARGE);
    let together = if large { 1 } else { partitions.len() };
    let mut partitions = partitions.iter().cycle();
    while sent < records {
        let mut parts = Vec::with_capacity(together);
        for (partition, (count, segments)) in partitions.by_ref().zip(turn.by_ref()).take(together) {
            sent += u64::try_from(*count)?;
            parts.push(ProducePartition { partition: *partition, records: segments.clone() });
        }
        if parts.is_empty() {
            break;
        }
        in_flight.push(connection.start(Produce {
            transactional_id: None,
            acks: -1,
            timeout: Duration::from_secs(30),
            topics: vec![ProduceTopic {
                topic: topic.clone(),
                topic_id: velostream_core::TopicId::default(),
                partitions: parts,
            }],
            max_version: Produce::MIN_V2,
        })?);
        while in_flight.len() >= IN_FLIGHT {
            check(in_flight.next().await)?;
        }
    }
    while let Some(answer) = in_flight.next().await {
        check(Some(answer))?;
    }
    Ok(())
}

fn check(
    answer: Option<velostream_kafka_client::Result<velostream_kafka_client::ProduceResponse>>,
) -> Result<()> {
    let Some(answer) = answer else { return Ok(()) };
    match answer?.partitions.iter().find(|p| !p.error.is_ok()) {
        Some(refused) => bail!("the sink refused a batch: {}", refused.error.name()),
        None => Ok(()),
    }
}
