//! When records become visible to a read_committed reader of the sink.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

const LIMIT: Duration = Duration::from_secs(10);
/// Nothing moved for so long after everything was there: it is over.
const QUIET: Duration = Duration::from_secs(3);

/// The first and the last arrival, after the start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) first: Duration,
    pub(crate) last: Duration,
    /// Records (and markers) that came after the first arrival.
    pub(crate) moved: u64,
}

/// Waits until `records` are visible. Last stable offsets count transaction markers too, so the end is when at least
/// so many offsets are stable and nothing moves any more.
///
/// # Errors
/// When they are not there within `patience`.
pub(crate) fn watch(
    bootstrap: &str,
    topic: &str,
    partitions: i32,
    records: u64,
    began: Instant,
    patience: Duration,
) -> Result<Arrival> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("isolation.level", "read_committed")
        .create()?;
    let (mut seen, mut first, mut last) = (0_u64, None, began);
    let mut at_first = 0;
    loop {
        let mut stable = 0;
        for partition in 0..partitions {
            stable += u64::try_from(consumer.fetch_watermarks(topic, partition, LIMIT)?.1)?;
        }
        if stable > seen {
            seen = stable;
            last = Instant::now();
            if first.is_none() {
                (first, at_first) = (Some(last), stable);
            }
        }
        match first {
            Some(first) if seen >= records && last.elapsed() > QUIET => {
                let (first, last) = (first - began, last - began);
                return Ok(Arrival { first, last, moved: seen - at_first });
            }
            _ if began.elapsed() > patience => {
                bail!("{seen} of {records} records are visible after {patience:?}")
            }
            _ => thread::sleep(Duration::from_millis(20)),
        }
    }
}
