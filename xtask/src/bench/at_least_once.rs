//! The same job without anything that makes it exactly once: what that costs is measured against it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::watch;
use velostream_connector_file::LocalMembership;
use velostream_connector_kafka::{Ends, KafkaReader, SourceConfig, TopicPattern, starting_positions};
use velostream_core::{
    Assignment, BatchId, Chunk, Claim, Clock, Code, DeliveryLevel, Disposition, Encoding, Error,
    InstanceName, Nonce, Payload, Progress, SinkLane, SourcePosition, SplitId, TopicId,
};
use velostream_kafka_batch::{Compression, WriteOptions, write_batch};
use velostream_kafka_client::{
    Cluster, Config, Connection, Pending, Produce, ProducePartition, ProduceResponse, ProduceTopic, Segments,
};
use velostream_ledger::{Ledger, LedgerConfig, TaskId};
use velostream_processor::{
    Backoff, Deduplication, DeduplicationTime, ExactlyOnceMetrics, LaneParts, OnIdLoss, OnTrackingLimit,
    SystemClock, Transactions, Window, Worker, WorkerConfig,
};
use velostream_record_id::RecordIdStrategy;
use velostream_store_memory::MemoryStore;

use super::contender::{MOST_IDS, Route};

/// Requests in flight on a connection, as in the product.
const IN_FLIGHT: usize = 5;

/// Moves the topic once, from its beginning to its end.
///
/// # Errors
/// When a broker refuses.
pub(super) fn run(route: &Route<'_>, deduplicated: bool) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let client =
            |bootstrap: &str| Config { bootstrap_servers: vec![bootstrap.to_owned()], ..Config::default() };
        let source = Cluster::connect(client(route.source)).await?;
        let topics = vec![TopicPattern::Name(route.topic.to_owned())];
        let config =
            Arc::new(SourceConfig { bounded: true, ..SourceConfig::new(client(route.source), topics) });
        let starts = starting_positions(&source, &config).await?;
        let sink = Cluster::connect(client(route.sink)).await?;
        let leader = sink.leader(route.topic, 0).await?;
        let lane = PlainLane {
            connection: sink.open(leader.broker).await?,
            topic: route.topic.to_owned(),
            starts: starts.clone(),
            in_flight: FuturesUnordered::new(),
        };
        let ends = Ends::start(&source, &config, &clock);
        let reader = KafkaReader::new(source, config, Arc::clone(&clock), ends);
        let deduplication = if deduplicated { Some(in_memory(&clock)?) } else { None };
        let parts = LaneParts { reader: Box::new(reader), lane: Box::new(lane), deduplication };
        let settings = WorkerConfig {
            transactions: Transactions {
                max_interval: Duration::from_millis(500),
                max_bytes: 128 << 20,
                pass_through: false,
            },
            backoff: Backoff { base: Duration::from_millis(100), max: Duration::from_secs(1) },
            bounded: true,
            max_decoded_bytes: 128 << 20,
        };
        let membership = LocalMembership::fixed(starts.into_iter().map(|(split, _)| split).collect());
        let metrics = ExactlyOnceMetrics::new(route.run, "bench", DeliveryLevel::AtLeastOnce);
        let worker = Worker::new(settings, Arc::new(membership), clock, metrics, vec![parts]);
        worker.run(watch::Sender::new(Vec::new())).await?;
        Ok(())
    })
}

/// Content ids that end with the process.
fn in_memory(clock: &Arc<dyn Clock>) -> Result<Deduplication> {
    let length = Duration::from_secs(3600);
    let ledger = Ledger::new(Arc::new(MemoryStore::new()), Arc::clone(clock), LedgerConfig::default());
    Ok(Deduplication {
        store: Arc::new(ledger),
        task: TaskId::new("bench.lane-0")?,
        owner: InstanceName::new("bench"),
        nonce: Nonce(1),
        strategy: RecordIdStrategy::ContentHash,
        window: Window {
            length,
            time: DeduplicationTime::Arrival,
            cleanup_interval: length,
            max_tracked_records: MOST_IDS,
            on_tracking_limit: OnTrackingLimit::Stop,
        },
        on_id_loss: OnIdLoss::Rebuild,
        checkpoint_interval: length,
        keep_alive: None,
        sharing: None,
    })
}

/// A lane that sends and waits for acknowledgements, and no more.
struct PlainLane {
    connection: Connection,
    topic: String,
    starts: Vec<(SplitId, SourcePosition)>,
    in_flight: FuturesUnordered<Pending<ProduceResponse>>,
}

impl PlainLane {
    fn encoded(chunk: &Chunk) -> Result<(i32, bytes::Bytes)> {
        let SourcePosition::Kafka { partition, .. } = &chunk.from else {
            bail!("a position of another source")
        };
        let Payload::Records { records, .. } = &chunk.payload else { bail!("a chunk that was not decoded") };
        let options = WriteOptions { compression: Compression::Lz4, ..WriteOptions::default() };
        Ok((partition.partition, write_batch(records, options)?))
    }

    async fn send(&mut self, chunk: &Chunk) -> Result<()> {
        let (partition, batch) = Self::encoded(chunk)?;
        let mut segments = Segments::new();
        segments.push(batch);
        let request = Produce {
            transactional_id: None,
            acks: -1,
            timeout: Duration::from_secs(30),
            topics: vec![ProduceTopic {
                topic: self.topic.clone(),
                topic_id: TopicId::default(),
                partitions: vec![ProducePartition { partition, records: segments }],
            }],
            max_version: Produce::MIN_V2,
        };
        let answer = self.connection.start(request)?;
        self.in_flight.push(answer);
        self.settle(IN_FLIGHT - 1).await
    }

    async fn settle(&mut self, left: usize) -> Result<()> {
        while self.in_flight.len() > left {
            let answer = self.in_flight.next().await.context("nothing in flight")??;
            if let Some(refused) = answer.partitions.iter().find(|p| !p.error.is_ok()) {
                bail!("the sink refused a batch: {}", refused.error.name());
            }
        }
        Ok(())
    }
}

fn stop(error: &anyhow::Error) -> Error {
    Error::new(Code::Internal, Disposition::Corrupt, format!("{error:#}"))
}

#[async_trait]
impl SinkLane for PlainLane {
    fn accepts(&self, _: Encoding) -> bool {
        false
    }

    async fn claim(&mut self, _: &Arc<Assignment>, _: &[SplitId]) -> velostream_core::Result<Vec<Claim>> {
        let claim = |(split, position): &(SplitId, SourcePosition)| Claim {
            split: split.clone(),
            position: position.clone(),
            batch: BatchId(0),
        };
        Ok(self.starts.iter().map(claim).collect())
    }

    async fn begin(&mut self, _: &Arc<Assignment>) -> velostream_core::Result<()> {
        Ok(())
    }

    async fn write(&mut self, chunk: Chunk) -> velostream_core::Result<()> {
        self.send(&chunk).await.map_err(|error| stop(&error))
    }

    async fn commit(&mut self, _: &[Progress]) -> velostream_core::Result<()> {
        self.settle(0).await.map_err(|error| stop(&error))
    }

    async fn abort(&mut self) -> velostream_core::Result<()> {
        Ok(())
    }

    async fn reset(&mut self) -> velostream_core::Result<()> {
        Ok(())
    }
}
