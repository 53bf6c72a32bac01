use super::*;
use crate::requests::cross_check::{self as check, group_id, text, theirs, topic_name, transactional_id};

fn commit(member: &str, generation: i32) -> TxnOffsetCommit {
    let partition =
        CommitPartition { partition: 3, offset: 44, leader_epoch: 2, metadata: Some("m".to_owned()) };
    TxnOffsetCommit {
        transactional_id: "x".to_owned(),
        group: "g".to_owned(),
        producer_id: 5,
        producer_epoch: 6,
        generation,
        member: member.to_owned(),
        instance: None,
        topics: vec![CommitTopic { topic: "t".to_owned(), partitions: vec![partition] }],
        max_version: TxnOffsetCommit::MAX,
    }
}

#[test]
fn request_reads_back_in_every_version() {
    check::request(&commit("member", 7), |_| {
        use theirs::txn_offset_commit_request as t;
        let partition = t::TxnOffsetCommitRequestPartition::default()
            .with_partition_index(3)
            .with_committed_offset(44)
            .with_committed_leader_epoch(2)
            .with_committed_metadata(Some(text("m")));
        let topic = t::TxnOffsetCommitRequestTopic::default()
            .with_name(topic_name("t"))
            .with_partitions(vec![partition]);
        theirs::TxnOffsetCommitRequest::default()
            .with_transactional_id(transactional_id("x"))
            .with_group_id(group_id("g"))
            .with_producer_id(theirs::ProducerId(5))
            .with_producer_epoch(6)
            .with_generation_id(7)
            .with_member_id(text("member"))
            .with_topics(vec![topic])
    });
}

#[test]
fn anonymous_member_is_refused_by_the_encoder() {
    for (member, generation) in [("", 7), ("member", -1), ("", -1)] {
        let refused = crate::frame::Frame::encode(&commit(member, generation), 5, "c").unwrap_err();
        assert!(matches!(refused, Error::AnonymousMember { .. }), "{member:?} {generation}");
        assert_eq!(refused.disposition(), velostream_core::Disposition::Reject);
    }
    assert!(crate::frame::Frame::encode(&commit("member", 0), 5, "c").is_ok());
}

#[test]
fn version_before_the_membership_is_never_spoken() {
    assert_eq!(TxnOffsetCommit::MIN, 3);
    assert_eq!(TxnOffsetCommit { max_version: TxnOffsetCommit::MAX_V1, ..commit("m", 1) }.max_version(), 4);
}

#[test]
fn response_reads_in_every_version() {
    use theirs::txn_offset_commit_response as t;
    let partition = |index, code| {
        t::TxnOffsetCommitResponsePartition::default().with_partition_index(index).with_error_code(code)
    };
    check::response::<TxnOffsetCommit, _>(
        |_| {
            let topic = t::TxnOffsetCommitResponseTopic::default()
                .with_name(topic_name("t"))
                .with_partitions(vec![partition(0, 0), partition(1, 22)]);
            theirs::TxnOffsetCommitResponse::default().with_throttle_time_ms(3).with_topics(vec![topic])
        },
        |_| {
            let part =
                |partition, code| PartitionResult { topic: "t".into(), partition, error: ErrorCode(code) };
            TxnOffsetCommitResponse {
                throttle: Duration::from_millis(3),
                partitions: vec![part(0, 0), part(1, 22)],
            }
        },
    );
}

#[test]
fn error_of_a_response_is_the_first_among_its_partitions() {
    let part = |code| PartitionResult { topic: "t".into(), partition: 0, error: ErrorCode(code) };
    let response = |codes: &[i16]| TxnOffsetCommitResponse {
        throttle: Duration::ZERO,
        partitions: codes.iter().map(|c| part(*c)).collect(),
    };
    assert_eq!(response(&[0, 22, 25]).error(), ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(response(&[0, 0]).error(), ErrorCode::NONE);
}
