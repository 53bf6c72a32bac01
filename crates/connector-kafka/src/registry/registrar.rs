//! The one writer of split descriptors.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use velostream_kafka_batch::{Batch, ProducerStamp, WriteOptions, rewrite, write_batch};
use velostream_kafka_client::{
    AddPartitionsToTxn, ApiKey, BrokerId, Connection, CoordinatorKind, CreatePartitions, EndTxn, ErrorCode,
    InitProducerId, NewPartitions, Produce, ProducePartition, ProduceTopic, Segments, TopicPartitions,
    Topics,
};

use super::{ADMIN_DEADLINE, POLL, Parts};
use crate::connections::Connections;
use crate::error::{Error, Result};
use crate::journal::{Descriptor, Entry};
use crate::sink::await_leaders;

/// Where brokers keep the state of transactions.
const STATE_TOPIC: &str = "__transaction_state";

/// Holder of the registrar's transactional id. Whoever becomes one fences the one before.
pub(super) struct Registrar {
    id: String,
    producer_id: i64,
    producer_epoch: i16,
    coordinator: Connection,
    v2: bool,
}

impl Registrar {
    /// Takes the id over.
    pub(super) async fn become_one(parts: &Parts) -> Result<Self> {
        let id = parts.names.registrar();
        let started = parts.clock.monotonic();
        loop {
            let context = || format!("registrar of job {}", parts.names.job());
            let broker = match parts.sink.coordinator(CoordinatorKind::Transaction, &id).await {
                Ok(broker) => broker,
                Err(source) => return Err(no_coordinator(parts, source).await),
            };
            let coordinator = parts.sink.open(broker).await.map_err(Error::client(context()))?;
            let request = InitProducerId {
                transactional_id: Some(id.clone()),
                timeout: parts.sink_config.transaction_timeout,
                producer_id: -1,
                producer_epoch: -1,
            };
            let answer = coordinator.send(request).await.map_err(Error::client(context()))?;
            let waited = parts.clock.monotonic().saturating_sub(started);
            match answer.error {
                ErrorCode::NONE => {
                    let v2 = parts.sink.features().transaction_version() >= 2;
                    let (producer_id, producer_epoch) = (answer.producer_id, answer.producer_epoch);
                    return Ok(Self { id, producer_id, producer_epoch, coordinator, v2 });
                }
                ErrorCode::CONCURRENT_TRANSACTIONS
                | ErrorCode::COORDINATOR_NOT_AVAILABLE
                | ErrorCode::COORDINATOR_LOAD_IN_PROGRESS
                | ErrorCode::NOT_COORDINATOR
                    if waited < ADMIN_DEADLINE =>
                {
                    parts.clock.sleep(POLL).await;
                }
                code => {
                    let source = code.into_error(broker, ApiKey::InitProducerId);
                    return Err(Error::client(context())(source));
                }
            }
        }
    }

    /// Adds partitions to the journal and waits until they take data.
    pub(super) async fn grow_journal(&self, parts: &Parts, count: u32) -> Result<()> {
        let topic = parts.names.journal();
        let context = || format!("internal topic {topic}: add partitions");
        let count = i32::try_from(count).unwrap_or(i32::MAX);
        let request = CreatePartitions {
            topics: vec![NewPartitions { name: topic.clone(), count }],
            timeout: ADMIN_DEADLINE,
            validate_only: false,
        };
        let controller = parts.sink.controller().await.map_err(Error::client(context()))?;
        let answer =
            controller.send_within(request, ADMIN_DEADLINE * 2).await.map_err(Error::client(context()))?;
        for result in answer.topics {
            let context = format!("{}: {}", context(), result.error_message.unwrap_or_default());
            result
                .error
                .check(controller.broker(), ApiKey::CreatePartitions)
                .map_err(Error::client(context))?;
        }
        parts.sink.invalidate_topic(&topic);
        await_leaders(&parts.sink, &parts.clock, &topic, usize::try_from(count).unwrap_or(0)).await
    }

    /// Writes all descriptors or none. A failure leaves an open transaction, which the next registrar ends.
    pub(super) async fn write(&self, parts: &Parts, added: &BTreeMap<u32, Descriptor>) -> Result<()> {
        let topic = parts.names.journal();
        let mut connections = Connections::new(parts.sink.clone(), "sink");
        if !self.v2 {
            self.add_partitions(parts, added.keys().copied().collect()).await?;
        }
        let mut left: BTreeMap<i32, Segments> = BTreeMap::new();
        for (index, descriptor) in added {
            let partition = i32::try_from(*index).unwrap_or(i32::MAX);
            left.insert(partition, self.signed(partition, descriptor, parts.clock.unix_ms())?);
        }
        let started = parts.clock.monotonic();
        while !left.is_empty() {
            for partition in self.send(&mut connections, &topic, &left, parts).await? {
                left.remove(&partition);
            }
            if !left.is_empty() {
                self.pause(parts, started, left.len()).await?;
            }
        }
        self.commit().await
    }

