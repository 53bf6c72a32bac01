//! Whole jobs, whose file names the topology. A primary is killed under them, and comes back as a replica.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use velostream_testkit::nemesis::{Job, ends_well};
use velostream_testkit::services::{Authority, RedisCluster, RedisSentinels};
use velostream_testkit::states::Lines;

use crate::Test;
use crate::encrypted::server;
use crate::slot_move::SlotMove;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        ("job_on_a_cluster_delivers_each_content_once_though_its_primary_is_replaced", on_a_cluster),
        ("job_behind_sentinels_delivers_each_content_once_though_the_primary_is_replaced", behind_sentinels),
        ("job_on_an_encrypted_server_delivers_each_content_once", encrypted),
    ]
}

const DIFFERENT: usize = 8_000;
const IDS: &str = "exactly_once: { record_id_strategy: content_hash, transaction: { max_bytes: 16KiB } }";

/// What is acknowledged a replica has synced, so that no promotion loses it.
const WAIT: &str = "replicas: { count: 1, timeout: 5s, synced: true }";

fn job(lines: &Lines, name: &str, url: &str, rest: &str) -> Job {
    lines
        .job(name)
        .top(IDS)
        .top(&format!("state_store: {{ redis: {{ url: \"${{STATE_URL}}\", {rest} }} }}"))
        .variable("STATE_URL", url)
}

fn on_a_cluster() -> Result<()> {
    let mut cluster = RedisCluster::start("job", 3, true)?;
    let urls = cluster.urls();
    let (url, others) = urls.split_first().context("no servers")?;
    let nodes: Vec<_> = others.iter().filter_map(|url| url.rsplit_once('@')).map(|(_, node)| node).collect();
    let topology = format!("topology: {{ cluster: {{ nodes: [\"{}\"] }} }}, {WAIT}", nodes.join("\", \""));
    let dir = tempfile::tempdir()?;
    let lines = Lines::new(dir.path(), DIFFERENT, 11)?;
    let job = job(&lines, "on-cluster", url, &topology);
    ends_well(&job.command(&["state", "init"])?)?;
    let primary = SlotMove::of(&cluster, "on-cluster.lane-0")?.from;

    let mut worker = lines.at_work(&job)?;
    cluster.nodes.get_mut(primary).context("no primary")?.kill()?;
    ensure!(worker.is_running()?, "it was done before the primary was killed: {}", worker.log());
    let heir = cluster.nodes.get(primary + 3).context("no replica")?;
    for _ in 0..600 {
        if heir.text(&["INFO", "replication"])?.contains("role:master") {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    cluster.nodes.get_mut(primary).context("no primary")?.restart()?;
    ends_well(&worker.wait(Duration::from_secs(120))?)?;
    lines.expect_each_once()?;
    recognised(&lines, &job)
}

fn behind_sentinels() -> Result<()> {
    let mut set = RedisSentinels::start("job")?;
    let topology =
        format!("topology: {{ sentinel: {{ urls: [\"{}\"] }} }}, {WAIT}", set.urls().join("\", \""));
    let dir = tempfile::tempdir()?;
    let lines = Lines::new(dir.path(), DIFFERENT, 12)?;
    let job = job(&lines, "behind-sentinels", &set.primary_url(), &topology);
    ends_well(&job.command(&["state", "init"])?)?;

    let mut worker = lines.at_work(&job)?;
    let [primary, replica] = &mut set.servers[..] else { bail!("two servers were asked for") };
    primary.kill()?;
    ensure!(worker.is_running()?, "it was done before the primary was killed: {}", worker.log());
    let port = replica.port();
    set.bring_back_as_replica(port)?;
    ends_well(&worker.wait(Duration::from_secs(120))?)?;
    lines.expect_each_once()?;
    recognised(&lines, &job)
}

fn encrypted() -> Result<()> {
    let authority = Authority::new()?;
    let (_server, url) = server(&authority, "IP:127.0.0.1", true)?;
    let (certificate, key) = authority.sign("client", "DNS:client")?;
    let tls = format!(
        "tls: {{ verify: {{ ca_file: \"{}\", client: {{ certificate_file: \"{}\", key_file: \"{}\" }} }} }}",
        authority.file().display(),
        certificate.display(),
        key.display()
    );
    let dir = tempfile::tempdir()?;
    let lines = Lines::new(dir.path(), 500, 13)?;
    let job = job(&lines, "encrypted", &url, &tls);
    ends_well(&job.run_until_caught_up("w0")?)?;
    lines.expect_each_once()?;
    recognised(&lines, &job)?;
    // Without its certificate the client is nobody.
    let ca_alone = format!("tls: {{ verify: {{ ca_file: \"{}\" }} }}", authority.file().display());
    let stranger = self::job(&lines, "stranger", &url, &ca_alone);
    let ended = stranger.run_until_caught_up("w0")?;
    ensure!(ended.code == Some(69) && ended.message().contains("state_store.redis"), "{ended:?}");
    Ok(())
}

/// What was delivered before is known to a new worker.
fn recognised(lines: &Lines, job: &Job) -> Result<()> {
    let again = lines.expected()?.into_iter().step_by(7).chain(["fresh".to_owned()]);
    lines.add("9", &again.collect::<Vec<_>>())?;
    ends_well(&job.run_until_caught_up("w0")?)?;
    lines.expect_each_once()
}
