//! When records become visible to a read_committed reader of the sink.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::types::RDKafkaErrorCode;

const LIMIT: Duration = Duration::from_secs(10);
/// Nothing moved for so long after everything was there: it is over.
const QUIET: Duration = Duration::from_secs(3);

/// What has to become visible.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) records: u64,
    /// Visible records from which the rate is counted; the first ones where 0.
    pub(crate) count_from: u64,
    pub(crate) patience: Duration,
}

/// The first and the last arrival, after the start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) first: Duration,
    pub(crate) last: Duration,
    /// When the rate begins to be counted.
    pub(crate) counted_from: Duration,
    /// Records (and markers) that came after that.
    pub(crate) moved: u64,
    /// The longest time between two arrivals.
    pub(crate) stall: Duration,
}

/// Waits until `records` are visible. Last stable offsets count transaction markers too, so the end is when at least
/// so many offsets are stable and nothing moves any more. `meanwhile` is told how many are visible, again and again.
///
/// # Errors
/// When they are not there within `patience`, or `meanwhile` fails.
pub(crate) fn watch(
    (bootstrap, topic, partitions): (&str, &str, i32),
    wanted: Wanted,
    began: Instant,
    mut meanwhile: impl FnMut(u64) -> Result<()>,
) -> Result<Arrival> {
    let Wanted { records, count_from, patience } = wanted;
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("isolation.level", "read_committed")
        .create()?;
    let (mut seen, mut first, mut last) = (0_u64, None, began);
    let (mut counting, mut stall) = (None, Duration::ZERO);
    loop {
        let mut stable = 0;
        for partition in 0..partitions {
            stable += u64::try_from(end(&consumer, topic, partition)?)?;
        }
        if stable > seen {
            seen = stable;
            if first.is_some() {
                stall = stall.max(last.elapsed());
            }
            last = Instant::now();
            first = first.or(Some(last));
            if counting.is_none() && stable >= count_from {
                counting = Some((last, stable));
            }
        }
        match first.zip(counting) {
            Some((first, (from, at))) if seen >= records && last.elapsed() > QUIET => {
                let [first, last, counted_from] = [first, last, from].map(|at| at - began);
                return Ok(Arrival { first, last, counted_from, moved: seen - at, stall });
            }
            _ if began.elapsed() > patience => {
                bail!("{seen} of {records} records are visible after {patience:?}")
            }
            _ => {
                meanwhile(seen)?;
                thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// The last stable offset; nothing of a topic that was created a moment ago.
fn end(consumer: &BaseConsumer, topic: &str, partition: i32) -> Result<i64> {
    const NOT_YET: [RDKafkaErrorCode; 2] =
        [RDKafkaErrorCode::NotLeaderForPartition, RDKafkaErrorCode::UnknownTopicOrPartition];
    match consumer.fetch_watermarks(topic, partition, LIMIT) {
        Ok((_, end)) => Ok(end),
        Err(error) if error.rdkafka_error_code().is_some_and(|code| NOT_YET.contains(&code)) => Ok(0),
        Err(error) => Err(error.into()),
    }
}
