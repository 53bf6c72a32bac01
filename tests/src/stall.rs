//! What a read_committed reader of the sink sees: when the first record comes, and for how long none comes.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

#[derive(Debug, Clone)]
struct Seen {
    /// Time of the last arrival, per partition.
    last: Vec<Instant>,
    /// Longest time without one since the last reset, per partition.
    longest: Vec<Duration>,
    records: u64,
}

/// A reader in the background.
#[derive(Debug)]
pub struct StallWatch {
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl StallWatch {
    /// Reads all partitions from their present end.
    ///
    /// # Errors
    /// When the reader cannot be made.
    pub fn start(bootstrap: &str, topic: &str, partitions: i32) -> Result<Self> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("group.id", "stall-watch")
            .set("enable.auto.commit", "false")
            .set("isolation.level", "read_committed")
            .set("fetch.wait.max.ms", "10")
            .set("fetch.queue.backoff.ms", "0")
            .create()?;
        let mut list = TopicPartitionList::new();
        for partition in 0..partitions {
            list.add_partition_offset(topic, partition, Offset::End)?;
        }
        consumer.assign(&list)?;
        let count = usize::try_from(partitions)?;
        let fresh =
            Seen { last: vec![Instant::now(); count], longest: vec![Duration::ZERO; count], records: 0 };
        let seen = Arc::new(Mutex::new(fresh));
        let stop = Arc::new(AtomicBool::new(false));
        let (shared, ended) = (Arc::clone(&seen), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                let Some(Ok(message)) = consumer.poll(Duration::from_millis(20)) else { continue };
                let Ok(mut seen) = shared.lock() else { return };
                seen.arrived(usize::try_from(message.partition()).unwrap_or_default());
            }
        });
        Ok(Self { seen, stop, thread: Some(thread) })
    }

    /// Forgets the stalls so far.
    pub fn reset(&self) {
        if let Ok(mut seen) = self.seen.lock() {
            let now = Instant::now();
            seen.longest.fill(Duration::ZERO);
            seen.last.fill(now);
        }
    }

    /// Longest stall of any partition since the last reset, one that still lasts included.
    #[must_use]
    pub fn longest(&self) -> Duration {
        let Ok(seen) = self.seen.lock() else { return Duration::MAX };
        let lasting = seen.last.iter().map(Instant::elapsed);
        seen.longest.iter().copied().chain(lasting).max().unwrap_or_default()
    }

    /// Records that arrived.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.seen.lock().map_or(0, |s| s.records)
    }

    /// Waits until a record arrives that was not there at the call; the time it took.
    ///
    /// # Errors
    /// When none arrives within `patience`.
    pub fn next_arrival(&self, patience: Duration) -> Result<Duration> {
        let (began, before) = (Instant::now(), self.records());
        while began.elapsed() < patience {
            if self.records() > before {
                return Ok(began.elapsed());
            }
            thread::sleep(Duration::from_millis(1));
        }
        None.context(format!("no record arrived within {patience:?}"))
    }
}

impl Seen {
    fn arrived(&mut self, partition: usize) {
        let now = Instant::now();
        self.records += 1;
        if let (Some(last), Some(longest)) = (self.last.get_mut(partition), self.longest.get_mut(partition)) {
            *longest = (*longest).max(now.duration_since(*last));
            *last = now;
        }
    }
}

impl Drop for StallWatch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
