//! Topics from one Kafka cluster to another.

use std::fmt::Display;
use std::future::Future;
use std::net::SocketAddr;

use velostream_core::JobName;

use crate::config::{
    ConfigError, ExactlyOnceConfig, HttpConfig, JobFile, JobProcessingConfig, KafkaSink, KafkaSource,
    Problem, Servers, Sink, Source, Start, StateDir, StateStoreConfig, TopicPattern,
};
use crate::job_processor::ExactlyOnceJobProcessor;
use crate::run::{JobExecutionStats, Running};

/// Copies topics from one Kafka cluster to another, each committed record exactly once and in the order of its
/// partition.
///
/// It is what `velostream replicate` runs: a builder for the job file of such a copy. Nothing is checked before
/// [`job_file`](Self::job_file), which names everything that is wrong at once.
///
/// ```
/// use exactly_once::CrossClusterExactlyOnce;
///
/// # fn main() -> Result<(), exactly_once::Error> {
/// let copy = CrossClusterExactlyOnce::between("kafka-a:9092", "kafka-b:9092")
///     .job("orders-dr")
///     .topic("/orders\\..*/")
///     .exclude("orders.test")
///     .sink_topic("dr.{topic}");
///
/// assert!(copy.processor()?.explain().level.is_exactly_once());
/// print!("{}", copy.job_file()?.to_yaml()?); // the file that stands for it
/// # Ok(())
/// # }
/// # async fn run(copy: exactly_once::CrossClusterExactlyOnce) -> exactly_once::core::Result<()> {
///
/// let stats = copy.run_until(async { drop(tokio::signal::ctrl_c().await) }).await?;
/// println!("{} records", stats.records);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use = "nothing is copied before it is started"]
pub struct CrossClusterExactlyOnce {
    from: String,
    to: String,
    job: String,
    topics: Vec<String>,
    exclude: Vec<String>,
    sink_topic: String,
    start: Start,
    lanes: u16,
    exactly_once: ExactlyOnceConfig,
    processing: JobProcessingConfig,
    state_store: Option<StateStoreConfig>,
    state_dir: Option<StateDir>,
    http: Option<SocketAddr>,
}

impl CrossClusterExactlyOnce {
    /// Name of a job that was given none.
    pub const DEFAULT_JOB: &str = "replicate";
    /// Destination of a topic unless another one is asked for: a topic of the same name.
    pub const SAME_TOPIC: &str = "{topic}";

    /// A copy between two clusters, each named by `host:port`, or by several of them separated by commas.
    pub fn between(from: impl Into<String>, to: impl Into<String>) -> Self {
        Self {
            from: from.into(),
            to: to.into(),
            job: Self::DEFAULT_JOB.to_owned(),
            topics: Vec::new(),
            exclude: Vec::new(),
            sink_topic: Self::SAME_TOPIC.to_owned(),
            start: Start::default(),
            lanes: 1,
            exactly_once: ExactlyOnceConfig::default(),
            processing: JobProcessingConfig::default(),
            state_store: None,
            state_dir: None,
            http: None,
        }
    }

    /// Names the job. What is copied already is known by this name: another set of topics needs another one.
    pub fn job(mut self, name: impl Into<String>) -> Self {
        self.job = name.into();
        self
    }

    /// Adds a topic, or all topics that match a regular expression between slashes: `/orders\..*/`.
    pub fn topic(mut self, topic: impl Into<String>) -> Self {
        self.topics.push(topic.into());
        self
    }

    /// Leaves a topic out, or all that match an expression between slashes.
    pub fn exclude(mut self, topic: impl Into<String>) -> Self {
        self.exclude.push(topic.into());
        self
    }

    /// Names the destination; `{topic}` stands for the source topic.
    pub fn sink_topic(mut self, template: impl Into<String>) -> Self {
        self.sink_topic = template.into();
        self
    }

    /// Where to start when the job runs for the first time. Without it: at the earliest record.
    pub const fn start_at(mut self, start: Start) -> Self {
        self.start = start;
        self
    }

    /// Writers of one worker, each with its own transaction. Without it: 1.
    pub const fn lanes(mut self, lanes: u16) -> Self {
        self.lanes = lanes;
        self
    }

    /// How records are delivered.
    pub fn exactly_once(mut self, config: ExactlyOnceConfig) -> Self {
        self.exactly_once = config;
        self
    }

