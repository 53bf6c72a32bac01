//! The sink through core's trait.

use std::fs;
use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use bytes::Bytes;
use velostream_connector_file::{CommittedReader, FileLane, LocalToken};
use velostream_core::{
    Assignment, AssignmentVersion, BatchId, Chunk, Code, Codec, Disposition, Encoded, Encoding, Epoch,
    Payload, Phase, Progress, Read, Result, SinkLane, SourcePosition, SplitId, SplitReader, StreamRecord,
};

use crate::job;

const SPLIT: &str = "file:in";

fn assigned(phase: Phase) -> Arc<Assignment> {
    let splits = vec![SplitId::new(SPLIT)];
    Arc::new(Assignment { version: AssignmentVersion(1), phase, splits, token: Arc::new(LocalToken) })
}

fn at(line: u64) -> SourcePosition {
    SourcePosition::File { path: "in".into(), offset: line * 2, line }
}

fn record(line: u64, value: Option<&'static str>) -> StreamRecord {
    let value = value.map(|v| Bytes::from_static(v.as_bytes()));
    StreamRecord { key: None, value, headers: Vec::new(), timestamp_ms: -1, position: at(line) }
}

fn chunk(from: u64, next: u64, payload: Payload) -> Chunk {
    let (from, next, records) = (at(from), at(next), next - from);
    Chunk { split: SplitId::new(SPLIT), from, next, records, bytes: 0, payload }
}

fn one(line: u64, value: Option<&'static str>) -> Chunk {
    let records = vec![record(line, value)];
    chunk(line, line + 1, Payload::Records { records, codec: Codec::None })
}

fn progress(next: u64, batch: u64) -> [Progress; 1] {
    [Progress { split: SplitId::new(SPLIT), next: at(next), batch: BatchId(batch), released: false }]
}

async fn claim(lane: &mut FileLane) -> (SourcePosition, BatchId) {
    let assignment = assigned(Phase::Owned);
    let claim = lane.claim(&assignment, &assignment.splits).await.unwrap().remove(0);
    (claim.position, claim.batch)
}

async fn put(lane: &mut FileLane, line: u64, value: &'static str) {
    lane.begin(&assigned(Phase::Owned)).await.unwrap();
    lane.write(one(line, Some(value))).await.unwrap();
    lane.commit(&progress(line + 1, line + 1)).await.unwrap();
}

fn committed(dir: &Path) -> String {
    std::io::read_to_string(CommittedReader::open(dir).unwrap()).unwrap()
}

#[tokio::test]
async fn files_are_copied_line_by_line_and_a_second_run_adds_only_what_is_new() {
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("in"), dir.path().join("out/deep"));
    fs::create_dir(&input).unwrap();
    fs::write(input.join("a.ndjson"), "a1\n\na3\r\n").unwrap();
    fs::write(input.join("b.ndjson"), "b1\nb2").unwrap();
    for more in ["", "c1\n"] {
        if !more.is_empty() {
            fs::write(input.join("c.ndjson"), more).unwrap();
        }
        let mut lane = job::sink(&output);
        job::copy(&job::source(&input, 2), &mut lane).await.unwrap();
        lane.close().await.unwrap();
        assert_eq!(committed(&output), format!("a1\n\na3\r\nb1\nb2\n{more}"));
    }
    assert_eq!(fs::read_to_string(output.join("o.0000000002.ndjson")).unwrap(), "c1\n");
    let manifest = CommittedReader::open(&output).unwrap().manifest().clone();
    assert_eq!((manifest.epoch, manifest.splits.len()), (Epoch(2), 3));
}

#[tokio::test]
async fn reset_rolls_back_and_the_next_claim_goes_on_under_a_new_epoch() {
    let dir = tempfile::tempdir().unwrap();
    let mut lane = job::sink(dir.path());
    assert_eq!(claim(&mut lane).await, (at(0), BatchId(0)));
    put(&mut lane, 0, "a").await;
    lane.begin(&assigned(Phase::Owned)).await.unwrap();
    lane.write(one(1, Some("lost"))).await.unwrap();
    lane.reset().await.unwrap();
    assert_eq!(lane.epoch(), None);
    let refused = lane.begin(&assigned(Phase::Owned)).await.unwrap_err();
    assert_eq!(refused.disposition(), Disposition::Reconcile);
    assert_eq!(claim(&mut lane).await, (at(1), BatchId(1)));
    assert_eq!(lane.epoch(), Some(Epoch(2)));
    put(&mut lane, 1, "b").await;
    assert_eq!(committed(dir.path()), "a\nb\n");
}

