use std::time::Duration;

use velostream_core::TopicId;
use velostream_kafka_client::{
    Cluster, ConfigResource, Connection, CreatePartitions, DescribeConfigs, EARLIEST, EpochPartition,
    EpochTopic, ErrorCode, Fetch, FetchPartition, FetchTopic, FetchedPartition, Isolation, LATEST,
    ListOffsets, ListOffsetsPartition, ListOffsetsTopic, NewPartitions, OffsetForLeaderEpoch, Produce,
    ProducePartition, ProduceTopic, ProducedPartition, Request, ResourceKind,
};

use super::{AtVersion, batch, cluster, create_topic, delete_topic, pause, unique, versions};

pub(crate) fn fetch(topic: &str, topic_id: TopicId, offset: i64, isolation: Isolation) -> Fetch {
    let partition = FetchPartition {
        partition: 0,
        current_leader_epoch: 0,
        fetch_offset: offset,
        last_fetched_epoch: -1,
        max_bytes: 1 << 20,
    };
    Fetch {
        max_wait: Duration::from_millis(500),
        min_bytes: 1,
        max_bytes: 1 << 20,
        isolation,
        topics: vec![FetchTopic { topic: topic.to_owned(), topic_id, partitions: vec![partition] }],
        rack: String::new(),
    }
}

pub(crate) fn produce(topic: &str, topic_id: TopicId, records: bytes::Bytes) -> Produce {
    let partition = ProducePartition { partition: 0, records: records.into() };
    Produce {
        transactional_id: None,
        acks: -1,
        timeout: Duration::from_secs(10),
        topics: vec![ProduceTopic { topic: topic.to_owned(), topic_id, partitions: vec![partition] }],
        max_version: Produce::MAX,
    }
}

/// Leader of partition 0 and the topic's id.
pub(crate) async fn leader(cluster: &Cluster, topic: &str) -> (Connection, TopicId) {
    let leader = cluster.leader(topic, 0).await.unwrap();
    (cluster.open(leader.broker).await.unwrap(), leader.topic_id)
}

/// A new leader answers NOT_LEADER or UNKNOWN_TOPIC for a moment after CreateTopics.
pub(crate) async fn produced(connection: &Connection, request: &Produce) -> ProducedPartition {
    loop {
        let response = connection.send(request.clone()).await.unwrap();
        let partition = response.partitions.into_iter().next().unwrap();
        match partition.error {
            ErrorCode::NOT_LEADER_OR_FOLLOWER | ErrorCode::UNKNOWN_TOPIC_ID => pause().await,
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION | ErrorCode::CONCURRENT_TRANSACTIONS => pause().await,
            _ => return partition,
        }
    }
}

pub(crate) async fn fetched(connection: &Connection, request: Fetch) -> FetchedPartition {
    let response = connection.send(request).await.unwrap();
    assert!(response.error.is_ok());
    response.partitions.into_iter().next().unwrap()
}

/// What follows the fields of a batch header that a broker rewrites (base offset and leader epoch; the checksum does
/// not cover them).
fn body(batch: &[u8]) -> &[u8] {
    &batch[16..]
}

#[tokio::test]
#[ignore = "needs VELOSTREAM_TEST_KAFKA"]
async fn batch_produced_in_every_version_is_fetched_byte_for_byte_in_every_version() {
    let cluster = cluster().await;
    let topic = unique("bytes");
    create_topic(&cluster, &topic).await;
    let (connection, id) = leader(&cluster, &topic).await;
    assert!(!id.is_zero());
    let written = batch(&["a", "b", "c"], None);
    let first = produced(&connection, &produce(&topic, id, written.clone())).await;
    assert_eq!((first.error, first.base_offset), (ErrorCode::NONE, 0));

    let mut end = 3;
    let request = produce(&topic, id, written.clone());
    for version in versions(&connection, &request) {
        let response = connection.send(AtVersion(request.clone(), version)).await.unwrap();
        let partition = &response.partitions[0];
        partition.check(connection.broker(), &topic).unwrap();
        assert_eq!(partition.base_offset, end, "version {version}");
        assert!(partition.topic.is(&topic, id));
        end += 3;
    }
    let request = fetch(&topic, id, 3, Isolation::ReadCommitted);
    for version in versions(&connection, &request) {
        let response = connection.send(AtVersion(request.clone(), version)).await.unwrap();
        let partition = &response.partitions[0];
        partition.check(connection.broker(), &topic, 3).unwrap();
        assert!(partition.topic.is(&topic, id));
        assert_eq!((partition.high_watermark, partition.last_stable_offset), (end, end), "version {version}");
        assert_eq!(body(&partition.records[..written.len()]), body(&written), "version {version}");
    }
    delete_topic(&cluster, &topic).await;
}

