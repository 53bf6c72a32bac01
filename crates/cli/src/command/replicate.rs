//! `replicate`: a job made of a few options.

use clap::Args;
use exactly_once::CrossClusterExactlyOnce;
use exactly_once::config::{Servers, Start, TopicPattern};

use super::option;
use super::run::{WorkerArguments, work};
use crate::arguments::Global;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ReplicateArguments {
    /// Brokers of the source cluster: host:port, separated by commas
    #[arg(long, value_name = "SERVERS", value_parser = option::servers)]
    from: Servers,
    /// Brokers of the sink cluster: host:port, separated by commas
    #[arg(long, value_name = "SERVERS", value_parser = option::servers)]
    to: Servers,
    /// A topic, or a regular expression between slashes; may be given more than once
    #[arg(long, value_name = "TOPIC", required = true, value_parser = option::topic)]
    topic: Vec<TopicPattern>,
    /// A topic or expression to leave out; may be given more than once
    #[arg(long, value_name = "TOPIC", value_parser = option::topic)]
    exclude: Vec<TopicPattern>,
    /// Name of the destination; {topic} stands for the source topic
    #[arg(long, value_name = "NAME", default_value = CrossClusterExactlyOnce::SAME_TOPIC)]
    sink_topic: String,
    /// Name of the job: another set of topics needs another name
    #[arg(long, value_name = "NAME", default_value = CrossClusterExactlyOnce::DEFAULT_JOB)]
    job: String,
    /// Start at the end instead of the beginning
    #[arg(long)]
    from_latest: bool,
    /// Writers of one worker
    #[arg(long, value_name = "N", default_value_t = 1)]
    lanes: u16,
    /// Write the job file that these options stand for to stdout, and do nothing
    #[arg(long)]
    print_job: bool,
    #[command(flatten)]
    worker: WorkerArguments,
}

const EXAMPLES: &str = "\
Examples:
  velostream replicate --from a:9092 --to b:9092 --topic orders
  velostream replicate --from a:9092 --to b:9092 --topic orders --print-job > orders.yaml
  velostream replicate --from a:9092 --to b:9092 --topic '/orders\\..*/' --exclude orders.test \\
      --sink-topic 'dr.{topic}' --job orders-dr --print-job";

impl ReplicateArguments {
    /// What the options describe.
    fn copy(&self) -> CrossClusterExactlyOnce {
        let mut copy = CrossClusterExactlyOnce::between(self.from.clone(), self.to.clone())
            .job(self.job.as_str())
            .sink_topic(self.sink_topic.as_str())
            .lanes(self.lanes);
        for topic in &self.topic {
            copy = copy.topic(topic.clone());
        }
        for topic in &self.exclude {
            copy = copy.exclude(topic.clone());
        }
        if self.from_latest {
            copy = copy.start_at(Start::Latest);
        }
        copy
    }
}

pub(crate) fn run(arguments: &ReplicateArguments, global: &Global) -> Result<Exit, Failure> {
    let processor = arguments.copy().processor()?;
    if arguments.print_job {
        output::text(&processor.job().to_yaml()?)?;
        return Ok(Exit::Done);
    }
    work(processor, &arguments.worker, global)
}
