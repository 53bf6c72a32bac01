//! Jobs without Kafka on either side.

use std::sync::Arc;

use velostream_connector_file::{FileLane, FileSource, LocalMembership, Start};
use velostream_core::{Clock, Result};
use velostream_processor::LaneParts;

use super::{Ends, RunOptions};
use crate::config::{FileSink as SinkOf, FileSource as SourceOf, JobFile};
use crate::settings;

pub(super) async fn to_file(
    job: &JobFile,
    source: &SourceOf,
    sink: &SinkOf,
    options: &RunOptions,
    clock: &Arc<dyn Clock>,
) -> Result<Ends> {
    let source = FileSource::new(settings::file::source(source, options.until_caught_up), Arc::clone(clock))?;
    let membership = LocalMembership::of(&source).await?;
    let lane = FileLane::new(settings::file::sink(job, sink), Start::of_files())?;
    let parts = LaneParts { reader: Box::new(source.reader()), lane: Box::new(lane), deduplication: None };
    Ok(Ends { membership: Arc::new(membership), lanes: vec![parts] })
}
