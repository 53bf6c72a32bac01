//! A minimal driver: the calls of the real one, one transaction per chunk.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use velostream_connector_file::{FileLane, FileSource, LocalMembership, SinkConfig, SourceConfig, Start};
use velostream_core::{
    Assignment, JobName, Membership, Progress, Read, Result, SinkLane, SourcePosition, SplitId, SplitReader,
};

use crate::clock::ManualClock;

pub(crate) fn sink(dir: &Path) -> FileLane {
    let config = SinkConfig::new(JobName::new("job"), dir.join("o.ndjson"));
    FileLane::new(config, Start::of_files()).unwrap()
}

/// `in/*.ndjson`, in chunks of a few lines.
pub(crate) fn source(dir: &Path, max_chunk_records: usize) -> FileSource {
    let mut config = SourceConfig::new(format!("{}/*.ndjson", dir.display()));
    config.max_chunk_records = max_chunk_records;
    FileSource::new(config, Arc::new(ManualClock::default())).unwrap()
}

pub(crate) async fn assignment(source: &FileSource) -> Arc<Assignment> {
    LocalMembership::of(source).await.unwrap().current()
}

/// Copies every file to its end.
pub(crate) async fn copy(source: &FileSource, lane: &mut FileLane) -> Result<()> {
    let assignment = assignment(source).await;
    let mut reader = source.reader();
    let claims = lane.claim(&assignment, &assignment.splits).await?;
    let positions: Vec<(SplitId, SourcePosition)> =
        claims.iter().map(|claim| (claim.split.clone(), claim.position.clone())).collect();
    let mut batches: BTreeMap<_, _> = claims.into_iter().map(|c| (c.split, c.batch)).collect();
    reader.assign(&positions).await?;
    let mut ended = 0;
    while ended < positions.len() {
        let chunk = match reader.next(Duration::ZERO).await? {
            Read::Chunk(chunk) => chunk,
            Read::End(_) => {
                ended += 1;
                continue;
            }
            other => panic!("{other:?}"),
        };
        let batch = batches.get_mut(&chunk.split).unwrap();
        *batch = batch.next();
        let progress =
            Progress { split: chunk.split.clone(), next: chunk.next.clone(), batch: *batch, released: false };
        lane.begin(&assignment).await?;
        lane.write(chunk).await?;
        lane.commit(&[progress]).await?;
    }
    Ok(())
}
