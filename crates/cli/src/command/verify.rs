//! `verify`: prove that a sink holds each source record once, in order, unchanged.

mod plan;
mod reading;
mod topics;
mod view;

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use clap::Args;
use exactly_once::config::{Servers, TopicPattern};
use exactly_once::core::{Clock as _, Code, Disposition, Error};
use exactly_once::processor::SystemClock;
use velostream_verifier::{Error as VerifierError, Report, verify};

use super::option;
use crate::arguments::Global;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct VerifyArguments {
    /// The job file: both clusters, the topics and their destinations
    #[arg(value_name = "JOB.yaml", required_unless_present = "from", conflicts_with_all = ["from", "to", "sink_topic"])]
    job: Option<PathBuf>,
    /// Brokers of the source cluster: host:port, separated by commas
    #[arg(long, value_name = "SERVERS", value_parser = option::servers, requires = "to", requires = "topic")]
    from: Option<Servers>,
    /// Brokers of the sink cluster
    #[arg(long, value_name = "SERVERS", value_parser = option::servers, requires = "from")]
    to: Option<Servers>,
    /// A topic of the source, or a regular expression between slashes; may be given more than once. With a job
    /// file: only these of its topics
    #[arg(long, value_name = "TOPIC", value_parser = option::topic)]
    topic: Vec<TopicPattern>,
    /// Name of the destination; {topic} stands for the source topic
    #[arg(long, value_name = "NAME", default_value = "{topic}")]
    sink_topic: String,
    /// A setting of librdkafka for the source, such as security.protocol=SSL; may be given more than once
    #[arg(long, value_name = "NAME=VALUE", value_parser = option::property)]
    source_property: Vec<(String, String)>,
    /// The same for the sink
    #[arg(long, value_name = "NAME=VALUE", value_parser = option::property)]
    sink_property: Vec<(String, String)>,
    /// Findings shown per kind; all are counted
    #[arg(long, value_name = "N", default_value_t = 10)]
    max_examples: usize,
    /// Partitions compared at once
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = option::threads)]
    threads: usize,
    /// Give up where a partition yields nothing for so long
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = humantime::parse_duration)]
    stall: Duration,
}

const EXAMPLES: &str = "\
Examples:
  velostream verify orders-dr.yaml
  velostream verify --from a:9092 --to b:9092 --topic orders
  velostream verify --from a:9092 --to b:9092 --topic '/orders\\..*/' --sink-topic 'dr.{topic}' -o json > report.json

Both sides are read with librdkafka and read_committed, each partition up to the end that it has now: stop the job or
let it catch up first. Nothing is written, no group is joined. Exit code 3 where anything differs.";

pub(crate) fn run(arguments: &VerifyArguments, global: &Global) -> Result<Exit, Failure> {
    let config = plan::config(arguments)?;
    let clock = SystemClock::new();
    let reading = Mutex::new(reading::Reading::start());
    let started = clock.monotonic();
    let result = verify(&config, &clock, &|progress| {
        let elapsed = clock.monotonic().saturating_sub(started);
        let mut reading = reading.lock().unwrap_or_else(PoisonError::into_inner);
        reading.show(progress, elapsed);
    });
    reading.into_inner().unwrap_or_else(PoisonError::into_inner).finish();
    let report = result.map_err(as_error)?;
    output::document(global.output, &view::Verdict::new(&report), |_| view::table(&report))?;
    if report.is_identical() { Ok(Exit::Done) } else { Err(not_clean(&report).into()) }
}

fn not_clean(report: &Report) -> Error {
    let text = format!("source and sink differ in {} records", report.counts.differences());
    Error::new(Code::NotClean, Disposition::Reject, text)
}

fn as_error(error: VerifierError) -> Failure {
    let code = match &error {
        VerifierError::NothingToCompare => Code::NoTopicMatches,
        VerifierError::Settings { .. } => Code::Usage,
        VerifierError::Unreachable { .. } => Code::Unreachable,
        VerifierError::NoTopic { .. } => Code::TopicMissing,
        VerifierError::OffsetGone { .. } => Code::SourceGap,
        VerifierError::Read { .. } => Code::KafkaIo,
        VerifierError::Stalled { .. } => Code::KafkaTimeout,
        _ => Code::Internal,
    };
    let remedy = match &error {
        VerifierError::Settings { .. } => Some("See --source-property and --sink-property."),
        VerifierError::OffsetGone { .. } => Some("Retention removed it meanwhile: verify again."),
        _ => None,
    };
    let result = Error::new(code, error.disposition(), error.to_string()).with_source(error);
    Failure::Error(match remedy {
        Some(remedy) => result.with_remedy(remedy),
        None => result,
    })
}
