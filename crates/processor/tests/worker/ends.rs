//! A source of numbers, a transactional sink in memory, and a membership that a test moves by hand.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::watch;
use velostream_core::{
    Assignment, AssignmentVersion, BatchId, Chunk, Claim, Code, Codec, Disposition, Encoding, Error,
    LaneIndex, Membership, Payload, Phase, Progress, Read, Result, SinkLane, SourcePosition, SplitId,
    SplitReader, Standing, StreamRecord, Token,
};

/// Numbers `0..count` as the values that a complete sink holds.
pub(crate) fn records(count: u64) -> Vec<u64> {
    (0..count).collect()
}

fn position(split: &SplitId, offset: u64) -> SourcePosition {
    SourcePosition::File { path: split.as_str().into(), offset, line: 0 }
}

fn offset(position: &SourcePosition) -> u64 {
    let SourcePosition::File { offset, .. } = position else { panic!("a position of this test") };
    *offset
}

/// Reads numbers, three to a chunk.
pub(crate) struct MemoryReader {
    count: u64,
    /// Value of a record by its number.
    value: fn(u64) -> u64,
    /// Its time.
    time: fn(u64) -> i64,
    at: BTreeMap<SplitId, (u64, bool)>,
}

impl MemoryReader {
    pub(crate) fn new(count: u64) -> Self {
        Self::valued(count, |n| n)
    }

    pub(crate) fn valued(count: u64, value: fn(u64) -> u64) -> Self {
        Self { count, value, time: |_| -1, at: BTreeMap::new() }
    }

    pub(crate) fn timed(self, time: fn(u64) -> i64) -> Self {
        Self { time, ..self }
    }
}

#[async_trait]
impl SplitReader for MemoryReader {
    async fn assign(&mut self, splits: &[(SplitId, SourcePosition)]) -> Result<()> {
        self.at.extend(splits.iter().map(|(split, p)| (split.clone(), (offset(p), false))));
        Ok(())
    }

    async fn revoke(&mut self, splits: &[SplitId]) -> Result<()> {
        self.at.retain(|split, _| !splits.contains(split));
        Ok(())
    }

    async fn beginning(&mut self, split: &SplitId, _: &SourcePosition) -> Result<SourcePosition> {
        Ok(position(split, 0))
    }

    async fn next(&mut self, wait: Duration) -> Result<Read> {
        // The split that is furthest behind, so that all move.
        let Some((split, (from, ended))) =
            self.at.iter_mut().filter(|(_, (_, ended))| !*ended).min_by_key(|(_, (from, _))| *from)
        else {
            tokio::time::timeout(wait, std::future::pending::<()>()).await.ok();
            return Ok(Read::Idle);
        };
        if *from == self.count {
            *ended = true;
            return Ok(Read::End(split.clone()));
        }
        let next = (*from + 3).min(self.count);
        let records = (*from..next)
            .map(|n| StreamRecord {
                key: None,
                value: Some(Bytes::from((self.value)(n).to_string())),
                headers: Vec::new(),
                timestamp_ms: (self.time)(n),
                position: position(split, n),
            })
            .collect();
        let chunk = Chunk {
            split: split.clone(),
            from: position(split, *from),
            next: position(split, next),
            records: next - *from,
            bytes: 24,
            payload: Payload::Records { records, codec: Codec::None },
        };
        *from = next;
        Ok(Read::Chunk(chunk))
    }
}

/// A call that fails, counted from 0 over all lanes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) at: usize,
    pub(crate) disposition: Disposition,
    /// The call takes effect all the same.
    pub(crate) applied: bool,
}

#[derive(Debug, Default)]
struct Log {
    faults: Vec<Fault>,
    calls: usize,
    values: BTreeMap<SplitId, Vec<u64>>,
    progress: BTreeMap<SplitId, (u64, BatchId)>,
    /// Lanes that have claimed each split.
    claimed: BTreeMap<SplitId, BTreeSet<usize>>,
    /// A transaction is on its way to the sink.
    preparing: bool,
}

/// What is committed, shared by all lanes.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemorySink(Arc<Mutex<Log>>);

