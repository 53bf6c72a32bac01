//! One round: a fresh topic, three workers, a series of faults, and a verdict.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail, ensure};
use velostream_testkit::Witness;
use velostream_testkit::load::{
    Codec, LoadPlan, ODD_TOPIC, create_topic, delete_topic, odd_batches_of, produce, produce_batches,
};
use velostream_testkit::nemesis::{Arena, Job, Member, Mix, NO_EXPIRY, Side, Signal, Tally, plan};
use velostream_testkit::proxy::Observer;

use super::deeds::Deeds;
use super::judge::{Topic, judge};
use super::progress;

/// A round, which is a function of seed, number and what was met before.
pub(crate) struct Round<'a> {
    pub(crate) seed: u64,
    pub(crate) number: u64,
    /// Job files, logs and deeds; removed after a round that is in order.
    pub(crate) dir: PathBuf,
    /// Source and sink.
    pub(crate) ends: (&'a Side, &'a Side),
    pub(crate) observer: Arc<Observer>,
    pub(crate) binary: PathBuf,
    pub(crate) stop: Arc<AtomicBool>,
}

const WORKERS: usize = 3;
const PARTITIONS: i32 = 6;
const ODD_PARTITIONS: i32 = 2;
/// Records that are there before any worker runs.
const FIRST: u64 = 12_000;
/// Rounds of odd batches, the large one in the first.
const ODD_ROUNDS: u32 = 6;
/// Records of each load that comes after, and how many come a second.
const TRICKLE: u64 = 1_200;
const RATE: u64 = 900;
/// How long everything may take to arrive once nothing is broken any more.
const HEALED: Duration = Duration::from_secs(90);
/// How long a worker may take to end.
const FAREWELL: Duration = Duration::from_secs(25);
/// How long the last worker may take.
const LAST: Duration = Duration::from_secs(90);
const LOOK: Duration = Duration::from_millis(50);

impl Round<'_> {
    /// Keeps what was met before, so that the same round can be run again.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn note_before(&self, tally: &Tally) -> Result<()> {
        fs::remove_dir_all(&self.dir).ok();
        progress::write(&self.before_path(), &progress::tally_value(tally))
    }

    /// What was met before the round when it ran; nothing where that is not known.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn before(&self) -> Result<Tally> {
        match fs::read_to_string(self.before_path()) {
            Ok(text) => progress::tally(&serde_json::from_str(&text)?),
            Err(_) => Ok(Tally::new()),
        }
    }

    fn before_path(&self) -> PathBuf {
        self.dir.join("before.json")
    }

    /// Runs it, and counts in `tally`.
    ///
    /// # Errors
    /// When anything is lost, doubled, changed or out of order, or somebody is stuck.
    pub(crate) fn run(&self, tally: &mut Tally) -> Result<()> {
        fs::create_dir_all(&self.dir)?;
        let (source, sink) = self.ends;
        let strikes = plan(self.seed, self.number, tally, Mix::default());
        let name = format!("torture-{}-{}", self.seed, self.number);
        let load = self.first_load(&name);
        let odd = self.fill(&load)?;
        let mut topics = vec![
            Topic { name: name.clone(), partitions: PARTITIONS, records: FIRST },
            Topic { name: odd_topic(&name), partitions: ODD_PARTITIONS, records: odd },
        ];
        let places: Vec<_> = topics.iter().map(|topic| (topic.name.clone(), topic.partitions)).collect();
        let witness = Witness::start(&sink.direct, &places)?;
        let job = self.job(&name, &source.proxied, &sink.proxied);
        let mut members: Vec<Member> =
            (0..WORKERS).map(|one| Member::new(&format!("w{one}"), &job, &self.binary)).collect();
        let deeds = Deeds::create(&self.dir.join("deeds.log"))?;
        let tell = |deed: &str| deeds.note(deed);
        let over = AtomicBool::new(false);
        let more = thread::scope(|scope| -> Result<u64> {
            let (load, ended) = (&load, &over);
            let loading = scope.spawn(move || trickle(&source.direct, load, ended));
            let arena = Arena::new(&self.observer, (source, sink), strikes, tally, &self.stop, &tell);
            let fought = arena.fight(&mut members);
            over.store(true, Ordering::Relaxed);
            let more = loading.join().map_err(|_| anyhow!("the load generator panicked"))?;
            fought?;
            more
        })?;
        topics.iter_mut().take(1).for_each(|topic| topic.records += more);
        tell("healed");
        // Whatever was cut or held on behalf of somebody who is gone.
        [source, sink].iter().for_each(|side| side.proxy.forget());
        let sent: u64 = topics.iter().map(|topic| topic.records).sum();
        await_everything(&witness, sent, &mut members)?;
        tell("delivered");
        end_all(&mut members)?;
        let direct = self.job(&name, &source.direct, &sink.direct);
        let mut last = Member::new("last", &direct, &self.binary);
        last.start_until_caught_up()?;
        match last.await_end(LAST) {
            None => bail!("stuck: the last worker has not ended within {LAST:?}:\n{}", last.last_words()),
            Some(status) => ensure!(status.success(), "the last worker: {status}:\n{}", last.last_words()),
        }
        tell("judged");
        judge(self.ends, &topics, witness, tally)?;
        match self.number.is_multiple_of(2) {
            true => tally.rounds_v2 += 1,
            false => tally.rounds_v1 += 1,
        }
        self.tidy(&topics);
        Ok(())
    }

    fn first_load(&self, name: &str) -> LoadPlan {
        let seed = self.seed.wrapping_mul(1_000_003).wrapping_add(self.number);
        let load = LoadPlan {
            run_length: 1_000,
            batch_bytes: 8 << 10,
            ..LoadPlan::realistic(name, PARTITIONS, FIRST, seed)
        };
        // Aborted transactions among them, in every third round.
        if self.number % 3 == 2 { load.transactional(500, 3) } else { load }
    }

    /// Creates and fills the topics of the source; returns the number of odd records.
    fn fill(&self, load: &LoadPlan) -> Result<u64> {
        let source = &self.ends.0.direct;
        let odd = odd_topic(&load.topic);
        create_topic(source, &load.topic, PARTITIONS, &NO_EXPIRY)?;
        create_topic(source, &odd, ODD_PARTITIONS, &ODD_TOPIC)?;
        produce(source, load)?;
        let mut records = 0;
        for round in 0..ODD_ROUNDS {
            let batches = odd_batches_of(round)?;
            produce_batches(source, &odd, i32::try_from(round)? % ODD_PARTITIONS, &batches.batches)?;
            records += batches.records;
        }
        Ok(records)
    }

    fn job(&self, name: &str, source: &str, sink: &str) -> Job {
        Job::kafka(name, &self.dir, source, sink, &[name, &odd_topic(name)])
            // Small, so that a transaction touches several splits.
            .source("partition_max_bytes: 32KB")
            .sink("session_timeout: 2s")
            .sink("heartbeat_interval: 200ms")
            .sink("rebalance_timeout: 500ms")
            .sink("transaction_timeout: 4s")
            .top("exactly_once: { transaction: { max_interval: 50ms, max_bytes: 256KB } }")
    }

    /// Topics that stay cost nothing but disk and a slower restart.
    fn tidy(&self, topics: &[Topic]) {
        let (source, sink) = self.ends;
        for topic in topics {
            drop(delete_topic(&source.direct, &topic.name));
            drop(delete_topic(&sink.direct, &topic.name));
        }
        if let Some(first) = topics.first() {
            drop(delete_topic(&sink.direct, &format!("__velostream.{}", first.name)));
        }
    }
}

