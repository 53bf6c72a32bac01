//! DescribeProducers: who has written to a partition lately, and what is open there (KIP-664, Kafka 2.8).

use std::sync::Arc;
use std::time::Duration;

use crate::request::read_topics;
use crate::{ApiKey, BrokerId, ErrorCode, Malformed, Reader, Request, Result, TopicPartitions, Writer};

/// Asks leaders about the producers of their partitions. Needs READ on the topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribeProducers {
    /// The partitions.
    pub topics: Vec<TopicPartitions>,
}

/// Answer to a [`DescribeProducers`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribeProducersResponse {
    /// Pause asked for.
    pub throttle: Duration,
    /// Each partition.
    pub partitions: Vec<DescribedProducers>,
}

/// One partition of a [`DescribeProducersResponse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedProducers {
    /// Topic.
    pub topic: Arc<str>,
    /// Partition.
    pub partition: i32,
    /// Its error.
    pub error: ErrorCode,
    /// The broker's words.
    pub error_message: Option<String>,
    /// Producers that the leader remembers.
    pub producers: Vec<ProducerState>,
}

impl DescribedProducers {
    /// `Ok` where the partition has no error.
    ///
    /// # Errors
    /// [`Error::Broker`](crate::Error::Broker) that names the partition.
    pub fn check(&self, broker: BrokerId) -> Result<()> {
        let named =
            |e: crate::Error| e.at(&*self.topic, self.partition).saying(self.error_message.as_deref());
        self.error.check(broker, ApiKey::DescribeProducers).map_err(named)
    }
}

/// One producer of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerState {
    /// Producer id.
    pub producer_id: i64,
    /// Epoch of its newest batch or marker; an INT32 on the wire, unlike everywhere else.
    pub producer_epoch: i32,
    /// Sequence of its newest record, -1 for none.
    pub last_sequence: i32,
    /// Timestamp of its newest batch in milliseconds since the Unix epoch, -1 for none.
    pub last_timestamp_ms: i64,
    /// Epoch of the coordinator that wrote its newest marker, -1 for none.
    pub coordinator_epoch: i32,
    /// First offset of its open transaction, -1 for none.
    pub transaction_start: i64,
}

impl Request for DescribeProducers {
    type Response = DescribeProducersResponse;
    const KEY: ApiKey = ApiKey::DescribeProducers;
    const MIN: i16 = 0;
    const MAX: i16 = 0;
    const FLEXIBLE: i16 = 0;

    fn encode(&self, w: &mut Writer) -> Result<()> {
        w.array(&self.topics, |w, topic| topic.write(w));
        w.end_struct();
        Ok(())
    }

    fn decode(r: &mut Reader) -> Result<DescribeProducersResponse, Malformed> {
        let throttle = r.millis()?;
        let partitions = read_topics(r, |r, topic| {
            Ok(DescribedProducers {
                topic: Arc::clone(topic),
                partition: r.i32()?,
                error: r.error_code()?,
                error_message: r.nullable_string()?,
                producers: r.array(read_producer)?,
            })
        })?;
        r.end_struct()?;
        Ok(DescribeProducersResponse { throttle, partitions })
    }

    fn throttle(response: &DescribeProducersResponse) -> Duration {
        response.throttle
    }
}

fn read_producer(r: &mut Reader) -> Result<ProducerState, Malformed> {
    let state = ProducerState {
        producer_id: r.i64()?,
        producer_epoch: r.i32()?,
        last_sequence: r.i32()?,
        last_timestamp_ms: r.i64()?,
        coordinator_epoch: r.i32()?,
        transaction_start: r.i64()?,
    };
    r.end_struct()?;
    Ok(state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::cross_check::{self as check, text, theirs, topic_name};

    #[test]
    fn request_reads_back() {
        let topics = vec![TopicPartitions { topic: "t".to_owned(), partitions: vec![1, 2] }];
        check::request(&DescribeProducers { topics }, |_| {
            let topic = theirs::describe_producers_request::TopicRequest::default()
                .with_name(topic_name("t"))
                .with_partition_indexes(vec![1, 2]);
            theirs::DescribeProducersRequest::default().with_topics(vec![topic])
        });
    }

    #[test]
    fn response_reads() {
        use theirs::describe_producers_response as d;
        check::response::<DescribeProducers, _>(
            |_| {
                let producer = d::ProducerState::default()
                    .with_producer_id(theirs::ProducerId(5))
                    .with_producer_epoch(6)
                    .with_last_sequence(7)
                    .with_last_timestamp(8)
                    .with_coordinator_epoch(9)
                    .with_current_txn_start_offset(10);
                let partition = d::PartitionResponse::default()
                    .with_partition_index(2)
                    .with_error_code(6)
                    .with_error_message(Some(text("m")))
                    .with_active_producers(vec![producer]);
                let topic =
                    d::TopicResponse::default().with_name(topic_name("t")).with_partitions(vec![partition]);
                theirs::DescribeProducersResponse::default().with_throttle_time_ms(3).with_topics(vec![topic])
            },
            |_| DescribeProducersResponse {
                throttle: Duration::from_millis(3),
                partitions: vec![DescribedProducers {
                    topic: "t".into(),
                    partition: 2,
                    error: ErrorCode::NOT_LEADER_OR_FOLLOWER,
                    error_message: Some("m".to_owned()),
                    producers: vec![ProducerState {
                        producer_id: 5,
                        producer_epoch: 6,
                        last_sequence: 7,
                        last_timestamp_ms: 8,
                        coordinator_epoch: 9,
                        transaction_start: 10,
                    }],
                }],
            },
        );
    }
}
