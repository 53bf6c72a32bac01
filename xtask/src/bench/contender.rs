//! What is measured: replicators as processes, and the ceiling.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use velostream_testkit::services::{KafkaInstall, ServerProcess, free_ports};

/// More ids than any scenario has.
pub(crate) const MOST_IDS: u64 = 100_000_000;

/// One way to move a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Contender {
    /// Batches from memory into the sink, without source, transaction or progress: what the sink can absorb.
    Ceiling,
    /// The product with its defaults.
    Velostream,
    /// Three workers of it, with its defaults.
    VelostreamThree,
    /// One worker whose partitions are shared by two lanes: while one commits, the other writes.
    VelostreamTwoLanes,
    /// One worker that sends small batches as they came.
    VelostreamUnmerged,
    /// The same, every batch decoded and encoded again.
    VelostreamDecoded,
    /// `MirrorMaker` 2, exactly-once, everything else by default.
    MirrorMaker,
    /// The same with larger polls, linger and batches.
    MirrorMakerTuned,
    /// The product's reader, driver and encoding, every record decoded and encoded again, into a sink without
    /// transactions, progress and ids: the same job, at least once.
    AtLeastOnce,
    /// The same with content ids in memory: records that were seen are left out, but not across a crash.
    AtLeastOnceDeduplicated,
    /// The product, exactly once by content, ids in a file of redb.
    DeduplicatedRedb,
    /// The same, ids in a Redis server that syncs every write.
    DeduplicatedRedis,
    /// The same, the ids in a set there that other jobs could share.
    SharedRedis,
}

impl Contender {
    /// What runs where nothing is named: everything that needs no state store.
    pub(crate) const REPLICATORS: [Self; 8] = [
        Self::Ceiling,
        Self::Velostream,
        Self::VelostreamThree,
        Self::VelostreamTwoLanes,
        Self::VelostreamUnmerged,
        Self::VelostreamDecoded,
        Self::MirrorMaker,
        Self::MirrorMakerTuned,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ceiling => "ceiling",
            Self::Velostream => "velostream",
            Self::VelostreamThree => "velostream-three",
            Self::VelostreamTwoLanes => "velostream-two-lanes",
            Self::VelostreamUnmerged => "velostream-unmerged",
            Self::VelostreamDecoded => "velostream-decoded",
            Self::MirrorMaker => "mm2",
            Self::MirrorMakerTuned => "mm2-tuned",
            Self::AtLeastOnce => "at-least-once",
            Self::AtLeastOnceDeduplicated => "at-least-once-deduplicated",
            Self::DeduplicatedRedb => "deduplicated-redb",
            Self::DeduplicatedRedis => "deduplicated-redis",
            Self::SharedRedis => "shared-redis",
        }
    }

    pub(crate) const fn needs_redis(self) -> bool {
        matches!(self, Self::DeduplicatedRedis | Self::SharedRedis)
    }

    pub(crate) const fn tells_by_content(self) -> bool {
        matches!(
            self,
            Self::AtLeastOnceDeduplicated
                | Self::DeduplicatedRedb
                | Self::DeduplicatedRedis
                | Self::SharedRedis
        )
    }

    /// How long a run may take that moves `records`.
    pub(crate) fn patience(self, records: u64) -> Duration {
        Duration::from_secs(60) + Duration::from_micros(records.saturating_mul(25))
    }
}

/// From where to where.
#[derive(Debug)]
pub(crate) struct Route<'a> {
    pub(crate) source: &'a str,
    pub(crate) sink: &'a str,
    pub(crate) topic: &'a str,
    /// Tells this run from all others: names the job.
    pub(crate) run: &'a str,
    pub(crate) partitions: i32,
    /// Files of this run.
    pub(crate) dir: &'a Path,
    /// Where a Redis server is; empty where no contender needs one.
    pub(crate) redis: &'a str,
    /// Below how many bytes batches are joined, where that is not the default.
    pub(crate) merge_below: Option<&'a str>,
}

/// Starts the processes of a replicator.
///
/// # Errors
/// When its files or a process cannot be made.
pub(crate) fn start(
    contender: Contender,
    route: &Route<'_>,
    program: &Path,
    install: &KafkaInstall,
) -> Result<Vec<ServerProcess>> {
    fs::create_dir_all(route.dir)?;
    if matches!(contender, Contender::MirrorMaker | Contender::MirrorMakerTuned) {
        let file = mirror_maker(route, contender == Contender::MirrorMakerTuned)?;
        let mut java = install.java(1024, "org.apache.kafka.connect.mirror.MirrorMaker");
        java.arg(file);
        return Ok(vec![ServerProcess::spawn(contender.name(), route.dir, java)?]);
    }
    let job = velostream(route, contender)?;
    let workers = if contender == Contender::VelostreamThree { 3 } else { 1 };
    let mut processes = Vec::new();
    for number in 0..workers {
        let instance = format!("bench-{number}");
        let mut run = Command::new(program);
        run.arg("run").arg(&job).args(["--instance", &instance, "--no-progress"]);
        processes.push(ServerProcess::spawn(contender.name(), &route.dir.join(&instance), run)?);
    }
    Ok(processes)
}

