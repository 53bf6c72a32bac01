//! An audit trail without repetitions for seven days. Equal records are one entry, whichever partition they stand in; which
//! ones were delivered is remembered in PostgreSQL.
//!
//! ```text
//! SOURCE=kafka-a:9092 SINK=kafka-b:9092 STATE_URL=postgresql://velostream:secret@db-1/velostream \
//!     cargo run --package velostream-exactly-once --example audit
//! ```

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::env;
use std::time::Duration;

use anyhow::Context as _;
use exactly_once::config::{
    JobFile, KafkaSink, KafkaSource, OnIdLoss, PostgresStateConfig, RecordIds, Sink, Source, StateStoreConfig,
};
use exactly_once::core::{JobName, Result};
use exactly_once::explain::Required;
use exactly_once::{
    ExactlyOnceConfig, ExactlyOnceJobProcessor, ExactlyOnceMetrics, JobExecutionStats, JobProcessingConfig,
    JobState,
};

const DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let [source, sink, state] = ["SOURCE", "SINK", "STATE_URL"].map(|name| env::var(name).context(name));
    let job = audit(&source?, &sink?, "audit", &state?)?;
    // Everything that was there at the start, and then the end: the way to run it from a scheduler.
    let worker = ExactlyOnceJobProcessor::new(job)?.require(Required::ExactlyOnce)?.until_caught_up();
    let (stats, metrics) = run(&worker).await?;
    println!("{} entries, {} repetitions left out", stats.records, stats.duplicates);
    // For a push gateway or a file that a node exporter reads; a worker that runs on answers GET /metrics itself.
    print!("{}", metrics.export_prometheus());
    Ok(())
}

/// The job, as `JobFile::load("audit.yaml")` would give it.
pub(crate) fn audit(source: &str, sink: &str, topic: &str, state_url: &str) -> anyhow::Result<JobFile> {
    let source = KafkaSource::new(source.parse()?, vec![topic.parse()?]);
    let mut sink = KafkaSink::new(sink.parse()?);
    sink.topic = "once.{topic}".to_owned();

    let name = JobName::new(format!("{topic}-once"));
    let mut job = JobFile::new(name, Source::Kafka(source), Sink::Kafka(sink));
    job.exactly_once = delivery();
    job.processing = JobProcessingConfig::default();
    // One server, and checked to be at least that: `fsync`, `full_page_writes` and `synchronous_commit` are on. With a
    // quorum of synchronous standbys, `class = StoreClass::Zone` asks for it and lets the job survive the loss of one.
    job.state_store = Some(StateStoreConfig::Postgres(PostgresStateConfig::new(state_url)));
    Ok(job)
}

/// What makes two records one entry, for how long, and what happens where that is forgotten.
fn delivery() -> ExactlyOnceConfig {
    let mut config = ExactlyOnceConfig::default();
    // SHA-256 over key, value and headers.
    config.record_id_strategy = RecordIds::ContentHash;
    config.deduplication_window = 7 * DAY;
    config.cleanup_interval = DAY / 4;
    config.checkpoint_interval = Duration::from_secs(60);
    config.max_tracked_records = 20_000_000;
    // PostgreSQL loses nothing that it has acknowledged: if it did all the same, somebody should look.
    config.on_id_loss = OnIdLoss::Stop;
    config
}

/// Makes the tables where they are missing, and runs a worker to its end.
pub(crate) async fn run(worker: &ExactlyOnceJobProcessor) -> Result<(JobExecutionStats, ExactlyOnceMetrics)> {
    // Once, by a user who may create tables; `velostream state init` does the same. A worker needs less: grants.sql.
    let ready = JobState::prepare(worker.job()).await?;
    println!("{} is ready, class {}", ready.store, ready.class);
    let running = worker.start().await?;
    let metrics = running.view().metrics().clone();
    Ok((running.finished().await?, metrics))
}
