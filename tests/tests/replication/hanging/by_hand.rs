//! A transaction written by hand, in the protocol that the program speaks.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use velostream_kafka_batch::{ProducerStamp, Record, WriteOptions, write_batch};
use velostream_kafka_client::{
    ApiKey, Cluster, Config, Connection, CoordinatorKind, EndTxn, ErrorCode, InitProducerId, Produce,
    ProducePartition, ProduceTopic, Segments,
};
use velostream_testkit::nemesis::PATIENCE;

/// A transaction that has written one record to each of some partitions and is not ended.
pub(crate) struct ByHand {
    cluster: Cluster,
    id: String,
    producer: (i64, i16),
}

impl ByHand {
    /// Opens it. Its timeout is longer than any test.
    pub(crate) async fn open(bootstrap: &str, id: &str, places: &[(&str, i32)]) -> Result<Self> {
        let servers = bootstrap.split(',').map(str::to_owned).collect();
        let cluster = Cluster::connect(Config { bootstrap_servers: servers, ..Config::default() }).await?;
        let request = InitProducerId {
            transactional_id: Some(id.to_owned()),
            timeout: Duration::from_secs(300),
            producer_id: -1,
            producer_epoch: -1,
        };
        let mut answer = coordinator(&cluster, id).await?.send(request.clone()).await?;
        while answer.error != ErrorCode::NONE {
            pause().await;
            answer = coordinator(&cluster, id).await?.send(request.clone()).await?;
        }
        let producer = (answer.producer_id, answer.producer_epoch);
        let by_hand = Self { cluster, id: id.to_owned(), producer };
        for (topic, partition) in places {
            by_hand.produce(topic, *partition).await?;
        }
        Ok(by_hand)
    }

    async fn produce(&self, topic: &str, partition: i32) -> Result<()> {
        let value = Some(Bytes::copy_from_slice(self.id.as_bytes()));
        // The journal is compacted and takes no record without a key.
        let key = Some(Bytes::from_static(b"by hand"));
        let record = Record { offset: 0, timestamp: 1, key, value, headers: Vec::new() };
        let stamp = ProducerStamp { id: self.producer.0, epoch: self.producer.1, base_sequence: 0 };
        let options = WriteOptions { stamp: Some(stamp), transactional: true, ..WriteOptions::default() };
        let mut records = Segments::new();
        records.push(write_batch(&[record], options)?);
        loop {
            let leader = self.cluster.leader(topic, partition).await?;
            let request = Produce {
                transactional_id: Some(self.id.clone()),
                acks: -1,
                timeout: PATIENCE,
                topics: vec![ProduceTopic {
                    topic: topic.to_owned(),
                    topic_id: leader.topic_id,
                    partitions: vec![ProducePartition { partition, records: records.clone() }],
                }],
                max_version: 12,
            };
            let answer = self.cluster.open(leader.broker).await?.send(request).await?;
            let error = answer.partitions.first().context("no partition")?.error;
            if error != ErrorCode::CONCURRENT_TRANSACTIONS {
                return Ok(error.check(leader.broker, ApiKey::Produce)?);
            }
            pause().await;
        }
    }

    /// Ends it and waits until its coordinator takes it for ended.
    pub(crate) async fn end(self, commit: bool) -> Result<()> {
        let request = EndTxn {
            transactional_id: self.id.clone(),
            producer_id: self.producer.0,
            producer_epoch: self.producer.1,
            commit,
            max_version: 5,
        };
        // Its coordinator may have been the broker that is gone, and EndTxn of this version may be repeated.
        for _ in 0..600 {
            if let Ok(connection) = coordinator(&self.cluster, &self.id).await
                && let Ok(answer) = connection.send(request.clone()).await
                && answer.error == ErrorCode::NONE
            {
                return self.await_complete().await;
            }
            pause().await;
        }
        anyhow::bail!("the transaction of {} cannot be ended", self.id)
    }

    async fn await_complete(&self) -> Result<()> {
        let request =
            velostream_kafka_client::DescribeTransactions { transactional_ids: vec![self.id.clone()] };
        for _ in 0..600 {
            let answer = coordinator(&self.cluster, &self.id).await?.send(request.clone()).await?;
            let state = answer.states.first().context("no state")?;
            ensure!(state.error == ErrorCode::NONE, "{state:?}");
            if state.state.starts_with("Complete") {
                return Ok(());
            }
            pause().await;
        }
        anyhow::bail!("the transaction of {} is never complete", self.id)
    }
}

async fn coordinator(cluster: &Cluster, id: &str) -> velostream_kafka_client::Result<Connection> {
    cluster.open(cluster.coordinator(CoordinatorKind::Transaction, id).await?).await
}

async fn pause() {
    tokio::time::sleep(Duration::from_millis(50)).await;
}
