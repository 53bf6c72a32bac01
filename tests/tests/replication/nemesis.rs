//! Workers killed and paused past the session.

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use velostream_testkit::load::{LoadPlan, produce};
use velostream_testkit::nemesis::{Fleet, FleetOptions, Job, NO_EXPIRY, Scene, Torment, binary};
use velostream_testkit::services::{ClusterOptions, KafkaCluster};

/// What happens to the workers of a job, and with how many records.
struct Ordeal {
    plan: LoadPlan,
    /// Records that arrive meanwhile, after those of the plan.
    more: u64,
    torment: Torment,
}

impl Ordeal {
    fn run(&self, scene: &Scene, job: &Job) -> Result<()> {
        println!("seed {}", self.torment.seed);
        let loaded = produce(&scene.source, &self.plan)?;
        let options =
            FleetOptions { binary: binary()?, job: job.write()?, dir: scene.dir().to_owned(), workers: 3 };
        let deeds = u64::from(self.torment.kills + self.torment.pauses).max(1);
        let seconds = (deeds * u64::try_from(self.torment.gap.as_millis())? * 5 / 8 / 1000).max(1);
        let trickle = LoadPlan {
            records: self.more,
            records_per_second: (self.more / seconds).max(1),
            first_sequence: self.plan.records / u64::try_from(self.plan.partitions)?,
            ..self.plan.clone()
        };
        let mut fleet = Fleet::start(options)?;
        scene.await_delivery(&scene.name, usize::try_from(self.plan.partitions)?)?;
        let meanwhile = thread::scope(|scope| -> Result<u64> {
            let loading = scope.spawn(|| produce(&scene.source, &trickle));
            let done = self.torment.run(&mut fleet, |deed| println!("{deed}"))?;
            ensure!((done.kills, done.pauses) == (self.torment.kills, self.torment.pauses));
            Ok(loading.join().ok().context("the load generator panicked")??.records())
        })?;
        fleet.check()?;
        fleet.stop_all()?;
        scene.deliver(job)?;
        let lost: usize = (0..3).map(|w| zombies_in(scene, w)).sum::<Result<usize>>()?;
        println!("{} zombies found out that they were replaced", lost);
        // A rebalance may have taken from a worker, while it was paused, what it owned.
        let wanted = if self.torment.pauses >= 10 { 5 } else { 1 };
        ensure!(lost >= wanted, "{lost} of {} pauses went past a take-over", self.torment.pauses);
        let report = scene.expect_identical(&scene.name, loaded.records() + meanwhile)?;
        println!("{} records: {:?}", report.counts.matched, report.counts);
        Ok(())
    }
}

/// How often a worker says that the group went on without it.
fn zombies_in(scene: &Scene, worker: usize) -> Result<usize> {
    let log = std::fs::read_to_string(scene.dir().join(format!("w{worker}/server.log")))?;
    Ok(log.matches("membership lost").count())
}

/// A session short enough for many faults in a minute, and a pause that outlasts it.
const SESSION: &str = "session_timeout: 2s";
const PAUSE: Duration = Duration::from_millis(4_500);

#[test]
fn three_workers_killed_and_paused_deliver_each_record_once_in_order() -> Result<()> {
    let scene = Scene::new("nemesis")?;
    scene.create(6, &NO_EXPIRY)?;
    let job = scene.job().sink(SESSION);
    let gap = Duration::from_millis(1_600);
    let torment = Torment { seed: 20_261, kills: 20, pauses: 10, pause: PAUSE, gap };
    let plan = LoadPlan::realistic(&scene.name, 6, 402_000, torment.seed);
    Ordeal { plan, more: 102_000, torment }.run(&scene, &job)
}

#[test]
fn transactional_source_read_by_killed_and_paused_workers_is_delivered_once() -> Result<()> {
    let scene = Scene::new("nemesis-tx")?;
    scene.create(4, &NO_EXPIRY)?;
    let job = scene.job().sink(SESSION).top("lanes: 2");
    let gap = Duration::from_millis(1_600);
    let torment = Torment { seed: 20_262, kills: 6, pauses: 3, pause: PAUSE, gap };
    let plan = LoadPlan::realistic(&scene.name, 4, 40_000, torment.seed).transactional(500, 3);
    Ordeal { plan, more: 20_000, torment }.run(&scene, &job)
}

/// Before KIP-890 an epoch outlives its transaction, so that a request which comes late can hit the next one.
#[test]
fn sink_with_transaction_version_0_gets_each_record_once_from_killed_and_paused_workers() -> Result<()> {
    let given = std::env::var("VELOSTREAM_TEST_KAFKA_OLD").ok().filter(|value| !value.is_empty());
    let owned = match given {
        Some(_) => None,
        None => Some(KafkaCluster::start(ClusterOptions::for_test("old-sink").transaction_version(0))?),
    };
    let sink = given.or_else(|| owned.as_ref().map(KafkaCluster::bootstrap)).context("a sink")?;
    let scene = Scene::new("nemesis-v1")?.with_sink(sink);
    scene.create(4, &NO_EXPIRY)?;
    let job = scene.job().sink(SESSION);
    let gap = Duration::from_millis(1_600);
    let torment = Torment { seed: 20_263, kills: 8, pauses: 4, pause: PAUSE, gap };
    let plan = LoadPlan::realistic(&scene.name, 4, 60_000, torment.seed).transactional(1_000, 4);
    Ordeal { plan, more: 20_000, torment }.run(&scene, &job)
}
