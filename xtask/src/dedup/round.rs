//! One store: load, kills, and the count at the end.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use velostream_testkit::load::{Codec, Random, end_offsets, send};
use velostream_testkit::nemesis::{Job, NO_EXPIRY, Scene, Worker, ends_well, until};
use velostream_testkit::states::{Census, Repeated, StateServer, StoreKind};

const PARTITIONS: i32 = 4;
/// Longest pause between a worker's first delivery and its end, in milliseconds.
const LIFE_MS: u64 = 300;
/// One of so many contents is sent again behind the end of its window.
const OUTSIDE: u64 = 10;
/// Longest that the last worker may need.
const LIMIT: Duration = Duration::from_secs(600);

/// What is tried.
pub(crate) struct Round {
    pub(crate) kind: StoreKind,
    pub(crate) records: u64,
    pub(crate) kills: u64,
    pub(crate) seed: u64,
}

/// What came out.
pub(crate) struct Counts {
    pub(crate) sent: u64,
    pub(crate) different: u64,
    pub(crate) delivered: u64,
    pub(crate) kills: u64,
    /// Records that were sent again behind the end of a window, and delivered again.
    pub(crate) outside: u64,
    pub(crate) peak_kib: u64,
    pub(crate) bound_kib: u64,
    pub(crate) seconds: u64,
}

impl Round {
    /// Delivers, kills, counts.
    ///
    /// # Errors
    /// When a content is missing, foreign, or there more often than once; or the bound of memory is passed.
    pub(crate) fn run(&self) -> Result<Counts> {
        let began = Instant::now();
        let server = StateServer::start(self.kind)?;
        let scene = Scene::new(&format!("dedup-{}", self.kind))?;
        scene.create(PARTITIONS, &NO_EXPIRY)?;
        let sink_topic = format!("dr.{}", scene.name);
        let different = self.records / 5 * 4;
        // What is sent again at the end has new ids before the old ones' bucket ends.
        let most = different + different / OUTSIDE;
        let ids = |window: &str| {
            format!(
                "exactly_once: {{ record_id_strategy: content_hash, deduplication_window: {window}, max_tracked_records: \
                 {most} }}"
            )
        };
        let given = server.give(scene.job().sink("topic: \"dr.{topic}\"").top(&ids("1h")))?;
        let mut random = Random::new(self.seed, 17);
        let mut load = Repeated::new(self.seed, PARTITIONS);
        let mut peak_kib = 0;
        for kill in 0..self.kills {
            let codec = if kill % 2 == 0 { Codec::Lz4 } else { Codec::Zstd };
            // What is left of the division comes with the last.
            let part =
                if kill + 1 == self.kills { different - load.different() } else { different / self.kills };
            send(&scene.source, &scene.name, codec, load.part(part))?;
            let before = delivered(&scene, &sink_topic);
            let mut worker = Worker::of(&given, "w0")?;
            until(|| delivered(&scene, &sink_topic) > before || !worker.is_running().unwrap_or(false))?;
            sleep(Duration::from_millis(random.below(LIFE_MS)));
            ensure!(worker.is_running()?, "a worker ended by itself: {}", worker.log());
            peak_kib = peak_kib.max(worker.peak_memory_kib()?);
            worker.kill()?;
        }
        peak_kib = peak_kib.max(deliver(&given)?);
        let census = Census::read(&scene.sink, &sink_topic)?;
        census.expect(different, |_| 1)?;
        let delivered = census.records;
        // Nothing of what was delivered so far lies inside a window of a second any more.
        sleep(Duration::from_secs(2));
        let again = (0..different).step_by(usize::try_from(OUTSIDE)?).map(|n| (0, Repeated::record(n)));
        send(&scene.source, &scene.name, Codec::Lz4, again)?;
        let narrow = given.top(&ids("1s"));
        peak_kib = peak_kib.max(deliver(&narrow)?);
        let census = Census::read(&scene.sink, &sink_topic)?;
        census.expect(different, |n| if n % OUTSIDE == 0 { 2 } else { 1 })?;
        let bound_kib = self.bound_kib(most);
        ensure!(peak_kib <= bound_kib, "a worker took {peak_kib} KiB, the bound is {bound_kib}");
        Ok(Counts {
            sent: load.made(),
            different,
            delivered,
            kills: self.kills,
            outside: census.records - delivered,
            peak_kib,
            bound_kib,
            seconds: began.elapsed().as_secs(),
        })
    }

    /// 64 MiB of a worker at four partitions, and 24 bytes for each id in the index; the memory store holds every id a second
    /// time.
    fn bound_kib(&self, ids: u64) -> u64 {
        let each = if self.kind == StoreKind::Memory { 48 } else { 24 };
        (64 << 10) + ids * each / 1024
    }
}

/// Records on the sink, markers included; 0 where the topic is not there yet.
fn delivered(scene: &Scene, topic: &str) -> i64 {
    end_offsets(&scene.sink, topic).unwrap_or_default().iter().sum()
}

/// Runs a worker until it has delivered all; the most memory that it had, in KiB.
fn deliver(job: &Job) -> Result<u64> {
    let path = job.write()?;
    let path = path.to_string_lossy();
    let mut worker = job.start(&["run", &path, "--until-caught-up", "--no-progress", "--instance", "w0"])?;
    let mut peak = 0;
    while worker.is_running()? {
        // It may end between the two.
        peak = worker.peak_memory_kib().unwrap_or(peak).max(peak);
        sleep(Duration::from_millis(5));
    }
    ends_well(&worker.wait(LIMIT)?)?;
    Ok(peak)
}
