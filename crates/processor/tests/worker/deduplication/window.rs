//! The window, to the millisecond.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use velostream_core::{
    BatchId, Chunk, Claim, Codec, DeliveryLevel, LaneIndex, Payload, Progress, SourcePosition, SplitId,
    StreamRecord,
};
use velostream_processor::{ExactlyOnceMetrics, ProcessedRecordTracker};

use super::rig::{Rig, SetClock};
use crate::ends::MemoryReader;

fn at(offset: u64) -> SourcePosition {
    SourcePosition::File { path: "a".into(), offset, line: 0 }
}

/// One record per transaction, each at its time; whether it was delivered.
async fn delivered(records: &[(&'static str, i64)]) -> Vec<bool> {
    let clock = Arc::new(SetClock(AtomicI64::new(1_000_000)));
    let metrics = ExactlyOnceMetrics::new("j", "w", DeliveryLevel::ExactlyOnceTransactional);
    let config = Rig::new().deduplication(Arc::clone(&clock) as _, Duration::from_secs(10));
    let lane = metrics.lane(LaneIndex(0));
    let mut tracker = ProcessedRecordTracker::new(config, Arc::clone(&clock) as _, lane);
    let split = SplitId::new("a");
    let claim = Claim { split: split.clone(), position: at(0), batch: BatchId(0) };
    assert!(tracker.recover(&[claim], &mut MemoryReader::new(0)).await.unwrap().is_empty());
    let mut delivered = Vec::new();
    for (n, (value, ms)) in (0..).zip(records) {
        clock.0.store(1_000_000 + ms, Ordering::Relaxed);
        let record = StreamRecord {
            key: None,
            value: Some(Bytes::from_static(value.as_bytes())),
            headers: Vec::new(),
            timestamp_ms: -1,
            position: at(n),
        };
        let payload = Payload::Records { records: vec![record], codec: Codec::None };
        let chunk =
            Chunk { split: split.clone(), from: at(n), next: at(n + 1), records: 1, bytes: 1, payload };
        delivered.push(tracker.filter(chunk).await.unwrap().records == 1);
        let progress =
            Progress { split: split.clone(), next: at(n + 1), batch: BatchId(n + 1), released: false };
        tracker.remember(&[progress]).await.unwrap();
        tracker.committed();
    }
    delivered
}

#[tokio::test]
async fn record_passes_again_from_the_very_end_of_its_window_on_and_never_before() {
    let seen = delivered(&[
        ("x", 0),
        ("x", 1),
        ("x", 9_999),
        ("x", 10_000),
        ("x", 10_001),
        ("x", 19_999),
        ("x", 20_000),
    ]);
    assert_eq!(seen.await, [true, false, false, true, false, false, true]);
}

#[tokio::test]
async fn window_of_one_record_does_not_depend_on_others_or_on_cleanups_between() {
    let seen = delivered(&[
        ("x", 0),
        ("y", 5_000),
        ("z", 9_000),
        ("x", 9_999),
        ("y", 14_999),
        ("x", 15_000),
        ("y", 15_000),
    ]);
    assert_eq!(seen.await, [true, true, true, false, false, true, true]);
}
