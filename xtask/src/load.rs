//! `cargo xtask load`: fills a topic.

use anyhow::Result;
use clap::Args;
use velostream_testkit::load::{Codec, LoadPlan, create_topic, produce};

/// What `cargo xtask load` takes.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Bootstrap servers, for example 127.0.0.1:19092.
    #[arg(long)]
    to: String,
    /// Topic; it is created, without time-based retention, unless --existing is given.
    #[arg(long)]
    topic: String,
    /// Partitions of the topic.
    #[arg(long, default_value_t = 4)]
    partitions: i32,
    /// Committed records in total.
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
    /// Bytes of every value; without it sizes are mixed (20 B to 4 KB) with every odd shape.
    #[arg(long)]
    size: Option<usize>,
    /// Compression: none, gzip, snappy, lz4 or zstd; several alternate. Without it: lz4 with --size, else all.
    #[arg(long, value_delimiter = ',')]
    codec: Vec<Codec>,
    /// Bytes (before compression) that a batch grows to.
    #[arg(long, default_value_t = 1_000_000)]
    batch_bytes: usize,
    /// Seed: the same seed makes the same records.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Records per transaction; 0 sends without transactions.
    #[arg(long, default_value_t = 0)]
    transaction_records: u64,
    /// With transactions, one in so many is aborted; 0 for none.
    #[arg(long, default_value_t = 0)]
    abort_every: u64,
    /// Records per second in total; 0 for as fast as it goes.
    #[arg(long, default_value_t = 0)]
    rate: u64,
    /// Sending threads.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// The topic exists already.
    #[arg(long)]
    existing: bool,
}

/// Runs the command.
///
/// # Errors
/// When the topic cannot be created or a record is refused.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let plan = plan(arguments);
    if !arguments.existing {
        create_topic(&arguments.to, &arguments.topic, arguments.partitions, &[("retention.ms", "-1")])?;
    }
    let report = produce(&arguments.to, &plan)?;
    println!(
        "{} records ({} MB) in {:.2} s, {} records/s; {} more were aborted",
        report.records(),
        report.bytes / 1_000_000,
        report.elapsed.as_secs_f64(),
        report.records_per_second(),
        report.aborted
    );
    Ok(())
}

fn plan(arguments: &Arguments) -> LoadPlan {
    let mut plan = match arguments.size {
        Some(size) => LoadPlan::uniform(
            &arguments.topic,
            arguments.partitions,
            arguments.records,
            size,
            Codec::Lz4,
            arguments.batch_bytes,
        ),
        None => LoadPlan {
            batch_bytes: arguments.batch_bytes,
            ..LoadPlan::realistic(&arguments.topic, arguments.partitions, arguments.records, arguments.seed)
        },
    };
    if !arguments.codec.is_empty() {
        plan.codecs.clone_from(&arguments.codec);
    }
    if arguments.transaction_records > 0 {
        plan = plan.transactional(arguments.transaction_records, arguments.abort_every);
    }
    plan.seed = arguments.seed;
    plan.records_per_second = arguments.rate;
    plan.threads = arguments.threads;
    plan
}