impl MemorySink {
    pub(crate) fn new(faults: &[Fault]) -> Self {
        Self(Arc::new(Mutex::new(Log { faults: faults.to_vec(), ..Log::default() })))
    }

    /// A lane; workers number theirs from 0.
    pub(crate) fn lane(&self, number: usize) -> MemoryLane {
        MemoryLane { sink: self.clone(), number, open: None }
    }

    /// Lanes that have ever claimed a split.
    pub(crate) fn lanes_of(&self, split: &str) -> Vec<usize> {
        let log = self.0.lock().unwrap();
        log.claimed.get(&SplitId::new(split)).into_iter().flatten().copied().collect()
    }

    pub(crate) fn calls(&self) -> usize {
        self.0.lock().unwrap().calls
    }

    pub(crate) fn is_preparing(&self) -> bool {
        self.0.lock().unwrap().preparing
    }

    fn preparing(&self, preparing: bool) {
        self.0.lock().unwrap().preparing = preparing;
    }

    pub(crate) fn committed(&self, split: &str) -> Vec<u64> {
        self.0.lock().unwrap().values.get(&SplitId::new(split)).cloned().unwrap_or_default()
    }

    /// Counts a call and does `effect` unless the call fails without effect.
    fn call<T>(&self, effect: impl FnOnce(&mut Log) -> T) -> Result<T> {
        let mut log = self.0.lock().unwrap();
        let at = log.calls;
        log.calls += 1;
        let fault = log.faults.iter().find(|f| f.at == at).copied();
        let Some(fault) = fault else { return Ok(effect(&mut log)) };
        if fault.applied {
            effect(&mut log);
        }
        Err(Error::new(Code::KafkaTimeout, fault.disposition, format!("call {at} fails")))
    }
}

/// A transactional writer. `open` is `Some` inside a transaction.
pub(crate) struct MemoryLane {
    sink: MemorySink,
    number: usize,
    open: Option<Vec<Chunk>>,
}

#[async_trait]
impl SinkLane for MemoryLane {
    fn accepts(&self, _: Encoding) -> bool {
        false
    }

    async fn claim(&mut self, _: &Arc<Assignment>, splits: &[SplitId]) -> Result<Vec<Claim>> {
        assert!(self.open.is_none(), "a claim inside a transaction");
        let number = self.number;
        self.sink.call(|log| {
            for split in splits {
                log.claimed.entry(split.clone()).or_default().insert(number);
            }
            splits
                .iter()
                .map(|split| {
                    let (at, batch) = log.progress.get(split).copied().unwrap_or_default();
                    Claim { split: split.clone(), position: position(split, at), batch }
                })
                .collect()
        })
    }

    async fn begin(&mut self, _: &Arc<Assignment>) -> Result<()> {
        assert!(self.open.is_none(), "a transaction inside a transaction");
        self.sink.call(|_| ())?;
        self.open = Some(Vec::new());
        Ok(())
    }

    async fn write(&mut self, chunk: Chunk) -> Result<()> {
        let open = self.open.as_mut().expect("a transaction is open");
        let written = self.sink.call(|_| open.push(chunk));
        if written.is_err() {
            self.open = None;
        }
        written
    }

    async fn prepare(&mut self, _: &[Progress]) -> Result<()> {
        assert!(self.open.is_some(), "a transaction is open");
        self.sink.preparing(true);
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
        self.sink.preparing(false);
        let prepared = self.sink.call(|_| ());
        if prepared.is_err() {
            self.open = None;
        }
        prepared
    }

    async fn commit(&mut self, progress: &[Progress]) -> Result<()> {
        let chunks = self.open.take().expect("a transaction is open");
        self.sink.call(|log| {
            for chunk in chunks {
                let Payload::Records { records, .. } = chunk.payload else { panic!("decoded") };
                let values = records.iter().map(|r| {
                    String::from_utf8(r.value.clone().unwrap_or_default().to_vec())
                        .unwrap()
                        .parse::<u64>()
                        .unwrap()
                });
                log.values.entry(chunk.split).or_default().extend(values);
            }
            for p in progress {
                let before = log.progress.get(&p.split).map_or(BatchId(0), |(_, batch)| *batch);
                assert_eq!(p.batch, before.next(), "deliveries are numbered without a gap");
                log.progress.insert(p.split.clone(), (offset(&p.next), p.batch));
            }
        })
    }

