//! Payments from one Kafka cluster to another. Each is delivered once within 24 hours, however often it was sent; which
//! ones were delivered is remembered in Redis.
//!
//! ```text
//! SOURCE=kafka-a:9092 SINK=kafka-b:9092 REDIS_URL=redis://velostream:secret@redis-1:6379 \
//!     cargo run --package velostream-exactly-once --example financial
//! ```

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::env;
use std::future::Future;
use std::time::Duration;

use anyhow::Context as _;
use exactly_once::config::{OnIdLoss, OnTrackingLimit, RecordIds, RedisStateConfig, StateStoreConfig};
use exactly_once::core::Result;
use exactly_once::explain::Required;
use exactly_once::{
    CrossClusterExactlyOnce, ExactlyOnceConfig, ExactlyOnceJobProcessor, HealthCheckResult,
    JobExecutionStats, JobProcessingConfig,
};

const HOUR: Duration = Duration::from_secs(3600);
const LOOK_EVERY: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let [source, sink, redis] = ["SOURCE", "SINK", "REDIS_URL"].map(|name| env::var(name).context(name));
    let worker = payments(&source?, &sink?, "payments", &redis?)
        .processor()?
        // Refused, with the reason, where any setting makes it less.
        .require(Required::ExactlyOnce)?;
    let stats = run(&worker, async { drop(tokio::signal::ctrl_c().await) }).await?;
    println!("{} payments in {} transactions, {:?}", stats.records, stats.transactions, stats.elapsed);
    println!("{} came again and were left out", stats.duplicates);
    Ok(())
}

/// The job: what is read, where it goes, and what makes two records one payment.
pub(crate) fn payments(source: &str, sink: &str, topic: &str, redis_url: &str) -> CrossClusterExactlyOnce {
    let mut exactly_once = ExactlyOnceConfig::default();
    // Records that agree in key, account and transaction are one payment; what else they hold may differ.
    exactly_once.record_id_strategy =
        RecordIds::composite(["key", "value:/account", "value:/transaction_id"]);
    // Exact: what comes again 24 hours after it was delivered, or later, is a new payment.
    exactly_once.deduplication_window = 24 * HOUR;
    exactly_once.cleanup_interval = HOUR;
    // 24 bytes of memory each. Where more payments lie inside the window the job stops: it never forgets one early.
    exactly_once.max_tracked_records = 5_000_000;
    exactly_once.on_tracking_limit = OnTrackingLimit::Stop;
    // A failover of Redis may lose what it has acknowledged. The sink shows which payments that are: they are read from
    // the source again and remembered, before anything new is delivered.
    exactly_once.on_id_loss = OnIdLoss::Rebuild;

    let mut processing = JobProcessingConfig::default();
    // Servers that are away are tried again for ever, with longer and longer pauses: no payment is given up.
    processing.retry_backoff = Duration::from_millis(100);
    processing.retry_backoff_max = Duration::from_secs(10);

    CrossClusterExactlyOnce::between(source, sink)
        // The job is known by this name in the sink cluster and in Redis.
        .job(format!("{topic}-once"))
        .topic(topic)
        .sink_topic("once.{topic}")
        .exactly_once(exactly_once)
        .processing(processing)
        // At the start the server must answer `appendfsync always` and `maxmemory-policy noeviction`.
        .state_store(StateStoreConfig::Redis(RedisStateConfig::new(redis_url)))
}

/// Runs a worker until `shutdown` is ready, and says when its health changes. It may be killed at any instant: the next
/// one goes on from what the sink has committed.
pub(crate) async fn run(
    worker: &ExactlyOnceJobProcessor,
    shutdown: impl Future<Output = ()>,
) -> Result<JobExecutionStats> {
    let running = worker.start().await?;
    let (view, stop) = (running.view(), running.stop_handle());
    let ended = running.finished();
    tokio::pin!(ended, shutdown);
    let mut look = tokio::time::interval(LOOK_EVERY);
    let (mut healthy, mut stopping) = (None, false);
    loop {
        tokio::select! {
            stats = &mut ended => return stats,
            () = &mut shutdown, if !stopping => {
                // What is open is committed and the partitions are handed over: the end comes soon after.
                stop.stop();
                stopping = true;
            }
            _ = look.tick() => {
                let health: HealthCheckResult = view.health_check();
                if healthy.replace(health.healthy) != Some(health.healthy) {
                    print!("{health}");
                }
            }
        }
    }
}