    /// Retries and bounds.
    pub const fn processing(mut self, config: JobProcessingConfig) -> Self {
        self.processing = config;
        self
    }

    /// Where ids of records are kept, where [`exactly_once`](Self::exactly_once) tells records apart by what they hold.
    /// Without it: a redb file in the state directory.
    pub fn state_store(mut self, store: StateStoreConfig) -> Self {
        self.state_store = Some(store);
        self
    }

    /// Directory for what a worker keeps. Without it: `./.velostream`.
    pub fn state_dir(mut self, path: impl Into<String>) -> Self {
        self.state_dir = Some(StateDir::new(path));
        self
    }

    /// Answers `/metrics`, `/livez`, `/readyz` and `/status` at this address.
    pub const fn http(mut self, listen: SocketAddr) -> Self {
        self.http = Some(listen);
        self
    }

    /// The job that this stands for, checked.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) -> `Reject`, with everything that cannot be read, or else everything
    /// that is out of range or contradicts itself.
    pub fn job_file(&self) -> crate::Result<JobFile> {
        let mut problems = Vec::new();
        let from = read::<Servers>(&self.from, &["source", "kafka", "bootstrap_servers"], &mut problems);
        let topics = patterns(&self.topics, "topics", &mut problems);
        let exclude = patterns(&self.exclude, "exclude", &mut problems);
        let to = read::<Servers>(&self.to, &["sink", "kafka", "bootstrap_servers"], &mut problems);
        let (Some(from), Some(to), true) = (from, to, problems.is_empty()) else {
            return Err(crate::Error::Config { source: ConfigError::without_text(problems) });
        };
        let mut source = KafkaSource::new(from, topics);
        source.exclude = exclude;
        source.start = self.start;
        let mut sink = KafkaSink::new(to);
        sink.topic.clone_from(&self.sink_topic);
        let mut job = JobFile::new(JobName::new(self.job.as_str()), Source::Kafka(source), Sink::Kafka(sink));
        job.lanes = self.lanes;
        job.exactly_once = self.exactly_once.clone();
        job.processing = self.processing.clone();
        job.state_store.clone_from(&self.state_store);
        if let Some(state_dir) = &self.state_dir {
            job.state_dir = state_dir.clone();
        }
        job.http = self.http.map(HttpConfig::new);
        job.validate()?;
        Ok(job)
    }

    /// A worker of it, to be named, bounded, or asked what it promises before it starts.
    ///
    /// # Errors
    /// Those of [`job_file`](Self::job_file).
    pub fn processor(&self) -> crate::Result<ExactlyOnceJobProcessor> {
        ExactlyOnceJobProcessor::new(self.job_file()?)
    }

    /// Starts a worker in the background of the current tokio runtime.
    ///
    /// # Errors
    /// Those of [`job_file`](Self::job_file) and [`ExactlyOnceJobProcessor::start`].
    pub async fn start(&self) -> velostream_core::Result<Running> {
        self.processor()?.start().await
    }

    /// Runs a worker until `shutdown` is ready; then it commits what is open, hands over and ends.
    ///
    /// # Errors
    /// Those of [`job_file`](Self::job_file) and [`ExactlyOnceJobProcessor::run_until`].
    pub async fn run_until(
        &self,
        shutdown: impl Future<Output = ()>,
    ) -> velostream_core::Result<JobExecutionStats> {
        self.processor()?.run_until(shutdown).await
    }
}

fn patterns(texts: &[String], key: &str, problems: &mut Vec<Problem>) -> Vec<TopicPattern> {
    let mut found = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        match text.parse() {
            Ok(pattern) => found.push(pattern),
            Err(error) => problems.push(below(&["source", "kafka", key], problem(&error).inside_item(index))),
        }
    }
    found
}

fn read<T>(text: &str, path: &[&str], problems: &mut Vec<Problem>) -> Option<T>
where
    T: std::str::FromStr<Err: Display>,
{
    text.parse().map_err(|error| problems.push(below(path, problem(&error)))).ok()
}

fn problem(error: &dyn Display) -> Problem {
    Problem::new(error)
}

fn below(path: &[&str], problem: Problem) -> Problem {
    path.iter().rev().fold(problem, |problem, key| problem.inside(key))
}
