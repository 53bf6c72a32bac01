//! Transactions that end while a partition of theirs has no leader: the broker loses their markers (KAFKA-20734).

mod by_hand;

use std::thread::{self, sleep};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use velostream_testkit::load::{LoadPlan, MadeRecord, create_topic, end_offsets, produce, send_open};
use velostream_testkit::nemesis::{Job, NO_EXPIRY, PATIENCE, Scene, Worker, ends_well, until};
use velostream_testkit::services::{ClusterOptions, KafkaCluster};

use self::by_hand::ByHand;

const PARTITIONS: i32 = 6;

/// A sink of three brokers whose data partitions have one replica each, so that a dead broker leaves some without a
/// leader while every coordinator lives on.
fn clusters(name: &str) -> Result<Vec<KafkaCluster>> {
    let sink = ClusterOptions::for_test(&format!("{name}-sink"))
        .nodes(3)
        .property("default.replication.factor", "1")
        .property("min.insync.replicas", "1");
    KafkaCluster::start_all(vec![ClusterOptions::for_test(&format!("{name}-source")), sink])
}

/// Leader of each partition, -1 for none.
fn leaders(bootstrap: &str, topic: &str) -> Result<Vec<i32>> {
    let consumer: BaseConsumer = ClientConfig::new().set("bootstrap.servers", bootstrap).create()?;
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE)?;
    let topic = metadata.topics().first().context("no topic")?;
    Ok(topic.partitions().iter().map(|p| p.leader()).collect())
}

fn await_no_leader(scene: &Scene) -> Result<()> {
    until(|| leaders(&scene.sink, &scene.name).is_ok_and(|all| all.contains(&-1)))
}

fn await_leaders(scene: &Scene, topic: &str) -> Result<()> {
    until(|| leaders(&scene.sink, topic).is_ok_and(|all| !all.contains(&-1)))
}

#[test]
fn transaction_given_up_while_its_partition_has_no_leader_doubles_nothing() -> Result<()> {
    let mut clusters = clusters("leaderless")?;
    let [source, sink] = clusters.as_mut_slice() else { anyhow::bail!("two clusters") };
    let scene = Scene::at("leaderless", source.bootstrap(), sink.bootstrap())?;
    scene.create(PARTITIONS, &NO_EXPIRY)?;
    create_topic(&scene.sink, &scene.name, PARTITIONS, &NO_EXPIRY)?;
    let job = scene.job();
    let plan = LoadPlan {
        records_per_second: 2_000,
        run_length: 1_000,
        ..LoadPlan::realistic(&scene.name, PARTITIONS, 50_000, 29)
    };
    let loaded = thread::scope(|scope| -> Result<u64> {
        let loading = scope.spawn(|| produce(&scene.source, &plan));
        let worker = Worker::of(&job, "w0")?;
        scene.await_delivery(&scene.name, 6)?;
        let victim = leaders(&scene.sink, &scene.name)?.first().copied().context("no partition")?;
        let node = sink.node_mut(u32::try_from(victim)?)?;
        node.kill()?;
        await_no_leader(&scene)?;
        // The worker's transaction was given up when the broker vanished; its markers now find no leader.
        sleep(Duration::from_secs(3));
        node.start()?;
        let loaded = loading.join().ok().context("the load generator panicked")??.records();
        let ended = worker.terminate(PATIENCE)?;
        ends_well(&ended)?;
        Ok(loaded)
    })?;
    scene.deliver(&job)?;
    scene.expect_identical(&scene.name, loaded)?;
    Ok(())
}

