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
/// When they are not there within `patience`, or whoever brings them is no longer `alive`.
pub(crate) fn watch(
    bootstrap: &str,
    topic: &str,
    partitions: i32,
    records: u64,
    (began, patience): (Instant, Duration),
    mut alive: impl FnMut() -> bool,
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
            stable += u64::try_from(end(&consumer, topic, partition)?)?;
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
            _ if !alive() => bail!("it ended with {seen} of {records} records visible"),
            _ => thread::sleep(Duration::from_millis(20)),
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