fn velostream(route: &Route<'_>, contender: Contender) -> Result<PathBuf> {
    let path = route.dir.join("job.yaml");
    let pass_through = if contender == Contender::VelostreamDecoded { "off" } else { "auto" };
    let merge_below = if contender == Contender::VelostreamUnmerged { Some("0B") } else { route.merge_below };
    let merging = merge_below.map(|bytes| format!(", merge_below: {bytes}")).unwrap_or_default();
    let lanes = if contender == Contender::VelostreamTwoLanes { 2 } else { 1 };
    let by_content = format!(
        "record_id_strategy: content_hash, deduplication_window: 1h, max_tracked_records: {MOST_IDS}"
    );
    let exactly_once = match contender {
        Contender::DeduplicatedRedb | Contender::DeduplicatedRedis => by_content,
        Contender::SharedRedis => format!("{by_content}, shared_ids: bench"),
        _ => format!("pass_through: {pass_through}"),
    };
    let state_store = if contender.needs_redis() {
        let (url, run) = (route.redis, route.run);
        format!("state_store: {{ redis: {{ url: \"{url}\", prefix: \"velostream:{run}:\" }} }}\n")
    } else {
        String::new()
    };
    let text = format!(
        "job: {}\nlanes: {lanes}\nsource: {{ kafka: {{ bootstrap_servers: \"{}\", topics: [\"{}\"] }} }}\nsink: {{ kafka: {{ bootstrap_servers: \"{}\"{merging} }} }}\nexactly_once: {{ {exactly_once} }}\n{state_store}state_dir: \"{}\"\n",
        route.run,
        route.source,
        route.topic,
        route.sink,
        route.dir.join("state").display(),
    );
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// The dedicated mode with exactly-once (KIP-618, KIP-710), as Kafka's manual gives it, one task per partition up to
/// four. Its aliases carry the name of the run, so that no run finds the offsets of another.
fn mirror_maker(route: &Route<'_>, tuned: bool) -> Result<PathBuf> {
    let (from, to) = (format!("{}-a", route.run), format!("{}-b", route.run));
    let rest = free_ports(1)?.first().copied().context("no free port")?;
    let mut lines = vec![
        format!("clusters = {from}, {to}"),
        format!("{from}.bootstrap.servers = {}", route.source),
        format!("{to}.bootstrap.servers = {}", route.sink),
        format!("{from}->{to}.enabled = true"),
        format!("{from}->{to}.topics = {}", route.topic),
        format!("{to}->{from}.enabled = false"),
        format!("{from}.consumer.isolation.level = read_committed"),
        format!("{to}.exactly.once.source.support = enabled"),
        "replication.policy.class = org.apache.kafka.connect.mirror.IdentityReplicationPolicy".to_owned(),
        "dedicated.mode.enable.internal.rest = true".to_owned(),
        format!("listeners = http://127.0.0.1:{rest}"),
        format!("tasks.max = {}", route.partitions.min(4)),
        "emit.heartbeats.enabled = false".to_owned(),
        "emit.checkpoints.enabled = false".to_owned(),
        "sync.topic.acls.enabled = false".to_owned(),
        "sync.topic.configs.enabled = false".to_owned(),
    ];
    for topic in ["", "offset-syncs.topic.", "heartbeats.topic.", "checkpoints.topic."] {
        lines.push(format!("{topic}replication.factor = 1"));
    }
    for storage in ["config", "offset", "status"] {
        lines.push(format!("{storage}.storage.replication.factor = 1"));
    }
    if tuned {
        lines.push(format!("{from}.consumer.max.poll.records = 5000"));
        lines.push(format!("{to}.producer.linger.ms = 20"));
        lines.push(format!("{to}.producer.batch.size = 1000000"));
        lines.push(format!("{to}.producer.max.request.size = 4000000"));
        lines.push(format!("{to}.producer.compression.type = lz4"));
    }
    let path = route.dir.join("mm2.properties");
    fs::write(&path, lines.join("\n")).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}
