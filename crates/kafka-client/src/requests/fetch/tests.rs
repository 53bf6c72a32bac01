use super::*;
use crate::requests::cross_check::{self as check, Uuid, text, theirs, topic_name};

fn fetch(topic_id: TopicId) -> Fetch {
    let partition = FetchPartition {
        partition: 3,
        current_leader_epoch: 4,
        fetch_offset: 55,
        last_fetched_epoch: 2,
        max_bytes: 1000,
    };
    Fetch {
        max_wait: Duration::from_millis(500),
        min_bytes: 1,
        max_bytes: 1 << 20,
        isolation: Isolation::ReadCommitted,
        topics: vec![FetchTopic { topic: "t".to_owned(), topic_id, partitions: vec![partition] }],
        rack: "r".to_owned(),
    }
}

#[test]
fn request_reads_back_in_every_version() {
    let request = fetch(TopicId([7; 16]));
    assert_eq!(request.max_version(), 17);
    check::request(&request, |v| {
        use theirs::fetch_request as f;
        let mut partition = f::FetchPartition::default()
            .with_partition(3)
            .with_fetch_offset(55)
            .with_partition_max_bytes(1000);
        if v >= 9 {
            partition.current_leader_epoch = 4;
        }
        if v >= 12 {
            partition.last_fetched_epoch = 2;
        }
        let mut topic = f::FetchTopic::default().with_partitions(vec![partition]);
        if v >= 13 {
            topic.topic_id = Uuid::from_bytes([7; 16]);
        } else {
            topic.topic = topic_name("t");
        }
        let expected = theirs::FetchRequest::default()
            .with_max_wait_ms(500)
            .with_min_bytes(1)
            .with_max_bytes(1 << 20)
            .with_isolation_level(1)
            .with_topics(vec![topic]);
        if v >= 11 { expected.with_rack_id(text("r")) } else { expected }
    });
}

#[test]
fn request_without_a_topic_id_stays_at_version_12() {
    assert_eq!(fetch(TopicId::default()).max_version(), 12);
}

fn written(v: i16) -> theirs::FetchResponse {
    use theirs::fetch_response as f;
    let ids = |leader, epoch| {
        f::LeaderIdAndEpoch::default().with_leader_id(theirs::BrokerId(leader)).with_leader_epoch(epoch)
    };
    let aborted =
        f::AbortedTransaction::default().with_producer_id(theirs::ProducerId(5)).with_first_offset(40);
    let mut data = f::PartitionData::default()
        .with_partition_index(3)
        .with_error_code(6)
        .with_high_watermark(60)
        .with_last_stable_offset(50)
        .with_aborted_transactions(Some(vec![aborted]))
        .with_records(Some(Bytes::from_static(b"batch")));
    if v >= 5 {
        data.log_start_offset = 10;
    }
    if v >= 11 {
        data.preferred_read_replica = theirs::BrokerId(2);
    }
    if v >= 12 {
        data.diverging_epoch = f::EpochEndOffset::default().with_epoch(1).with_end_offset(33);
        data.current_leader = ids(2, 9);
    }
    let empty = f::PartitionData::default()
        .with_partition_index(4)
        .with_aborted_transactions(None)
        .with_records(None);
    let mut topic = f::FetchableTopicResponse::default().with_partitions(vec![data, empty]);
    if v >= 13 {
        topic.topic_id = Uuid::from_bytes([7; 16]);
    } else {
        topic.topic = topic_name("t");
    }
    let mut written = theirs::FetchResponse::default().with_throttle_time_ms(3).with_responses(vec![topic]);
    if v >= 7 {
        written.error_code = 70;
    }
    if v >= 16 {
        written.node_endpoints = vec![
            f::NodeEndpoint::default().with_node_id(theirs::BrokerId(2)).with_host(text("h")).with_port(9),
        ];
    }
    written
}

fn expected(v: i16) -> FetchResponse {
    let topic = if v >= 13 { TopicRef::Id(TopicId([7; 16])) } else { TopicRef::Name("t".into()) };
    let full = FetchedPartition {
        topic: topic.clone(),
        partition: 3,
        error: ErrorCode::NOT_LEADER_OR_FOLLOWER,
        high_watermark: 60,
        last_stable_offset: 50,
        log_start_offset: if v >= 5 { 10 } else { -1 },
        diverging_epoch: (v >= 12).then_some(EpochEnd { epoch: 1, end_offset: 33 }),
        current_leader: (v >= 12).then_some(LeaderHint { leader: 2, epoch: 9 }),
        aborted: vec![AbortedTransaction { producer_id: 5, first_offset: 40 }],
        preferred_read_replica: if v >= 11 { 2 } else { -1 },
        records: Bytes::from_static(b"batch"),
    };
    let empty = FetchedPartition {
        topic,
        partition: 4,
        error: ErrorCode::NONE,
        high_watermark: 0,
        last_stable_offset: -1,
        log_start_offset: -1,
        diverging_epoch: None,
        current_leader: None,
        aborted: vec![],
        preferred_read_replica: -1,
        records: Bytes::new(),
    };
    let broker = Broker { id: BrokerId(2), host: "h".to_owned(), port: 9, rack: None };
    FetchResponse {
        throttle: Duration::from_millis(3),
        error: ErrorCode(if v >= 7 { 70 } else { 0 }),
        partitions: vec![full, empty],
        endpoints: if v >= 16 { vec![broker] } else { vec![] },
    }
}

#[test]
fn response_reads_in_every_version() {
    check::response::<Fetch, _>(written, expected);
}

#[test]
fn records_share_the_memory_of_the_response() {
    let mut body = vec![0; 14]; // throttle, error, session
    body.truncate(10);
    body.extend([0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 1]);
    body.extend([0; 4 + 2 + 8 + 8 + 8]);
    body.extend([0xff; 4]); // no aborted transactions
    body.extend([0, 0, 0, 3, 1, 2, 3]);
    let frame = Bytes::from(body);
    let response = crate::frame::decode_response::<Fetch>(frame.clone(), 7).unwrap();
    let records = &response.partitions[0].records;
    assert_eq!(records.as_ptr(), frame[frame.len() - 3..].as_ptr());
}