    async fn pause(&self, parts: &Parts, started: Duration, splits: usize) -> Result<()> {
        let waited = parts.clock.monotonic().saturating_sub(started);
        if waited > ADMIN_DEADLINE {
            let what = "the internal topic does not take the descriptors";
            return Err(Error::ClaimTimeout { splits, waited_ms: waited.as_millis(), what });
        }
        parts.clock.sleep(POLL).await;
        Ok(())
    }

    fn signed(&self, partition: i32, descriptor: &Descriptor, now_ms: i64) -> Result<Segments> {
        let broken =
            |e: velostream_kafka_batch::Error| Error::Journal { partition, offset: -1, what: e.to_string() };
        let record = Entry::Split(descriptor.clone()).to_record(now_ms)?;
        let bytes = write_batch(std::slice::from_ref(&record), WriteOptions::default()).map_err(broken)?;
        let stamp = ProducerStamp { id: self.producer_id, epoch: self.producer_epoch, base_sequence: 0 };
        let batch = Batch::parse(bytes).map_err(broken)?;
        let mut segments = Segments::new();
        segments.push(rewrite(&batch, stamp).map_err(broken)?.to_bytes());
        Ok(segments)
    }

    /// One round; returns the partitions that were acknowledged. Repeating the others is safe: the same sequence
    /// number is appended at most once.
    async fn send(
        &self,
        connections: &mut Connections,
        topic: &str,
        left: &BTreeMap<i32, Segments>,
        parts: &Parts,
    ) -> Result<BTreeSet<i32>> {
        let context = || format!("internal topic {topic}: descriptors");
        let mut by_broker: BTreeMap<BrokerId, Vec<ProducePartition>> = BTreeMap::new();
        for (partition, records) in left {
            let leader = parts.sink.leader(topic, *partition).await.map_err(Error::client(context()))?;
            let one = ProducePartition { partition: *partition, records: records.clone() };
            by_broker.entry(leader.broker).or_default().push(one);
        }
        let mut done = BTreeSet::new();
        for (broker, partitions) in by_broker {
            let request = Produce {
                transactional_id: Some(self.id.clone()),
                acks: -1,
                timeout: parts.sink_config.client.request_timeout,
                topics: vec![ProduceTopic {
                    topic: topic.to_owned(),
                    topic_id: velostream_core::TopicId::default(),
                    partitions,
                }],
                max_version: if self.v2 { 12 } else { 11 },
            };
            let connection = connections.to(broker).await?;
            let answer = connection.send(request).await.map_err(Error::client(context()))?;
            for p in answer.partitions {
                match p.error {
                    ErrorCode::NONE | ErrorCode::DUPLICATE_SEQUENCE_NUMBER => {
                        done.insert(p.partition);
                    }
                    ErrorCode::NOT_LEADER_OR_FOLLOWER
                    | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
                    | ErrorCode::CONCURRENT_TRANSACTIONS => parts.sink.invalidate_topic(topic),
                    code => code.check(broker, ApiKey::Produce).map_err(Error::client(context()))?,
                }
            }
        }
        Ok(done)
    }

    async fn add_partitions(&self, parts: &Parts, indices: Vec<u32>) -> Result<()> {
        let topic = parts.names.journal();
        let partitions = indices.into_iter().filter_map(|i| i32::try_from(i).ok()).collect();
        let request = AddPartitionsToTxn {
            transactional_id: self.id.clone(),
            producer_id: self.producer_id,
            producer_epoch: self.producer_epoch,
            topics: vec![TopicPartitions { topic: topic.clone(), partitions }],
        };
        let context = || format!("internal topic {topic}: open a transaction");
        let answer = self.coordinator.send(request).await.map_err(Error::client(context()))?;
        for p in answer.partitions {
            p.check(self.coordinator.broker(), ApiKey::AddPartitionsToTxn)
                .map_err(Error::client(context()))?;
        }
        Ok(())
    }

    async fn commit(&self) -> Result<()> {
        let request = EndTxn {
            transactional_id: self.id.clone(),
            producer_id: self.producer_id,
            producer_epoch: self.producer_epoch,
            commit: true,
            max_version: if self.v2 { 5 } else { 4 },
        };
        let context = || "registrar: commit".to_owned();
        let answer = self.coordinator.send(request).await.map_err(Error::client(context()))?;
        answer.error.check(self.coordinator.broker(), ApiKey::EndTxn).map_err(Error::client(context()))
    }
}

/// A coordinator that is away comes back; one whose topic cannot even be created never comes.
pub(super) async fn no_coordinator(parts: &Parts, source: velostream_kafka_client::Error) -> Error {
    let never = match source.broker_code() {
        Some(ErrorCode::COORDINATOR_NOT_AVAILABLE) => {
            let topic = Topics::Names(vec![STATE_TOPIC.to_owned()]);
            let found = parts.sink.metadata(topic).await;
            found.is_ok_and(|m| m.topics.iter().all(|t| !t.error.is_ok()))
        }
        _ => matches!(source, velostream_kafka_client::Error::Unsupported { .. }),
    };
    if never {
        return Error::NoTransactions { cluster: parts.sink.cluster_id().to_owned(), source };
    }
    Error::client(format!("registrar of job {}", parts.names.job()))(source)
}
