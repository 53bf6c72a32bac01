//! A second opinion on the demo's outcome: Kafka's own console consumer.

use std::thread;

use anyhow::{Result, anyhow};
use velostream_testkit::services::{KafkaCluster, KafkaTool};

/// How long the consumer waits for a record before it takes what it has for all. On a busy machine its first one may
/// take longer than that, so whoever counts too few counts again with more patience.
const PATIENCE_MS: [&str; 2] = ["5000", "60000"];

/// Records of the topics that a read_committed console consumer reads in each of two clusters, both at once.
///
/// # Errors
/// When the tool fails.
pub(crate) fn count(
    source: &KafkaCluster,
    sink: &KafkaCluster,
    topics: &[&str],
    sent: u64,
) -> Result<(u64, u64)> {
    thread::scope(|scope| {
        let counting = scope.spawn(|| count_one(source, topics, sent));
        let sink = count_one(sink, topics, sent)?;
        let source = counting.join().map_err(|_| anyhow!("the console consumer's thread panicked"))??;
        Ok((source, sink))
    })
}

fn count_one(cluster: &KafkaCluster, topics: &[&str], sent: u64) -> Result<u64> {
    let mut counted = 0;
    for patience_ms in PATIENCE_MS {
        counted = read_all(cluster, topics, patience_ms)?;
        if counted >= sent {
            break;
        }
    }
    Ok(counted)
}

fn read_all(cluster: &KafkaCluster, topics: &[&str], patience_ms: &str) -> Result<u64> {
    // One line per record whatever its bytes: the offset, and neither key nor value.
    let lines = KafkaTool::ConsoleConsumer.run(
        cluster.install(),
        [
            "--bootstrap-server",
            &cluster.bootstrap(),
            "--include",
            &topics.join("|"),
            "--from-beginning",
            "--isolation-level",
            "read_committed",
            "--timeout-ms",
            patience_ms,
            "--formatter-property",
            "print.value=false",
            "--formatter-property",
            "print.offset=true",
        ],
    )?;
    Ok(u64::try_from(lines.iter().filter(|byte| **byte == b'\n').count())?)
}
