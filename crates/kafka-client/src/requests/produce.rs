//! Produce: record batches to leaders, not copied on their way to the socket.

use std::time::Duration;

use velostream_core::TopicId;

use crate::request::read_endpoints;
use crate::{
    ApiKey, Broker, BrokerId, Error, ErrorCode, LeaderHint, Malformed, Reader, Request, Result, Segments,
    TopicRef, Writer,
};

/// Appends record batches.
///
/// Versions and transactions (KIP-890): from version 12 on a transactional Produce adds its partitions to the
/// transaction by itself, which is right only where [`transaction_version`](crate::Features::transaction_version)
/// is 2 or more. Up to [`MAX_V1`](Self::MAX_V1) an AddPartitionsToTxn has to come first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Produce {
    /// The transaction's id; `None` outside of transactions.
    pub transactional_id: Option<String>,
    /// -1: all in-sync replicas, 1: the leader. 0 is refused because it has no reply.
    pub acks: i16,
    /// How long the leader waits for its replicas.
    pub timeout: Duration,
    /// What to append.
    pub topics: Vec<ProduceTopic>,
    /// Highest version to use: [`MAX_V1`](Self::MAX_V1) or [`MAX`](Request::MAX).
    pub max_version: i16,
}

impl Produce {
    /// Highest version that leaves it to AddPartitionsToTxn to add partitions.
    pub const MAX_V1: i16 = 11;
    /// Lowest version that adds partitions by itself.
    pub const MIN_V2: i16 = 12;
}

/// One topic of a [`Produce`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProduceTopic {
    /// Name, sent up to version 12.
    pub topic: String,
    /// Id, sent from version 13 on; zero keeps the request at version 12.
    pub topic_id: TopicId,
    /// Its partitions.
    pub partitions: Vec<ProducePartition>,
}

/// One partition of a [`Produce`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducePartition {
    /// Number.
    pub partition: i32,
    /// One record batch of magic 2.
    pub records: Segments,
}

/// Answer to a [`Produce`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProduceResponse {
    /// Pause asked for.
    pub throttle: Duration,
    /// Every partition of the request.
    pub partitions: Vec<ProducedPartition>,
    /// Addresses of leaders named in `current_leader` (version 10).
    pub endpoints: Vec<Broker>,
}

/// One partition of a [`ProduceResponse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducedPartition {
    /// Topic: by id from version 13 on.
    pub topic: TopicRef,
    /// Number.
    pub partition: i32,
    /// Its error.
    pub error: ErrorCode,
    /// Offset of the first record appended; -1 where unknown (also for a batch that was appended before).
    pub base_offset: i64,
    /// The broker's time in milliseconds since the Unix epoch where the topic uses LogAppendTime, else -1.
    pub log_append_time_ms: i64,
    /// First offset of the log, -1 where unknown.
    pub log_start_offset: i64,
    /// Records that made the broker refuse the batch (KIP-467).
    pub record_errors: Vec<RecordError>,
    /// The broker's words.
    pub error_message: Option<String>,
    /// The leader, where the one asked is not it.
    pub current_leader: Option<LeaderHint>,
}

impl ProducedPartition {
    /// `Ok` where the partition has no error.
    ///
    /// # Errors
    /// [`Error::Broker`] that names topic and partition and has the broker's words.
    pub fn check(&self, broker: BrokerId, topic: &str) -> Result<()> {
        let named = |e: Error| e.at(topic, self.partition).saying(self.error_message.as_deref());
        self.error.check(broker, ApiKey::Produce).map_err(named)
    }
}

/// A record that made the broker refuse its batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordError {
    /// Index in the batch.
    pub batch_index: i32,
    /// The broker's words.
    pub message: Option<String>,
}

impl Request for Produce {
    type Response = ProduceResponse;
    const KEY: ApiKey = ApiKey::Produce;
    const MIN: i16 = 3;
    const MAX: i16 = 13;
    const FLEXIBLE: i16 = 9;

    fn max_version(&self) -> i16 {
        let named = self.topics.iter().any(|topic| topic.topic_id.is_zero());
        self.max_version.min(if named { 12 } else { Self::MAX })
    }

    fn encode(&self, w: &mut Writer) -> Result<()> {
        if self.acks == 0 {
            return Err(Error::Encode { api: Self::KEY, what: "acks 0 has no reply" });
        }
        let version = w.version();
        w.nullable_string(self.transactional_id.as_deref());
        w.i16(self.acks);
        w.millis(self.timeout);
        w.array(&self.topics, |w, topic| {
            if version >= 13 {
                w.topic_id(topic.topic_id);
            } else {
                w.string(&topic.topic);
            }
            w.array(&topic.partitions, |w, p| {
                w.i32(p.partition);
                w.records(&p.records);
                w.end_struct();
            });
            w.end_struct();
        });
        w.end_struct();
        Ok(())
    }

    fn decode(r: &mut Reader) -> Result<ProduceResponse, Malformed> {
        let mut partitions = Vec::new();
        r.array(|r| {
            let topic = TopicRef::read(r, 13)?;
            r.array(|r| {
                partitions.push(read_partition(r, &topic)?);
                Ok(())
            })?;
            r.end_struct()
        })?;
        let throttle = r.millis()?;
        let mut endpoints = Vec::new();
        r.tags(|tag, r| {
            if tag == 0 {
                endpoints = read_endpoints(r)?;
            }
            Ok(())
        })?;
        Ok(ProduceResponse { throttle, partitions, endpoints })
    }

    fn throttle(response: &ProduceResponse) -> Duration {
        response.throttle
    }
}

fn read_partition(r: &mut Reader, topic: &TopicRef) -> Result<ProducedPartition, Malformed> {
    let version = r.version();
    let mut found = ProducedPartition {
        topic: topic.clone(),
        partition: r.i32()?,
        error: r.error_code()?,
        base_offset: r.i64()?,
        log_append_time_ms: r.i64()?,
        log_start_offset: if version >= 5 { r.i64()? } else { -1 },
        record_errors: if version >= 8 { r.array(read_record_error)? } else { Vec::new() },
        error_message: if version >= 8 { r.nullable_string()? } else { None },
        current_leader: None,
    };
    r.tags(|tag, r| {
        if tag == 0 {
            found.current_leader = Some(LeaderHint::read(r)?);
        }
        Ok(())
    })?;
    Ok(found)
}

fn read_record_error(r: &mut Reader) -> Result<RecordError, Malformed> {
    let error = RecordError { batch_index: r.i32()?, message: r.nullable_string()? };
    r.end_struct()?;
    Ok(error)
}

#[cfg(test)]
mod tests {
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
                    data.current_leader = p::LeaderIdAndEpoch::default()
                        .with_leader_id(theirs::BrokerId(2))
                        .with_leader_epoch(9);
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
                        topic: if v >= 13 {
                            TopicRef::Id(TopicId([7; 16]))
                        } else {
                            TopicRef::Name("t".into())
                        },
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
}
