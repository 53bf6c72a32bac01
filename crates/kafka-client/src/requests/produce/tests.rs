use bytes::Bytes;

use super::*;
use crate::requests::cross_check::{self as check, Uuid, text, theirs, topic_name, transactional_id};

fn produce(topic_id: TopicId, max_version: i16) -> Produce {
    let records = Segments::from(vec![Bytes::from_static(b"head"), Bytes::from_static(b"body")]);
    Produce {
        transactional_id: Some("x".to_owned()),
        acks: -1,
        timeout: Duration::from_millis(900),
        topics: vec![ProduceTopic {
            topic: "t".to_owned(),
            topic_id,
            partitions: vec![ProducePartition { partition: 3, records }],
        }],
        max_version,
    }
}

#[test]
fn request_reads_back_in_every_version() {
    check::request(&produce(TopicId([7; 16]), Produce::MAX), |v| {
        use theirs::produce_request as p;
        let data = p::PartitionProduceData::default()
            .with_index(3)
            .with_records(Some(Bytes::from_static(b"headbody")));
        let mut topic = p::TopicProduceData::default().with_partition_data(vec![data]);
        if v >= 13 {
            topic.topic_id = Uuid::from_bytes([7; 16]);
        } else {
            topic.name = topic_name("t");
        }
        theirs::ProduceRequest::default()
            .with_transactional_id(Some(transactional_id("x")))
            .with_acks(-1)
            .with_timeout_ms(900)
            .with_topic_data(vec![topic])
    });
}

#[test]
fn version_is_capped_by_the_transaction_protocol_and_by_a_missing_topic_id() {
    assert_eq!(produce(TopicId([7; 16]), Produce::MAX).max_version(), 13);
    assert_eq!(produce(TopicId::default(), Produce::MAX).max_version(), 12);
    assert_eq!(produce(TopicId([7; 16]), Produce::MAX_V1).max_version(), 11);
}

#[test]
fn records_go_to_the_socket_without_a_copy() {
    let request = produce(TopicId::default(), Produce::MAX);
    let segments = crate::frame::Frame::encode(&request, 12, "c").unwrap().into_segments(1);
    let given: Vec<_> = request.topics[0].partitions[0].records.iter().map(|b| b.as_ptr()).collect();
    assert!(given.iter().all(|p| segments.iter().any(|s| s.as_ptr() == *p)));
}

#[test]
fn acks_zero_is_refused_because_it_has_no_reply() {
    let request = Produce { acks: 0, ..produce(TopicId::default(), 11) };
    assert!(matches!(crate::frame::Frame::encode(&request, 11, "c"), Err(Error::Encode { .. })));
}

#[test]
fn response_reads_in_every_version() {
    use theirs::produce_response as p;
    check::response::<Produce, _>(
        |v| {
            let mut data = p::PartitionProduceResponse::default()
                .with_index(3)
                .with_error_code(87)
                .with_base_offset(70)
                .with_log_append_time_ms(12);
            if v >= 5 {
                data.log_start_offset = 10;
            }
            if v >= 8 {
                data.record_errors = vec![
                    p::BatchIndexAndErrorMessage::default()
                        .with_batch_index(2)
                        .with_batch_index_error_message(Some(text("bad"))),
                ];
                data.error_message = Some(text("worse"));
            }
            let mut topic = p::TopicProduceResponse::default();
            if v >= 13 {
                topic.topic_id = Uuid::from_bytes([7; 16]);
            } else {
                topic.name = topic_name("t");
            }
            let mut written = theirs::ProduceResponse::default().with_throttle_time_ms(3);
            if v >= 10 {
                data.current_leader =
                    p::LeaderIdAndEpoch::default().with_leader_id(theirs::BrokerId(2)).with_leader_epoch(9);
                written.node_endpoints = vec![
                    p::NodeEndpoint::default()
                        .with_node_id(theirs::BrokerId(2))
                        .with_host(text("h"))
                        .with_port(9),
                ];
            }
            written.with_responses(vec![topic.with_partition_responses(vec![data])])
        },
        |v| {
            let record_error = RecordError { batch_index: 2, message: Some("bad".to_owned()) };
            let broker = Broker { id: BrokerId(2), host: "h".to_owned(), port: 9, rack: None };
            ProduceResponse {
                throttle: Duration::from_millis(3),
                partitions: vec![ProducedPartition {
                    topic: if v >= 13 { TopicRef::Id(TopicId([7; 16])) } else { TopicRef::Name("t".into()) },
                    partition: 3,
                    error: ErrorCode::INVALID_RECORD,
                    base_offset: 70,
                    log_append_time_ms: 12,
                    log_start_offset: if v >= 5 { 10 } else { -1 },
                    record_errors: if v >= 8 { vec![record_error] } else { vec![] },
                    error_message: (v >= 8).then(|| "worse".to_owned()),
                    current_leader: (v >= 10).then_some(LeaderHint { leader: 2, epoch: 9 }),
                }],
                endpoints: if v >= 10 { vec![broker] } else { vec![] },
            }
        },
    );
}
