//! What a read_committed reader sees while things happen, and what one sees afterwards.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

use crate::load::Stamp;

/// What was seen of a partition, in the order in which it was seen: offset and fingerprint of each record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sighting {
    records: Vec<(i64, u64)>,
    stamps: u64,
    /// The first record whose stamp is not the one after the stamp before it.
    out_of_order: Option<String>,
}

type Seen = BTreeMap<(String, i32), Sighting>;

/// A reader in the background that misses nothing: it reads from the start of every partition.
#[derive(Debug)]
pub struct Witness {
    seen: Arc<Mutex<Seen>>,
    failure: Arc<Mutex<Option<String>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

const POLL: Duration = Duration::from_millis(50);

impl Sighting {
    fn add(&mut self, message: &impl Message) {
        let mut hasher = DefaultHasher::new();
        (message.timestamp().to_millis(), message.key(), message.payload()).hash(&mut hasher);
        self.records.push((message.offset(), hasher.finish()));
        let Some(stamp) = Stamp::of(message.key(), message.payload()) else { return };
        if stamp.aborted || stamp.sequence != self.stamps {
            let told = || format!("offset {}: {stamp} where {} comes next", message.offset(), self.stamps);
            self.out_of_order = Some(self.out_of_order.take().unwrap_or_else(told));
        }
        self.stamps = stamp.sequence + 1;
    }

    /// Number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// True if none was seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The first record that was not the next one of its load, or came from an aborted transaction.
    #[must_use]
    pub fn out_of_order(&self) -> Option<&str> {
        self.out_of_order.as_deref()
    }

    /// Where two sightings differ first.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<String> {
        let at = self.records.iter().zip(&other.records).position(|(one, two)| one != two);
        let shorter = self.len().min(other.len());
        let at = at.or_else(|| (self.len() != other.len()).then_some(shorter))?;
        Some(format!("record {at}: {:?} and {:?}", self.records.get(at), other.records.get(at)))
    }
}

impl Witness {
    /// Reads these topics, each with so many partitions, as soon as they are there.
    ///
    /// # Errors
    /// When there is no thread.
    pub fn start(bootstrap: &str, topics: &[(String, i32)]) -> Result<Self> {
        let (seen, failure, stop) = (Arc::default(), Arc::default(), Arc::new(AtomicBool::new(false)));
        let run = {
            let (seen, failure) = (Arc::clone(&seen), Arc::clone(&failure));
            let (stop, bootstrap, topics) = (Arc::clone(&stop), bootstrap.to_owned(), topics.to_vec());
            move || {
                if let Err(error) = watch(&bootstrap, &topics, &seen, &stop) {
                    *lock(&failure) = Some(format!("{error:#}"));
                }
            }
        };
        let thread = thread::Builder::new().name("witness".to_owned()).spawn(run)?;
        Ok(Self { seen, failure, stop, thread: Some(thread) })
    }

    /// Records seen so far.
    #[must_use]
    pub fn records(&self) -> u64 {
        lock(&self.seen).values().map(|one| u64::try_from(one.len()).unwrap_or(u64::MAX)).sum()
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// When it could not go on reading.
    pub fn finish(mut self) -> Result<BTreeMap<(String, i32), Sighting>> {
        self.end();
        if let Some(failure) = lock(&self.failure).take() {
            bail!("the concurrent reader: {failure}");
        }
        Ok(std::mem::take(&mut *lock(&self.seen)))
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.end();
    }
}

/// Everything that a read_committed reader sees of these topics now.
///
/// # Errors
/// When nothing comes for a minute, although there is more.
pub fn read_all(bootstrap: &str, topics: &[(String, i32)]) -> Result<BTreeMap<(String, i32), Sighting>> {
    let consumer = consumer(bootstrap)?;
    consumer.assign(&all(topics)?)?;
    let mut seen = start(topics);
    let mut left = seen.len();
    let mut last = Instant::now();
    while left > 0 {
        match consumer.poll(POLL) {
            Some(Ok(message)) => {
                last = Instant::now();
                note(&mut seen, &message);
            }
            // The end of what is committed, since it is told in read_committed terms.
            Some(Err(KafkaError::PartitionEOF(_))) => left -= 1,
            Some(Err(error)) => bail_where_lost(&error)?,
            None => ensure!(last.elapsed() < Duration::from_secs(60), "the final reader gets nothing more"),
        }
    }
    Ok(seen)
}

fn watch(bootstrap: &str, topics: &[(String, i32)], seen: &Mutex<Seen>, stop: &AtomicBool) -> Result<()> {
    let consumer = consumer(bootstrap)?;
    for (topic, partitions) in topics {
        let wanted = usize::try_from(*partitions)?;
        let exists = || {
            let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(5)).ok();
            metadata.is_some_and(|all| all.topics().iter().any(|one| one.partitions().len() == wanted))
        };
        while !exists() {
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            thread::sleep(POLL);
        }
    }
    *lock(seen) = start(topics);
    consumer.assign(&all(topics)?)?;
    while !stop.load(Ordering::Relaxed) {
        match consumer.poll(POLL) {
            Some(Ok(message)) => note(&mut lock(seen), &message),
            // Brokers go and come back.
            Some(Err(error)) => bail_where_lost(&error)?,
            None => {}
        }
    }
    Ok(())
}

fn note(seen: &mut Seen, message: &impl Message) {
    let place = (message.topic().to_owned(), message.partition());
    seen.entry(place).or_default().add(message);
}

/// A reader that is told that its place is gone would have to skip.
fn bail_where_lost(error: &KafkaError) -> Result<()> {
    let lost =
        [RDKafkaErrorCode::OffsetOutOfRange, RDKafkaErrorCode::AutoOffsetReset, RDKafkaErrorCode::Fatal];
    match error.rdkafka_error_code() {
        Some(code) if lost.contains(&code) => Err(error.clone()).context("it has lost its place"),
        _ => Ok(()),
    }
}

fn consumer(bootstrap: &str) -> Result<BaseConsumer> {
    Ok(ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "witness")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "error")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .set("fetch.wait.max.ms", "50")
        .set("reconnect.backoff.max.ms", "500")
        .set("log_level", "0")
        .create()?)
}

fn all(topics: &[(String, i32)]) -> Result<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for (topic, partitions) in topics {
        for partition in 0..*partitions {
            list.add_partition_offset(topic, partition, Offset::Beginning)?;
        }
    }
    Ok(list)
}

fn start(topics: &[(String, i32)]) -> Seen {
    let places = topics.iter().flat_map(|(topic, count)| (0..*count).map(|one| (topic.clone(), one)));
    places.map(|place| (place, Sighting::default())).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
