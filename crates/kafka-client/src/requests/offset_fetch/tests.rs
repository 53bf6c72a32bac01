use super::*;
use crate::requests::cross_check::{self as check, group_id, text, theirs, topic_name};

#[test]
fn request_reads_back_in_every_version() {
    use theirs::offset_fetch_request as o;
    let topics = Some(vec![TopicPartitions { topic: "t".to_owned(), partitions: vec![1, 2] }]);
    check::request(&OffsetFetch { group: "g".to_owned(), topics, require_stable: true }, |v| {
        let expected = theirs::OffsetFetchRequest::default().with_require_stable(true);
        if v >= 8 {
            let topic = o::OffsetFetchRequestTopics::default()
                .with_name(topic_name("t"))
                .with_partition_indexes(vec![1, 2]);
            let group = o::OffsetFetchRequestGroup::default()
                .with_group_id(group_id("g"))
                .with_topics(Some(vec![topic]));
            return expected.with_groups(vec![group]);
        }
        let topic = o::OffsetFetchRequestTopic::default()
            .with_name(topic_name("t"))
            .with_partition_indexes(vec![1, 2]);
        expected.with_group_id(group_id("g")).with_topics(Some(vec![topic]))
    });
    check::request(&OffsetFetch { group: "g".to_owned(), topics: None, require_stable: false }, |v| {
        let expected = theirs::OffsetFetchRequest::default();
        if v >= 8 {
            let group = o::OffsetFetchRequestGroup::default().with_group_id(group_id("g")).with_topics(None);
            return expected.with_groups(vec![group]);
        }
        expected.with_group_id(group_id("g")).with_topics(None)
    });
}

#[test]
fn response_reads_in_every_version() {
    use theirs::offset_fetch_response as o;
    check::response::<OffsetFetch, _>(
        |v| {
            let written = theirs::OffsetFetchResponse::default().with_throttle_time_ms(3);
            if v >= 8 {
                let partition = |index, offset| {
                    o::OffsetFetchResponsePartitions::default()
                        .with_partition_index(index)
                        .with_committed_offset(offset)
                        .with_committed_leader_epoch(4)
                        .with_metadata(Some(text("m")))
                        .with_error_code(88)
                };
                let topic = o::OffsetFetchResponseTopics::default()
                    .with_name(topic_name("t"))
                    .with_partitions(vec![partition(1, 44), partition(2, -1)]);
                let group = o::OffsetFetchResponseGroup::default()
                    .with_group_id(group_id("g"))
                    .with_topics(vec![topic])
                    .with_error_code(14);
                return written.with_groups(vec![group]);
            }
            let partition = |index, offset| {
                o::OffsetFetchResponsePartition::default()
                    .with_partition_index(index)
                    .with_committed_offset(offset)
                    .with_committed_leader_epoch(4)
                    .with_metadata(Some(text("m")))
                    .with_error_code(88)
            };
            let topic = o::OffsetFetchResponseTopic::default()
                .with_name(topic_name("t"))
                .with_partitions(vec![partition(1, 44), partition(2, -1)]);
            written.with_topics(vec![topic]).with_error_code(14)
        },
        |_| {
            let found = |partition, offset| FetchedOffset {
                topic: "t".into(),
                partition,
                offset,
                leader_epoch: 4,
                metadata: Some("m".to_owned()),
                error: ErrorCode::UNSTABLE_OFFSET_COMMIT,
            };
            OffsetFetchResponse {
                throttle: Duration::from_millis(3),
                error: ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
                partitions: vec![found(1, Some(44)), found(2, None)],
            }
        },
    );
}
