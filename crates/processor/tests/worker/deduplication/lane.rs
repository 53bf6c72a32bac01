//! One lane that a test drives by hand, and what a window by event time means, written down plainly.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use velostream_core::{
    BatchId, Chunk, Claim, Codec, DeliveryLevel, LaneIndex, Payload, Progress, SourcePosition, SplitId,
    StreamRecord,
};
use velostream_processor::{DeduplicationTime, ExactlyOnceMetrics, ProcessedRecordTracker};

use super::rig::{Rig, SetClock};
use crate::ends::MemoryReader;

/// Length of the window in milliseconds.
pub(super) const WINDOW: i64 = 100;

/// A value and its time.
pub(super) type Timed = (u64, i64);

/// What event time means, as plainly as it can be said.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    delivered: Vec<Timed>,
    latest: Option<i64>,
}

impl Model {
    /// Whether a record is delivered.
    pub(super) fn passes(&mut self, (value, at): Timed, window: i64) -> bool {
        let expired = self.latest.map_or(i64::MIN, |latest| latest - window);
        let tracked = self.delivered.iter().filter(|(_, other)| *other > expired);
        if tracked.clone().any(|(v, other)| *v == value && (at - other).abs() < window) {
            return false;
        }
        self.delivered.push((value, at));
        self.latest = self.latest.max(Some(at));
        true
    }
}

fn at(offset: usize) -> SourcePosition {
    SourcePosition::File { path: "a".into(), offset: u64::try_from(offset).unwrap(), line: 0 }
}

fn split() -> SplitId {
    SplitId::new("a")
}

/// Records of a source from a place on, and their places.
fn chunk(source: &[Timed], from: usize, next: usize) -> Chunk {
    let record = |n: usize| StreamRecord {
        key: None,
        value: Some(Bytes::from(source[n].0.to_string())),
        headers: Vec::new(),
        timestamp_ms: source[n].1,
        position: at(n),
    };
    let records: Vec<StreamRecord> = (from..next).map(record).collect();
    Chunk {
        split: split(),
        from: at(from),
        next: at(next),
        records: u64::try_from(records.len()).unwrap(),
        bytes: 1,
        payload: Payload::Records { records, codec: Codec::None },
    }
}

/// One lane that a test drives by hand: what the source holds, how much of it the sink has committed.
pub(super) struct Lane {
    pub(super) rig: Rig,
    clock: Arc<SetClock>,
    pub(super) metrics: ExactlyOnceMetrics,
    tracker: ProcessedRecordTracker,
    pub(super) source: Vec<Timed>,
    pub(super) committed: usize,
}

impl Lane {
    pub(super) async fn new(rig: Rig) -> Self {
        let clock = Arc::new(SetClock(AtomicI64::new(1_000_000)));
        let metrics = ExactlyOnceMetrics::new("j", "w", DeliveryLevel::ExactlyOnceTransactional);
        let tracker = tracker(&rig, &clock, &metrics);
        let mut lane = Self { rig, clock, metrics, tracker, source: Vec::new(), committed: 0 };
        lane.recover().await;
        lane
    }

    /// Reads a record; whether it is delivered.
    pub(super) async fn read(&mut self, record: Timed) -> bool {
        self.source.push(record);
        let next = self.source.len();
        self.tracker.filter(chunk(&self.source, next - 1, next)).await.unwrap().records == 1
    }

    fn progress(&self) -> [Progress; 1] {
        let next = at(self.source.len());
        [Progress { split: split(), next, batch: BatchId(0), released: false }]
    }

    pub(super) async fn remember(&mut self) {
        // So late that old ids are removed at each commit.
        self.clock.0.fetch_add(10_000, Ordering::Relaxed);
        self.tracker.remember(&self.progress()).await.unwrap();
    }

    pub(super) async fn commit(&mut self) {
        self.remember().await;
        self.tracker.committed();
        self.committed = self.source.len();
    }

    /// A process that knows nothing but what the store and the sink hold.
    pub(super) async fn start_again(&mut self) {
        self.tracker = tracker(&self.rig, &self.clock, &self.metrics);
        self.recover().await;
    }

    async fn recover(&mut self) {
        let batch = BatchId(u64::from(self.committed > 0));
        let claim = Claim { split: split(), position: at(self.committed), batch };
        let missing = self.tracker.recover(&[claim], &mut MemoryReader::new(0)).await.unwrap();
        let Some(stretch) = missing.get(&split()) else { return };
        let SourcePosition::File { offset, .. } = &stretch.from else { panic!("a position of this test") };
        let mut from = usize::try_from(*offset).unwrap();
        while from < self.committed {
            // The last chunk reaches behind what is missing, where the source goes on.
            let read = (from + 3).min(self.source.len());
            let next = read.min(self.committed);
            let chunk = chunk(&self.source, from, read);
            self.tracker.restore(Some(chunk), &split(), &at(next)).await.unwrap();
            from = next;
        }
    }
}

fn tracker(rig: &Rig, clock: &Arc<SetClock>, metrics: &ExactlyOnceMetrics) -> ProcessedRecordTracker {
    let window = Duration::from_millis(WINDOW.unsigned_abs());
    let config = rig.deduplication(Arc::clone(clock) as _, window);
    ProcessedRecordTracker::new(config, Arc::clone(clock) as _, metrics.lane(LaneIndex(0)))
}

pub(super) fn by_event_time() -> Rig {
    let mut rig = Rig::new();
    rig.time = DeduplicationTime::Event;
    rig
}
