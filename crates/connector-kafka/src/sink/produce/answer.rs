//! What the broker's answer says about a batch.

use velostream_core::{Disposition, mutant};
use velostream_kafka_client as client;
use velostream_kafka_client::{BrokerId, ErrorCode, ProduceResponse};

use super::super::outgoing::Outgoing;

/// What became of a batch.
#[derive(Debug)]
pub(in crate::sink) enum Fate {
    /// Appended at these offsets.
    Stored { first: i64, last: i64 },
    /// Refused for its content; nothing was appended.
    Refused { reason: String },
    /// The writer is refused: authorization and the like.
    Denied(client::Error),
    /// Unknown.
    Indefinite(client::Error),
}

/// The topic's setting behind a refusal of content.
const fn setting(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::MESSAGE_TOO_LARGE | ErrorCode::RECORD_LIST_TOO_LARGE => "max.message.bytes",
        ErrorCode::INVALID_TIMESTAMP => "message.timestamp.before.max.ms, message.timestamp.after.max.ms",
        ErrorCode::INVALID_RECORD => "cleanup.policy",
        _ => "compression.type",
    }
}

/// What an answer says about a batch.
#[derive(Debug)]
pub(super) enum Word {
    Settled(Fate),
    /// Nothing was appended, and it may go through in a moment: the broker still ends the previous transaction or is busy
    /// adding other partitions to this one (CONCURRENT_TRANSACTIONS), or cannot reach the transaction's coordinator, for
    /// which brokers say NOT_ENOUGH_REPLICAS as they do where replicas are missing (KIP-890).
    ComeAgain(client::Error),
}

pub(super) fn word(broker: BrokerId, batch: &Outgoing, response: &ProduceResponse) -> Word {
    let answer = response.partitions.iter().find(|p| {
        p.partition == batch.target.partition
            && p.topic.is(&batch.target.topic, velostream_core::TopicId::default())
    });
    let Some(answer) = answer else {
        let code = ErrorCode::UNKNOWN_SERVER_ERROR;
        return Word::Settled(Fate::Indefinite(code.into_error(broker, client::ApiKey::Produce)));
    };
    let code = answer.error;
    Word::Settled(match code {
        ErrorCode::NONE => {
            let last = answer.base_offset + i64::from(batch.records.max(1)) - 1;
            Fate::Stored { first: answer.base_offset, last }
        }
        ErrorCode::CONCURRENT_TRANSACTIONS | ErrorCode::NOT_ENOUGH_REPLICAS => {
            return Word::ComeAgain(code.into_error(broker, client::ApiKey::Produce));
        }
        ErrorCode::MESSAGE_TOO_LARGE
        | ErrorCode::RECORD_LIST_TOO_LARGE
        | ErrorCode::INVALID_TIMESTAMP
        | ErrorCode::INVALID_RECORD
        | ErrorCode::UNSUPPORTED_COMPRESSION_TYPE => {
            if mutant!(RefusedBatchIsSkipped) {
                return Word::Settled(Fate::Stored { first: answer.base_offset, last: answer.base_offset });
            }
            let of_record = answer.record_errors.first().and_then(|e| e.message.as_deref());
            let words = of_record.or(answer.error_message.as_deref()).map(|w| format!(": {w}"));
            let reason = format!("{} ({}){}", code.name(), setting(code), words.unwrap_or_default());
            Fate::Refused { reason }
        }
        code => {
            let error = code.into_error(broker, client::ApiKey::Produce);
            if code.disposition() == Disposition::Reject {
                Fate::Denied(error)
            } else {
                Fate::Indefinite(error)
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use velostream_core::SplitId;
    use velostream_kafka_client::{
        BrokerId, ErrorCode, ProduceResponse, ProducedPartition, Segments, TopicRef,
    };
    use velostream_protocol::kafka_lane::Kind;

    use super::{Fate, Outgoing, Word, word};
    use crate::sink::outgoing::Target;

    fn means(error: ErrorCode) -> Word {
        let target = Target { topic: "t".into(), partition: 3 };
        let split = SplitId::new("a");
        let (from, next, records, bytes) = (0, 10, 10, 61);
        let segments = Segments::new();
        let batch = Outgoing { target, split, kind: Kind::Data, from, next, records, bytes, segments };
        let stored = ProducedPartition {
            topic: TopicRef::Name("t".into()),
            partition: 3,
            error,
            base_offset: if error == ErrorCode::NONE { 40 } else { -1 },
            log_append_time_ms: -1,
            log_start_offset: -1,
            record_errors: Vec::new(),
            error_message: None,
            current_leader: None,
        };
        let other =
            ProducedPartition { partition: 2, error: ErrorCode::NOT_LEADER_OR_FOLLOWER, ..stored.clone() };
        let partitions = vec![other, stored];
        let response = ProduceResponse { throttle: Duration::ZERO, partitions, endpoints: Vec::new() };
        word(BrokerId::BOOTSTRAP, &batch, &response)
    }

    #[test]
    fn stored_batch_takes_as_many_offsets_as_it_has_records() {
        assert!(matches!(means(ErrorCode::NONE), Word::Settled(Fate::Stored { first: 40, last: 49 })));
    }

    #[test]
    fn content_that_is_refused_is_never_taken_for_stored() {
        for code in [
            ErrorCode::MESSAGE_TOO_LARGE,
            ErrorCode::RECORD_LIST_TOO_LARGE,
            ErrorCode::INVALID_TIMESTAMP,
            ErrorCode::INVALID_RECORD,
            ErrorCode::UNSUPPORTED_COMPRESSION_TYPE,
        ] {
            assert!(matches!(means(code), Word::Settled(Fate::Refused { .. })), "{}", code.name());
        }
    }

    #[test]
    fn answer_that_leaves_open_what_stands_is_doubt() {
        for code in [
            ErrorCode::REQUEST_TIMED_OUT,
            ErrorCode::NOT_LEADER_OR_FOLLOWER,
            ErrorCode::INVALID_PRODUCER_EPOCH,
            ErrorCode::PRODUCER_FENCED,
            ErrorCode::INVALID_TXN_STATE,
            ErrorCode::UNKNOWN_PRODUCER_ID,
            ErrorCode(9_999),
        ] {
            assert!(matches!(means(code), Word::Settled(Fate::Indefinite(_))), "{}", code.name());
        }
        assert!(matches!(means(ErrorCode::TOPIC_AUTHORIZATION_FAILED), Word::Settled(Fate::Denied(_))));
    }

    #[test]
    fn batch_that_was_not_appended_and_may_be_in_a_moment_comes_again() {
        for code in [ErrorCode::CONCURRENT_TRANSACTIONS, ErrorCode::NOT_ENOUGH_REPLICAS] {
            assert!(matches!(means(code), Word::ComeAgain(_)), "{}", code.name());
        }
    }
}