    async fn abort(&mut self) -> Result<()> {
        self.open = None;
        self.sink.call(|_| ())
    }

    async fn reset(&mut self) -> Result<()> {
        self.open = None;
        self.sink.call(|_| ())
    }
}

#[derive(Debug)]
struct Nothing;

impl Token for Nothing {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A membership that a test moves by hand.
#[derive(Debug)]
pub(crate) struct MemoryMembership {
    published: watch::Sender<Arc<Assignment>>,
    left: watch::Sender<bool>,
    /// Splits of the job, the sink that they go to, and how many records each has.
    job: Mutex<Option<(Vec<SplitId>, MemorySink, u64)>>,
    /// How often the standing of the job was asked for.
    asked: watch::Sender<u32>,
}

impl MemoryMembership {
    pub(crate) fn owning(splits: &[&str]) -> Arc<Self> {
        let nothing = Assignment {
            version: AssignmentVersion(0),
            phase: Phase::Lost,
            splits: Vec::new(),
            token: Arc::new(Nothing),
        };
        let this = Self {
            published: watch::Sender::new(Arc::new(nothing)),
            left: watch::Sender::new(false),
            job: Mutex::new(None),
            asked: watch::Sender::new(0),
        };
        this.own(splits);
        Arc::new(this)
    }

    pub(crate) fn own(&self, splits: &[&str]) {
        self.publish(Phase::Owned, splits.iter().map(|s| SplitId::new(*s)).collect());
    }

    /// The job has these splits, whoever owns them.
    pub(crate) fn of_job(&self, splits: &[&str], sink: &MemorySink, count: u64) {
        let splits = splits.iter().map(|s| SplitId::new(*s)).collect();
        *self.job.lock().unwrap() = Some((splits, sink.clone(), count));
    }

    /// Returns once the standing of the job was asked for so often.
    pub(crate) async fn asked(&self, times: u32) {
        self.asked.subscribe().wait_for(|asked| *asked >= times).await.unwrap();
    }

    pub(crate) fn lose(&self) {
        self.publish(Phase::Lost, Vec::new());
    }

    pub(crate) fn has_left(&self) -> bool {
        *self.left.borrow()
    }

    fn publish(&self, phase: Phase, splits: Vec<SplitId>) {
        self.published.send_modify(|a| {
            *a = Arc::new(Assignment { version: a.version.next(), phase, splits, token: Arc::new(Nothing) });
        });
    }
}

#[async_trait]
impl Membership for MemoryMembership {
    fn current(&self) -> Arc<Assignment> {
        Arc::clone(&self.published.borrow())
    }

    async fn changed(&self, seen: AssignmentVersion) -> Result<Arc<Assignment>> {
        let mut published = self.published.subscribe();
        let newer = published.wait_for(|a| a.version > seen).await.expect("the sender lives as long as this");
        Ok(Arc::clone(&newer))
    }

    fn acknowledge(&self, _: LaneIndex, _: AssignmentVersion) {}

    async fn standings(&self) -> Result<Vec<Standing>> {
        let asked = *self.asked.borrow();
        self.asked.send_replace(asked + 1);
        let job = self.job.lock().unwrap();
        let Some((splits, sink, count)) = job.as_ref() else { return Ok(Vec::new()) };
        if asked == 0 {
            return Err(Error::new(
                Code::KafkaTimeout,
                Disposition::Retry,
                "the first question gets no answer",
            ));
        }
        let committed = |split: &SplitId| sink.0.lock().unwrap().progress.get(split).map_or(0, |(at, _)| *at);
        let standing = |split: &SplitId| Standing {
            split: split.clone(),
            position: Some(position(split, committed(split))),
            end: position(split, *count),
        };
        Ok(splits.iter().map(standing).collect())
    }

    async fn leave(&self) -> Result<()> {
        self.left.send_replace(true);
        Ok(())
    }
}
