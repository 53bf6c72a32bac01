//! WriteTxnMarkers: ends a transaction on single partitions, past its coordinator (KIP-98; for repair KIP-664).

use std::time::Duration;

use crate::request::read_topics;
use crate::{ApiKey, Malformed, PartitionResult, Reader, Request, Result, TopicPartitions, Writer};

/// Writes markers. It is the request with which coordinators end transactions on leaders; a client needs CLUSTER_ACTION
/// or ALTER on the cluster. The leader believes every word: whoever sends it must know what was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteTxnMarkers {
    /// The markers.
    pub markers: Vec<TxnMarker>,
}

/// One marker, on partitions that one broker leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TxnMarker {
    /// Producer id of the transaction.
    pub producer_id: i64,
    /// Producer epoch: the leader refuses it where the producer has written with a later one.
    pub producer_epoch: i16,
    /// True: commit, false: abort.
    pub commit: bool,
    /// Where.
    pub topics: Vec<TopicPartitions>,
    /// Epoch of the coordinator: the leader refuses it where a later one has written a marker of this producer.
    pub coordinator_epoch: i32,
}

/// Answer to a [`WriteTxnMarkers`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteTxnMarkersResponse {
    /// Each marker.
    pub markers: Vec<WrittenMarker>,
}

/// What became of one marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenMarker {
    /// Producer id.
    pub producer_id: i64,
    /// Each partition.
    pub partitions: Vec<PartitionResult>,
}

impl Request for WriteTxnMarkers {
    type Response = WriteTxnMarkersResponse;
    const KEY: ApiKey = ApiKey::WriteTxnMarkers;
    const MIN: i16 = 1;
    // Version 2 (KIP-1228) asks for the epoch after the transaction's own, which only its coordinator knows.
    const MAX: i16 = 1;
    const FLEXIBLE: i16 = 1;

    fn encode(&self, w: &mut Writer) -> Result<()> {
        w.array(&self.markers, |w, marker| {
            w.i64(marker.producer_id);
            w.i16(marker.producer_epoch);
            w.bool(marker.commit);
            w.array(&marker.topics, |w, topic| topic.write(w));
            w.i32(marker.coordinator_epoch);
            w.end_struct();
        });
        w.end_struct();
        Ok(())
    }

    fn decode(r: &mut Reader) -> Result<WriteTxnMarkersResponse, Malformed> {
        let markers = r.array(|r| {
            let producer_id = r.i64()?;
            let partitions = read_topics(r, |r, topic| {
                Ok(PartitionResult {
                    topic: std::sync::Arc::clone(topic),
                    partition: r.i32()?,
                    error: r.error_code()?,
                })
            })?;
            r.end_struct()?;
            Ok(WrittenMarker { producer_id, partitions })
        })?;
        r.end_struct()?;
        Ok(WriteTxnMarkersResponse { markers })
    }

    fn throttle(_: &WriteTxnMarkersResponse) -> Duration {
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorCode;
    use crate::requests::cross_check::{self as check, theirs, topic_name};

    #[test]
    fn request_reads_back() {
        for commit in [false, true] {
            let marker = TxnMarker {
                producer_id: 5,
                producer_epoch: 6,
                commit,
                topics: vec![TopicPartitions { topic: "t".to_owned(), partitions: vec![1, 2] }],
                coordinator_epoch: 7,
            };
            check::request(&WriteTxnMarkers { markers: vec![marker] }, |_| {
                use theirs::write_txn_markers_request as d;
                let topic = d::WritableTxnMarkerTopic::default()
                    .with_name(topic_name("t"))
                    .with_partition_indexes(vec![1, 2]);
                let marker = d::WritableTxnMarker::default()
                    .with_producer_id(theirs::ProducerId(5))
                    .with_producer_epoch(6)
                    .with_transaction_result(commit)
                    .with_topics(vec![topic])
                    .with_coordinator_epoch(7);
                theirs::WriteTxnMarkersRequest::default().with_markers(vec![marker])
            });
        }
    }

    #[test]
    fn response_reads() {
        use theirs::write_txn_markers_response as d;
        check::response::<WriteTxnMarkers, _>(
            |_| {
                let partition = d::WritableTxnMarkerPartitionResult::default()
                    .with_partition_index(2)
                    .with_error_code(47);
                let topic = d::WritableTxnMarkerTopicResult::default()
                    .with_name(topic_name("t"))
                    .with_partitions(vec![partition]);
                let marker = d::WritableTxnMarkerResult::default()
                    .with_producer_id(theirs::ProducerId(5))
                    .with_topics(vec![topic]);
                theirs::WriteTxnMarkersResponse::default().with_markers(vec![marker])
            },
            |_| WriteTxnMarkersResponse {
                markers: vec![WrittenMarker {
                    producer_id: 5,
                    partitions: vec![PartitionResult {
                        topic: "t".into(),
                        partition: 2,
                        error: ErrorCode::INVALID_PRODUCER_EPOCH,
                    }],
                }],
            },
        );
    }
}
