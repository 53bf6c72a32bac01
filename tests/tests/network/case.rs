//! One job of one test.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;
use velostream_testkit::RealClock;
use velostream_testkit::load::end_offsets;
use velostream_testkit::nemesis::{Job, PATIENCE, Side, Worker, ends_well};
use velostream_testkit::proxy::{Api, Direction, Fate, Fault, Passed, ProtocolState, Proxy};
use velostream_verifier::{Cluster, Config, TopicPair, verify};

use crate::stage::{PARTITIONS, RECORDS, Stage, TOPIC};

/// Which transaction protocol the sink speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// Since KIP-890: every transaction bumps the epoch.
    V2,
    /// Before.
    V1,
}

impl Version {
    pub(crate) const ALL: [Self; 2] = [Self::V2, Self::V1];

    /// The end of a test's name.
    pub(crate) const fn suffix(self) -> &'static str {
        match self {
            Self::V2 => "",
            Self::V1 => "_with_transaction_version_0",
        }
    }
}

/// Longer than any test takes; a job that needs longer is stuck.
const STUCK: Duration = Duration::from_secs(90);

pub(crate) struct Case<'a> {
    stage: &'a Stage,
    /// Name of the job, prefix of its topic, and client id of its only worker.
    pub(crate) name: String,
    pub(crate) sink: &'a Side,
    /// How long workers wait for a reply: not long, unless a test is about replies that come late.
    pub(crate) request_timeout: &'static str,
    dir: TempDir,
}

impl<'a> Case<'a> {
    pub(crate) fn new(stage: &'a Stage, name: &str, version: Version) -> Result<Self> {
        let sink = match version {
            Version::V2 => &stage.new,
            Version::V1 => &stage.old,
        };
        let name = format!("{name}-{version:?}").to_lowercase();
        Ok(Self { stage, name, sink, request_timeout: "1s", dir: tempfile::tempdir()? })
    }

    /// The job file of a worker whose connections have this client id.
    pub(crate) fn job(&self, client: &str) -> Job {
        let (source, sink) = (&self.stage.old.proxied, &self.sink.proxied);
        let timeout = self.request_timeout;
        let timeouts =
            format!("client: {{ client_id: {client}, request_timeout: {timeout}, connect_timeout: 1s }}");
        let mut job = Job::kafka(&self.name, self.dir.path(), source, sink, &[TOPIC])
            .source(&timeouts)
            // Small, so that each transaction touches several splits.
            .source("partition_max_bytes: 16KB")
            .sink(&timeouts)
            .sink(&format!("topic: \"{}.{{topic}}\"", self.name))
            .sink("session_timeout: 2s")
            .sink("heartbeat_interval: 200ms")
            .sink("rebalance_timeout: 500ms")
            .sink("transaction_timeout: 4s")
            // About a hundred transactions, so that faults fall between others that are in order.
            .top("exactly_once: { transaction: { max_interval: 50ms, max_bytes: 128KB } }");
        // Workers with client ids of their own have job files of their own.
        job.dir = self.dir.path().join(client);
        job.state_dir(&self.dir.path().join("state"))
    }

    /// A worker that ends once it has delivered what is there.
    pub(crate) fn start(&self, client: &str, instance: &str) -> Result<Worker> {
        let job = self.job(client);
        std::fs::create_dir_all(&job.dir)?;
        let path = job.write()?;
        let path = path.to_string_lossy();
        let arguments = ["run", &path, "--until-caught-up", "--no-progress", "--instance", instance];
        Worker::start(Path::new("."), &arguments, &[])
    }

    /// A worker that goes on.
    pub(crate) fn start_lasting(&self, client: &str, instance: &str) -> Result<Worker> {
        let job = self.job(client);
        std::fs::create_dir_all(&job.dir)?;
        Worker::of(&job, instance)
    }

    /// Waits until a fault has struck as often as it can.
    pub(crate) fn await_fault(&self, fault: &Fault, worker: &Worker) -> Result<()> {
        fault.await_fired(PATIENCE).with_context(|| worker.log())
    }