#[tokio::test]
#[ignore = "needs VELOSTREAM_TEST_KAFKA"]
async fn fetch_names_a_log_that_diverged_and_an_offset_out_of_range_and_a_foreign_topic_id() {
    let cluster = cluster().await;
    let topic = unique("gap");
    create_topic(&cluster, &topic).await;
    let (connection, id) = leader(&cluster, &topic).await;
    produced(&connection, &produce(&topic, id, batch(&["a", "b"], None))).await;

    let mut diverged = fetch(&topic, id, 1, Isolation::ReadCommitted);
    diverged.topics[0].partitions[0].last_fetched_epoch = 0;
    assert_eq!(fetched(&connection, diverged.clone()).await.diverging_epoch, None);
    diverged.topics[0].partitions[0].fetch_offset = 9;
    let partition = fetched(&connection, diverged).await;
    let end = partition.diverging_epoch.unwrap();
    assert_eq!((end.epoch, end.end_offset, partition.records.len()), (0, 2, 0));

    let far = fetched(&connection, fetch(&topic, id, 100, Isolation::ReadCommitted)).await;
    assert_eq!(far.error, ErrorCode::OFFSET_OUT_OF_RANGE);
    let error = far.check(connection.broker(), &topic, 100).unwrap_err();
    assert!(error.to_string().contains(&format!("Fetch {topic}-0@100: OFFSET_OUT_OF_RANGE (1)")), "{error}");

    let foreign = fetched(&connection, fetch(&topic, TopicId([9; 16]), 0, Isolation::ReadCommitted)).await;
    assert_eq!(foreign.error, ErrorCode::UNKNOWN_TOPIC_ID);

    let mut stale = fetch(&topic, id, 0, Isolation::ReadCommitted);
    stale.topics[0].partitions[0].current_leader_epoch = 99;
    assert_eq!(fetched(&connection, stale).await.error, ErrorCode::UNKNOWN_LEADER_EPOCH);
    delete_topic(&cluster, &topic).await;
}

#[tokio::test]
#[ignore = "needs VELOSTREAM_TEST_KAFKA"]
async fn batch_that_the_broker_refuses_names_its_reason() {
    let cluster = cluster().await;
    let topic = unique("refused");
    create_topic(&cluster, &topic).await;
    let (connection, id) = leader(&cluster, &topic).await;
    produced(&connection, &produce(&topic, id, batch(&["a"], None))).await;
    let mut damaged = batch(&["a"], None).to_vec();
    *damaged.last_mut().unwrap() ^= 0xff;
    let refused = produced(&connection, &produce(&topic, id, damaged.into())).await;
    assert_eq!(refused.error, ErrorCode::CORRUPT_MESSAGE);
    let large = "x".repeat(2_000_001);
    let refused = produced(&connection, &produce(&topic, id, batch(&[&large], None))).await;
    assert_eq!(refused.error, ErrorCode::MESSAGE_TOO_LARGE);
    delete_topic(&cluster, &topic).await;
}

#[tokio::test]
#[ignore = "needs VELOSTREAM_TEST_KAFKA"]
async fn offsets_epochs_settings_and_growth_read_in_every_version() {
    let cluster = cluster().await;
    let topic = unique("offsets");
    create_topic(&cluster, &topic).await;
    let (connection, id) = leader(&cluster, &topic).await;
    produced(&connection, &produce(&topic, id, batch(&["a", "b", "c"], None))).await;

    for (timestamp_ms, offset) in
        [(EARLIEST, 0), (LATEST, 3), (1_700_000_000_001, 1), (1_800_000_000_000, -1)]
    {
        let partition = ListOffsetsPartition { partition: 0, current_leader_epoch: 0, timestamp_ms };
        let topics = vec![ListOffsetsTopic { topic: topic.clone(), partitions: vec![partition] }];
        let request = ListOffsets { isolation: Isolation::ReadUncommitted, topics };
        for version in versions(&connection, &request) {
            let response = connection.send(AtVersion(request.clone(), version)).await.unwrap();
            response.partitions[0].check(connection.broker()).unwrap();
            assert_eq!(response.partitions[0].offset, offset, "{timestamp_ms} in version {version}");
        }
    }
    let partition = EpochPartition { partition: 0, current_leader_epoch: 0, leader_epoch: 0 };
    let request = OffsetForLeaderEpoch {
        topics: vec![EpochTopic { topic: topic.clone(), partitions: vec![partition] }],
    };
    for version in versions(&connection, &request) {
        let response = connection.send(AtVersion(request.clone(), version)).await.unwrap();
        assert_eq!(response.partitions[0].end_offset, 3, "version {version}");
    }
    let resource = ConfigResource { kind: ResourceKind::Topic, name: topic.clone(), keys: None };
    let request = DescribeConfigs { resources: vec![resource] };
    for version in versions(&connection, &request) {
        let response = connection.send(AtVersion(request.clone(), version)).await.unwrap();
        assert_eq!(response.resources[0].get("max.message.bytes"), Some("2000000"), "version {version}");
    }
    let request = |count, validate_only| CreatePartitions {
        topics: vec![NewPartitions { name: topic.clone(), count }],
        timeout: Duration::from_secs(10),
        validate_only,
    };
    for version in versions(&connection, &request(3, true)) {
        let grown = connection.send(AtVersion(request(3, true), version)).await.unwrap();
        grown.topics[0].check(connection.broker()).unwrap();
    }
    let refused = connection.send(request(1, false)).await.unwrap();
    assert_eq!(refused.topics[0].error, ErrorCode::INVALID_PARTITIONS);
    connection.send(request(3, false)).await.unwrap().topics[0].check(connection.broker()).unwrap();
    assert!(connection.version_of(&request(1, true)).unwrap() <= CreatePartitions::MAX);
    delete_topic(&cluster, &topic).await;
}
