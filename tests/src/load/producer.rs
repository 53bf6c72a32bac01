//! One librdkafka producer of a load.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};

use super::plan::{Codec, LoadPlan};
use super::record::MadeRecord;

const LIMIT: Duration = Duration::from_secs(120);

/// Counts what the broker refused. Cheap: it runs once per record.
#[derive(Debug, Default)]
struct Deliveries {
    failed: AtomicU64,
}

#[derive(Debug, Clone)]
struct CountDeliveries(Arc<Deliveries>);

impl ClientContext for CountDeliveries {}

impl ProducerContext for CountDeliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_err() {
            self.0.failed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// An idempotent or transactional producer with one codec. Records of one partition keep the order of sending.
pub(super) struct LoadProducer {
    producer: ThreadedProducer<CountDeliveries>,
    deliveries: Arc<Deliveries>,
    topic: String,
}

impl LoadProducer {
    /// A producer of `plan` for one codec; `owner` tells producers of one run apart.
    pub(super) fn new(bootstrap: &str, plan: &LoadPlan, codec: Codec, owner: usize) -> Result<Self> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", bootstrap)
            .set("client.id", "velostream-load")
            .set("enable.idempotence", "true")
            .set("compression.codec", codec.as_str())
            .set("batch.size", plan.batch_bytes.to_string())
            .set("batch.num.messages", "1000000")
            .set("message.max.bytes", "1048000")
            .set("linger.ms", "20")
            .set("queue.buffering.max.messages", "500000")
            .set("queue.buffering.max.kbytes", "131072")
            .set("message.timeout.ms", "110000")
            // Only refusals are counted; a callback per record would halve the rate.
            .set("delivery.report.only.error", "true")
            .set("log_level", "3");
        if plan.transactions.is_some() {
            config.set("transactional.id", format!("load-{:x}-{owner}-{codec}", plan.run));
            config.set("transaction.timeout.ms", "110000");
        }
        for (key, value) in &plan.properties {
            config.set(key, value);
        }
        let deliveries = Arc::new(Deliveries::default());
        let producer: ThreadedProducer<CountDeliveries> = config
            .create_with_context(CountDeliveries(Arc::clone(&deliveries)))
            .context("librdkafka refuses the producer's settings")?;
        if plan.transactions.is_some() {
            producer.init_transactions(LIMIT).context("cannot initialise transactions")?;
        }
        Ok(Self { producer, deliveries, topic: plan.topic.clone() })
    }

    /// Queues a copy; waits while the queue is full.
    pub(super) fn send(&self, partition: i32, made: &MadeRecord) -> Result<()> {
        let mut record: BaseRecord<'_, [u8], [u8]> =
            BaseRecord::to(&self.topic).partition(partition).timestamp(made.timestamp_ms);
        if let Some(key) = &made.key {
            record = record.key(key);
        }
        if let Some(value) = &made.value {
            record = record.payload(value);
        }
        if !made.headers.is_empty() {
            let headers = OwnedHeaders::new_with_capacity(made.headers.len());
            record = record.headers(made.headers.iter().fold(headers, |headers, (name, value)| {
                headers.insert(Header { key: name, value: value.as_deref() })
            }));
        }
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    crate::services::pause(Duration::from_millis(1));
                }
                Err((error, _)) => return Err(error).context("cannot queue a record"),
            }
        }
    }

    pub(super) fn begin(&self) -> Result<()> {
        self.producer.begin_transaction().context("cannot begin a transaction")
    }

    pub(super) fn commit(&self) -> Result<()> {
        self.producer.commit_transaction(LIMIT).context("cannot commit a transaction")?;
        self.refuse_losses()
    }

    /// Aborts after everything queued has reached the broker: an abort alone would only empty the queue, and no
    /// reader would ever meet the aborted records.
    pub(super) fn abort(&self) -> Result<()> {
        self.flush()?;
        self.producer.abort_transaction(LIMIT).context("cannot abort a transaction")
    }

    /// Waits until all that was queued is acknowledged.
    pub(super) fn flush(&self) -> Result<()> {
        self.producer.flush(LIMIT).context("cannot flush")?;
        self.refuse_losses()
    }

    fn refuse_losses(&self) -> Result<()> {
        let failed = self.deliveries.failed.load(Ordering::Relaxed);
        if failed > 0 {
            bail!("the broker did not take {failed} records of topic {}", self.topic);
        }
        Ok(())
    }
}
