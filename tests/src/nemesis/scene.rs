//! Two clusters, a directory, and what every test here does with them.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;
use velostream_verifier::{Cluster, Config, Report, TopicPair, verify};

use super::{Ended, Job};
use crate::RealClock;
use crate::load::{create_topic, end_offsets};
use crate::services::KafkaPair;

/// Settings of a topic whose records stay.
pub const NO_EXPIRY: [(&str, &str); 1] = [("retention.ms", "-1")];
/// Longest wait for something that takes a second on an idle machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A test's own corner of the two clusters.
#[derive(Debug)]
pub struct Scene {
    /// Bootstrap servers of the source.
    pub source: String,
    /// Bootstrap servers of the sink.
    pub sink: String,
    /// A name that nobody else uses, for topics and jobs.
    pub name: String,
    dir: TempDir,
    _pair: Option<KafkaPair>,
}

impl Scene {
    /// On the clusters that the tests share.
    ///
    /// # Errors
    /// When it is not so, or cannot be found out.
    pub fn new(name: &str) -> Result<Self> {
        let pair = KafkaPair::get()?;
        let name = pair.topic(name);
        let dir = tempfile::tempdir()?;
        Ok(Self { source: pair.source.clone(), sink: pair.sink.clone(), name, dir, _pair: Some(pair) })
    }

    /// On clusters of the test's own.
    ///
    /// # Errors
    /// When it is not so, or cannot be found out.
    pub fn at(name: &str, source: String, sink: String) -> Result<Self> {
        Ok(Self { source, sink, name: name.to_owned(), dir: tempfile::tempdir()?, _pair: None })
    }

    /// With another sink.
    #[must_use]
    pub fn with_sink(self, sink: String) -> Self {
        Self { sink, ..self }
    }

    /// Its directory, removed with it.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Creates the source topic of the scene's name.
    ///
    /// # Errors
    /// When it is not so, or cannot be found out.
    pub fn create(&self, partitions: i32, config: &[(&str, &str)]) -> Result<()> {
        create_topic(&self.source, &self.name, partitions, config)
    }

    /// A job for the topic of the scene's name.
    #[must_use]
    pub fn job(&self) -> Job {
        self.job_for(&self.name)
    }

    /// A job for this topic, or expression between slashes.
    #[must_use]
    pub fn job_for(&self, topic: &str) -> Job {
        Job::kafka(&self.name, self.dir(), &self.source, &self.sink, &[topic])
    }

    /// Delivers what is there and fails where the worker does.
    ///
    /// # Errors
    /// When it is not so, or cannot be found out.
    pub fn deliver(&self, job: &Job) -> Result<()> {
        ends_well(&job.run_until_caught_up("last")?)
    }

    /// Compares two topics record by record.
    ///
    /// # Errors
    /// When it is not so, or cannot be found out.
    pub fn compare(&self, source_topic: &str, sink_topic: &str) -> Result<Report> {
        let pair = vec![TopicPair::new(source_topic, sink_topic)];
        let config = Config::new(Cluster::new(&self.source), Cluster::new(&self.sink), pair);
        Ok(verify(&config, &RealClock::start(), &|_| {})?)
    }

    /// Compares, and fails where anything differs or the number of records is another.
    ///
    /// # Errors
    /// When it is not so, or cannot be found out.
    pub fn expect_identical(&self, sink_topic: &str, records: u64) -> Result<Report> {
        let report = self.compare(&self.name, sink_topic)?;
        ensure!(report.is_identical(), "{report:#?}");
        ensure!(
            report.counts.matched == records,
            "{} of {records} records: {report:#?}",
            report.counts.matched
        );
        Ok(report)
    }

    /// Waits until the sink's topic holds records in each of so many partitions.
    ///
    /// # Errors
    /// When it is not so, or cannot be found out.
    pub fn await_delivery(&self, topic: &str, partitions: usize) -> Result<()> {
        until(|| {
            let ends = end_offsets(&self.sink, topic).unwrap_or_default();
            ends.iter().filter(|end| **end > 0).count() >= partitions
        })
        .with_context(|| format!("topic {topic} gets no records in {partitions} partitions"))
    }
}

/// Waits for something.
///
/// # Errors
/// When it is not so, or cannot be found out.
pub fn until(mut condition: impl FnMut() -> bool) -> Result<()> {
    let started = Instant::now();
    while !condition() {
        ensure!(started.elapsed() < PATIENCE, "it does not happen within {PATIENCE:?}");
        sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Fails where a process did not end with 0.
///
/// # Errors
/// When it is not so, or cannot be found out.
pub fn ends_well(ended: &Ended) -> Result<()> {
    ensure!(ended.code == Some(0), "exit code {:?}:\n{}", ended.code, ended.stderr);
    Ok(())
}