#[tokio::test]
async fn dropped_commit_leaves_the_lane_in_doubt_and_the_claim_after_a_reset_says_what_stands() {
    let dir = tempfile::tempdir().unwrap();
    let mut lane = job::sink(dir.path());
    claim(&mut lane).await;
    lane.begin(&assigned(Phase::Owned)).await.unwrap();
    lane.write(one(0, Some("a"))).await.unwrap();
    {
        let progress = progress(1, 1);
        let commit = pin!(lane.commit(&progress));
        // Handed to a blocking thread by the first poll; never polled again.
        assert!(commit.poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!(lane.abort().await.unwrap_err().disposition(), Disposition::Reconcile);
    lane.reset().await.unwrap();
    assert_eq!(claim(&mut lane).await, (at(1), BatchId(1)));
    assert_eq!(committed(dir.path()), "a\n");
}

#[tokio::test]
async fn refused_record_names_its_place_and_an_abort_heals() {
    let dir = tempfile::tempdir().unwrap();
    let mut lane = job::sink(dir.path());
    claim(&mut lane).await;
    for value in [None, Some("two\nlines")] {
        lane.begin(&assigned(Phase::Owned)).await.unwrap();
        let refused = lane.write(one(0, value)).await.unwrap_err();
        assert_eq!((refused.code(), refused.disposition()), (Code::RecordRefused, Disposition::Reject));
        assert!(refused.to_string().contains("in@0 (line 0)"), "{refused}");
        lane.abort().await.unwrap();
    }
    put(&mut lane, 0, "a").await;
    assert_eq!(committed(dir.path()), "a\n");
}

#[tokio::test]
async fn second_lane_on_a_directory_is_refused_with_its_code_until_the_first_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let (mut first, mut second) = (job::sink(dir.path()), job::sink(dir.path()));
    claim(&mut first).await;
    let assignment = assigned(Phase::Owned);
    let refused = second.claim(&assignment, &assignment.splits).await.unwrap_err();
    assert_eq!((refused.code(), refused.disposition()), (Code::FileLocked, Disposition::Reject));
    assert!(refused.to_string().contains(&format!("process {}", std::process::id())), "{refused}");
    drop(first);
    claim(&mut second).await;
}

#[tokio::test]
async fn lost_assignment_is_fenced() {
    let dir = tempfile::tempdir().unwrap();
    let mut lane = job::sink(dir.path());
    let lost = assigned(Phase::Lost);
    assert_eq!(lane.claim(&lost, &lost.splits).await.unwrap_err().disposition(), Disposition::Fenced);
    claim(&mut lane).await;
    assert_eq!(lane.begin(&lost).await.unwrap_err().disposition(), Disposition::Fenced);
}

#[derive(Debug)]
struct Fixed(Bytes);

impl Encoded for Fixed {
    fn encoding(&self) -> Encoding {
        Encoding::KafkaBatchV2
    }

    fn codec(&self) -> Codec {
        Codec::None
    }

    fn bytes(&self) -> &Bytes {
        &self.0
    }

    fn decode(&self, _from: &SourcePosition, _max_bytes: usize) -> Result<Vec<StreamRecord>> {
        Ok(vec![record(0, Some("x")), record(1, Some("y"))])
    }
}

#[tokio::test]
async fn encoded_chunk_is_not_accepted_but_decoded_where_it_comes_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let mut lane = job::sink(dir.path());
    assert!(!lane.accepts(Encoding::KafkaBatchV2));
    claim(&mut lane).await;
    lane.begin(&assigned(Phase::Owned)).await.unwrap();
    lane.write(chunk(0, 2, Payload::Encoded(Arc::new(Fixed(Bytes::new()))))).await.unwrap();
    lane.commit(&progress(2, 1)).await.unwrap();
    assert_eq!(committed(dir.path()), "x\ny\n");
}

#[tokio::test]
async fn output_of_one_job_is_input_of_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let mut lane = job::sink(dir.path());
    claim(&mut lane).await;
    put(&mut lane, 0, "a").await;
    lane.close().await.unwrap();
    let source = job::source(dir.path(), 10);
    let assignment = job::assignment(&source).await;
    let mut reader = source.reader();
    let start = velostream_connector_file::start_of(&assignment.splits[0]).unwrap();
    reader.assign(&[(assignment.splits[0].clone(), start)]).await.unwrap();
    assert!(matches!(reader.next(Duration::ZERO).await.unwrap(), Read::Chunk(chunk) if chunk.records == 1));
}
