use bytes::Bytes;
use velostream_core::{Disposition, TopicId};
use velostream_kafka_client::TopicRef;

use super::*;

struct Nobody;

impl Visitor for Nobody {
    fn entry(&mut self, _partition: i32, _offset: i64, _entry: Entry) {}

    fn finished(&mut self, _partition: i32, _position: i64, _ends: Ends) -> bool {
        false
    }
}

fn reading_at(position: i64) -> Reading {
    let positions = BTreeMap::from([(0, position)]);
    Reading { topic: "j".to_owned(), isolation: Isolation::ReadCommitted, positions }
}

fn answer(error: ErrorCode, log_start_offset: i64) -> FetchedPartition {
    FetchedPartition {
        topic: TopicRef::Name("j".into()),
        partition: 0,
        error,
        high_watermark: -1,
        last_stable_offset: -1,
        log_start_offset,
        diverging_epoch: None,
        current_leader: None,
        aborted: Vec::new(),
        preferred_read_replica: -1,
        records: Bytes::new(),
    }
}

#[test]
fn fetch_carries_the_epoch_of_the_leader_that_is_asked() {
    let wanted = Wanted { partition: 0, position: 41, leader_epoch: 7 };
    let fetch = reading_at(41).request(TopicId::default(), &[wanted]);
    let asked = &fetch.topics[0].partitions[0];
    assert_eq!((asked.current_leader_epoch, asked.fetch_offset), (7, 41));
}

#[test]
fn position_beyond_the_log_of_one_leader_is_tried_again_at_the_next() {
    let mut reading = reading_at(41);
    for log_start in [-1, 0, 41] {
        let answer = answer(ErrorCode::OFFSET_OUT_OF_RANGE, log_start);
        let error = reading.take(BrokerId(1), &answer, &mut Nobody).unwrap_err();
        assert_eq!(error.disposition(), Disposition::Retry, "{error}");
        assert!(error.to_string().contains("j-0") && error.to_string().contains("41"), "{error}");
    }
    for code in [
        ErrorCode::FENCED_LEADER_EPOCH,
        ErrorCode::UNKNOWN_LEADER_EPOCH,
        ErrorCode::NOT_LEADER_OR_FOLLOWER,
        ErrorCode::OFFSET_NOT_AVAILABLE,
    ] {
        let error = reading.take(BrokerId(1), &answer(code, 0), &mut Nobody).unwrap_err();
        assert_eq!(error.disposition(), Disposition::Retry, "{error}");
    }
    assert_eq!(reading.positions[&0], 41);
}

#[test]
fn position_that_compaction_has_left_behind_moves_to_the_first_offset() {
    let mut reading = reading_at(41);
    reading.take(BrokerId(1), &answer(ErrorCode::OFFSET_OUT_OF_RANGE, 50), &mut Nobody).unwrap();
    assert_eq!(reading.positions[&0], 50);
}