    /// Waits for the end of a worker.
    pub(crate) fn finish(&self, worker: Worker) -> Result<()> {
        ends_well(&worker.wait(STUCK)?)
    }

    /// The proxy in front of the sink.
    pub(crate) const fn proxy(&self) -> &'a Proxy {
        &self.sink.proxy
    }

    /// The proxy in front of the source.
    pub(crate) const fn source_proxy(&self) -> &'a Proxy {
        &self.stage.old.proxy
    }

    /// Waits until a client has so many commits that it knows of.
    pub(crate) fn await_commits(&self, client: &str, count: usize) -> Result<()> {
        self.proxy().await_log(client, count, PATIENCE, is_commit)
    }

    /// Commits that a client knows of.
    pub(crate) fn commits(&self, client: &str) -> usize {
        self.proxy().log(client).iter().filter(|passed| is_commit(passed)).count()
    }

    /// Waits until a client is in this state.
    pub(crate) fn await_state(&self, client: &str, state: ProtocolState) -> Result<()> {
        let started = Instant::now();
        while self.stage.observer.state(client) != state {
            ensure!(started.elapsed() < PATIENCE, "{client} does not come to be {state}");
            sleep(Duration::from_micros(200));
        }
        Ok(())
    }

    /// Waits until the sink holds as many records as the source. Not how many are right: that is the verifier's part.
    pub(crate) fn await_delivered(&self) -> Result<()> {
        let topic = self.topic();
        let started = Instant::now();
        loop {
            let ends = end_offsets(&self.sink.direct, &topic).unwrap_or_default();
            // Markers of transactions take offsets too, so that this is early rather than late.
            if ends.iter().sum::<i64>() >= i64::try_from(RECORDS)? {
                return Ok(());
            }
            ensure!(started.elapsed() < STUCK, "the sink ends at {ends:?}");
            sleep(Duration::from_millis(100));
        }
    }

    /// Waits until the verifier finds nothing missing: other than by ends of partitions, in which markers count too,
    /// it is certain that nothing is left to be done.
    pub(crate) fn await_identical(&self) -> Result<()> {
        self.await_delivered()?;
        let started = Instant::now();
        while let Err(error) = self.expect_identical() {
            ensure!(started.elapsed() < STUCK, "{error:#}");
        }
        Ok(())
    }

    /// Fails where anything is lost, doubled, changed or in another order.
    pub(crate) fn expect_identical(&self) -> Result<()> {
        let pair = vec![TopicPair::new(TOPIC, self.topic())];
        let (source, sink) = (Cluster::new(&self.stage.old.direct), Cluster::new(&self.sink.direct));
        let report = verify(&Config::new(source, sink, pair), &RealClock::start(), &|_| {})?;
        let partitions = usize::try_from(PARTITIONS)?;
        ensure!(report.is_identical() && report.partitions.len() == partitions, "{report:#?}");
        ensure!(report.counts.matched == RECORDS, "{} of {RECORDS} records", report.counts.matched);
        Ok(())
    }

    /// The reply to the request that a rule has held, once there is one.
    pub(crate) fn reply_to_held(&self, client: &str, api: Api) -> Result<Passed> {
        let fits = |passed: &Passed| {
            passed.api == api && passed.fate == Fate::Released && passed.direction == Direction::ToBroker
        };
        self.proxy().await_log(client, 1, PATIENCE, fits)?;
        let log = self.proxy().log(client);
        let held = log.iter().find(|passed| fits(passed)).context("a held request")?;
        let answers = |passed: &Passed| {
            (passed.connection, passed.correlation, passed.direction)
                == (held.connection, held.correlation, Direction::FromBroker)
        };
        self.proxy().await_log(client, 1, PATIENCE, answers)?;
        let log = self.proxy().log(client);
        log.into_iter().find(|passed| answers(passed)).context("its answer")
    }

    fn topic(&self) -> String {
        format!("{}.{TOPIC}", self.name)
    }
}

fn is_commit(passed: &Passed) -> bool {
    (passed.api, passed.direction, passed.error) == (Api::EndTxn, Direction::FromBroker, Some(0))
}
