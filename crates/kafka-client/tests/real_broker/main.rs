//! The client against a real broker: `VELOSTREAM_TEST_KAFKA=host:port cargo test -p velostream-kafka-client --test
//! real_broker -- --ignored`. Ignored without it, so that it never counts as passed where no broker is.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod group;
mod records;
mod transactions;

use std::time::Duration;

use bytes::Bytes;
use velostream_kafka_client::{
    Cluster, Config, CreateTopics, DeleteTopics, Error, ErrorCode, Malformed, NewTopic, Reader, Request,
    Topics, Writer,
};

/// A request held at one version, to try each that the broker offers.
#[derive(Debug)]
pub(crate) struct AtVersion<R>(pub(crate) R, pub(crate) i16);

impl<R: Request> Request for AtVersion<R> {
    type Response = R::Response;
    const KEY: velostream_kafka_client::ApiKey = R::KEY;
    const MIN: i16 = R::MIN;
    const MAX: i16 = R::MAX;
    const FLEXIBLE: i16 = R::FLEXIBLE;

    fn min_version(&self) -> i16 {
        self.1
    }

    fn max_version(&self) -> i16 {
        self.1
    }

    fn encode(&self, w: &mut Writer) -> Result<(), Error> {
        self.0.encode(w)
    }

    fn decode(r: &mut Reader) -> Result<R::Response, Malformed> {
        R::decode(r)
    }

    fn throttle(response: &R::Response) -> Duration {
        R::throttle(response)
    }
}

/// Versions that this value and the broker admit.
pub(crate) fn versions<R: Request>(
    connection: &velostream_kafka_client::Connection,
    request: &R,
) -> Vec<i16> {
    let offered = connection.offered(R::KEY).unwrap();
    let low = offered.min.max(request.min_version());
    (low..=offered.max.min(request.max_version())).collect()
}

pub(crate) async fn cluster() -> Cluster {
    let Ok(server) = std::env::var("VELOSTREAM_TEST_KAFKA") else {
        panic!("VELOSTREAM_TEST_KAFKA names no broker")
    };
    let config = Config { bootstrap_servers: vec![server], ..Config::default() };
    Cluster::connect(config).await.unwrap()
}

pub(crate) fn unique(prefix: &str) -> String {
    format!("{prefix}-{:08x}", rand::random::<u32>())
}

/// Creates a topic of two partitions and waits until each has a leader.
pub(crate) async fn create_topic(cluster: &Cluster, name: &str) {
    let topic = NewTopic {
        name: name.to_owned(),
        partitions: 2,
        replication: -1,
        configs: vec![("max.message.bytes".to_owned(), Some("2000000".to_owned()))],
    };
    let request =
        CreateTopics { topics: vec![topic], timeout: Duration::from_secs(10), validate_only: false };
    let controller = cluster.controller().await.unwrap();
    let created = controller.send(request).await.unwrap();
    created.topics[0].check(controller.broker()).unwrap();
    assert!(!created.topics[0].id.is_zero());
    for partition in 0..2 {
        while cluster.leader(name, partition).await.is_err() {
            pause().await;
        }
    }
}

pub(crate) async fn delete_topic(cluster: &Cluster, name: &str) {
    let request = DeleteTopics { topics: vec![name.to_owned()], timeout: Duration::from_secs(10) };
    let connection = cluster.any().await.unwrap();
    connection.send(request).await.unwrap().topics[0].check(connection.broker()).unwrap();
}

pub(crate) async fn pause() {
    let mut interval = tokio::time::interval(Duration::from_millis(20));
    interval.tick().await;
    interval.tick().await;
}

/// One record batch, written by an independent encoder.
pub(crate) fn batch(values: &[&str], producer: Option<(i64, i16, i32)>) -> Bytes {
    use kafka_protocol::records as r;
    let (producer_id, producer_epoch, sequence) = producer.unwrap_or((-1, -1, -1));
    let records: Vec<_> = (0_i32..)
        .zip(values)
        .map(|(i, value)| r::Record {
            transactional: producer.is_some(),
            control: false,
            delete_horizon: false,
            partition_leader_epoch: -1,
            producer_id,
            producer_epoch,
            timestamp_type: r::TimestampType::Creation,
            offset: i64::from(i),
            sequence: sequence + i, // the encoder starts a new batch where numbers do not follow on
            timestamp: 1_700_000_000_000 + i64::from(i),
            key: None,
            value: Some(Bytes::copy_from_slice(value.as_bytes())),
            headers: Default::default(),
        })
        .collect();
    let mut bytes = bytes::BytesMut::new();
    let options = r::RecordEncodeOptions { version: 2, compression: r::Compression::None };
    r::RecordBatchEncoder::encode(&mut bytes, &records, &options).unwrap();
    bytes.freeze()
}

#[tokio::test]
#[ignore = "needs VELOSTREAM_TEST_KAFKA"]
async fn metadata_of_a_topic_reads_in_every_version_by_name_and_by_id() {
    let cluster = cluster().await;
    assert!(!cluster.cluster_id().is_empty());
    let topic = unique("meta");
    create_topic(&cluster, &topic).await;
    let connection = cluster.any().await.unwrap();
    let mut id = Default::default();
    let by_name = || velostream_kafka_client::Metadata { topics: Topics::Names(vec![topic.clone()]) };
    for version in versions(&connection, &by_name()) {
        let response = connection.send(AtVersion(by_name(), version)).await.unwrap();
        assert_eq!(response.topics[0].partitions.len(), 2, "version {version}");
        assert_eq!(response.cluster_id.as_deref(), Some(cluster.cluster_id()));
        id = response.topics[0].id;
    }
    let response = cluster.metadata(Topics::Ids(vec![id])).await.unwrap();
    assert_eq!(response.topics[0].name.as_deref(), Some(topic.as_str()));
    let all = cluster.metadata(Topics::All).await.unwrap();
    assert!(all.topics.iter().any(|t| t.name.as_deref() == Some(topic.as_str())));
    let missing = cluster.metadata(Topics::Names(vec![unique("absent")])).await.unwrap();
    assert_eq!(missing.topics[0].error, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    delete_topic(&cluster, &topic).await;
}