fn odd_topic(name: &str) -> String {
    format!("{name}-odd")
}

/// More and more records until it is over; returns how many.
fn trickle(source: &str, first: &LoadPlan, over: &AtomicBool) -> Result<u64> {
    let partitions = u64::try_from(PARTITIONS)?;
    let mut sent = 0;
    let mut codecs = Codec::ALL.iter().cycle();
    while !over.load(Ordering::Relaxed) {
        let plan = LoadPlan {
            records: TRICKLE,
            records_per_second: RATE,
            first_sequence: (FIRST + sent) / partitions,
            codecs: codecs.next().into_iter().copied().collect(),
            transactions: None,
            threads: 1,
            ..first.clone()
        };
        sent += produce(source, &plan)?.records();
    }
    Ok(sent)
}

/// Three workers and nothing in their way: all that was sent has to come, and no more than that.
fn await_everything(witness: &Witness, sent: u64, members: &mut [Member]) -> Result<()> {
    let began = Instant::now();
    while witness.records() < sent {
        for member in members.iter_mut() {
            if let Some(status) = member.ended() {
                bail!("{} ended by itself with {status}:\n{}", member.name(), member.last_words());
            }
        }
        if began.elapsed() > HEALED {
            let words: Vec<String> = members.iter().map(Member::last_words).collect();
            let seen = witness.records();
            bail!("stuck: {seen} of {sent} records within {HEALED:?}:\n{}", words.join("\n--\n"));
        }
        thread::sleep(LOOK);
    }
    Ok(())
}

fn end_all(members: &mut [Member]) -> Result<()> {
    members.iter().try_for_each(|member| member.signal(Signal::TERM))?;
    for member in members {
        let Some(status) = member.await_end(FAREWELL) else {
            bail!("stuck: {} does not end within {FAREWELL:?}:\n{}", member.name(), member.last_words());
        };
        ensure!(status.success(), "{} ended with {status}:\n{}", member.name(), member.last_words());
    }
    Ok(())
}