#[test]
fn lost_markers_are_written_as_decided_and_only_where_that_can_be_told() -> Result<()> {
    let mut clusters = clusters("markers")?;
    let [source, sink] = clusters.as_mut_slice() else { anyhow::bail!("two clusters") };
    let scene = Scene::at("markers", source.bootstrap(), sink.bootstrap())?;
    scene.create(PARTITIONS, &NO_EXPIRY)?;
    create_topic(&scene.sink, &scene.name, PARTITIONS, &NO_EXPIRY)?;
    // The journal too has one replica here, so that its markers can be lost like those of the data.
    let journal = format!("__velostream.{}", scene.name);
    create_topic(&scene.sink, &journal, PARTITIONS, &[("cleanup.policy", "compact")])?;
    let job = scene.job();
    let plan = LoadPlan::realistic(&scene.name, PARTITIONS, 6_000, 31);
    produce(&scene.source, &plan)?;
    for instance in ["w0", "w1"] {
        ends_well(&job.run_until_caught_up(instance)?)?;
    }
    let old = old_protocol(&scene, "old")?;
    let vague = old_protocol(&scene, "vague")?;

    let victim = leaders(&scene.sink, &scene.name)?.first().copied().context("no partition")?;
    let old_record = at_victim(&scene, &old.name, victim)?;
    let vague_record = at_victim(&scene, &vague.name, victim)?;
    let lane = |job: &Job| format!("velostream.{}.w0.0", job.name);
    let old_open = send_open(&scene.sink, &old.name, &lane(&old), [old_record])?;
    let vague_open = send_open(&scene.sink, &vague.name, &lane(&vague), [vague_record.clone()])?;
    let vague_open = vague_open.commit_and_open([vague_record])?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let both = [scene.name.as_str(), journal.as_str()];
    let all: Vec<_> = both.into_iter().flat_map(|t| (0..PARTITIONS).map(move |p| (t, p))).collect();
    let open = |id: &str| runtime.block_on(ByHand::open(&scene.sink, id, &all));
    let committed = open(&format!("velostream.{}.w0.0", scene.name))?;
    let aborted = open(&format!("velostream.{}.w1.0", scene.name))?;
    sink.node_mut(u32::try_from(victim)?)?.kill()?;
    await_no_leader(&scene)?;
    runtime.block_on(committed.end(true))?;
    runtime.block_on(aborted.end(false))?;
    old_open.commit()?;
    vague_open.commit()?;
    sink.node_mut(u32::try_from(victim)?)?.start()?;
    await_leaders(&scene, &scene.name)?;
    await_leaders(&scene, &old.name)?;
    await_leaders(&scene, &vague.name)?;
    await_leaders(&scene, &journal)?;
    let stable = end_offsets(&scene.sink, &scene.name)?;
    let stable_vague = end_offsets(&scene.sink, &vague.name)?;
    ensure!(stable.iter().min() < stable.iter().max(), "this Kafka loses no markers: {stable:?}");

    // Somebody else's transaction on the same partition is open for good reasons.
    let foreign = runtime.block_on(ByHand::open(&scene.sink, "somebody-else", &[(&scene.name, 0)]))?;
    produce(&scene.source, &LoadPlan { first_sequence: 1_000, ..plan })?;
    let ended = job.run_until_caught_up("w0")?;
    ends_well(&ended)?;
    for mended in [&scene.name, &journal].map(|topic| format!("target={topic}-")) {
        for decided in ["committed", "aborted"].map(|decided| format!("decided=\"{decided}\"")) {
            let said = |line: &str| line.contains(&mended) && line.contains(&decided);
            ensure!(ended.stderr.lines().any(said), "no {mended} {decided}: {}", ended.stderr);
        }
    }
    runtime.block_on(foreign.end(true))?;
    let counts = scene.compare(&scene.name, &scene.name)?.counts;
    ensure!(counts.matched == 12_000, "{counts:?}");
    ensure!(
        (counts.missing, counts.duplicated, counts.reordered, counts.changed) == (0, 0, 0, 0),
        "{counts:?}"
    );
    // One record in each partition of the committed transaction, one of somebody else's, none of the aborted one.
    ensure!(counts.unexpected == u64::try_from(PARTITIONS)? + 1, "{counts:?}");

    // Spoken in the old protocol, an epoch that named one transaction tells what was decided.
    let ended = old.run_until_caught_up("w0")?;
    ends_well(&ended)?;
    ensure!(ended.stderr.contains("decided=\"committed\""), "{}", ended.stderr);
    let counts = scene.compare(&old.name, &old.name)?.counts;
    ensure!((counts.matched, counts.unexpected) == (600, 1), "{counts:?}");

    // It does not name one where there were two: nothing is guessed.
    let mut worker = Worker::of(&vague, "w0")?;
    worker.await_log("has a transaction open on", PATIENCE)?;
    ensure!(worker.log().contains("VS-0012"), "{}", worker.log());
    worker.kill()?;
    ensure!(end_offsets(&scene.sink, &vague.name)? == stable_vague, "something was ended");
    Ok(())
}

/// A record for a partition that the broker about to die leads.
fn at_victim(scene: &Scene, topic: &str, victim: i32) -> Result<(i32, MadeRecord)> {
    let at = leaders(&scene.sink, topic)?.iter().position(|l| *l == victim).context("none there")?;
    Ok((i32::try_from(at)?, MadeRecord { value: Some(b"old".to_vec()), ..MadeRecord::default() }))
}

/// A job whose lane is about to be used by a client that speaks the protocol before KIP-890.
fn old_protocol(scene: &Scene, kind: &str) -> Result<Job> {
    let name = format!("{}-{kind}", scene.name);
    for bootstrap in [&scene.source, &scene.sink] {
        create_topic(bootstrap, &name, PARTITIONS, &NO_EXPIRY)?;
    }
    produce(&scene.source, &LoadPlan::realistic(&name, PARTITIONS, 600, 37))?;
    let job = Job::kafka(&name, scene.dir(), &scene.source, &scene.sink, &[&name]);
    ends_well(&job.run_until_caught_up("w0")?)?;
    Ok(job)
}
