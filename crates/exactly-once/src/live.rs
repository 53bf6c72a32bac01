//! What a job finds when it starts: both ends are asked before it runs.
//!
//! Nothing is written and no group is joined. One thing may happen on a sink cluster that has never seen a
//! transaction: asking for a transaction coordinator makes its brokers create their own log of transactions.

mod cluster;
mod destinations;
mod files;
mod kafka_sink;
mod kafka_source;
mod problem;
mod state_store;

use serde::Serialize;

pub use cluster::{BrokerSeen, ClusterSeen};
pub use destinations::{DestinationSeen, TopicState};
pub use files::{DirectorySeen, FileSeen, FilesSeen};
pub use kafka_sink::{InternalTopicSeen, KafkaSinkSeen, TransactionsSeen};
pub use kafka_source::{KafkaSourceSeen, PatternSeen, TopicSeen};
pub use problem::{LiveProblem, Severity, Side};
pub use state_store::StoreSeen;

use self::problem::Problems;
use crate::config::{JobFile, Sink, Source};

/// What both ends of a job answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Live {
    /// The source.
    pub source: SourceSeen,
    /// The sink.
    pub sink: SinkSeen,
    /// The state store, where the job needs one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_store: Option<StoreSeen>,
    /// What stands in the way of the job, the worst first; then what an operator should know.
    pub problems: Vec<LiveProblem>,
}

/// A source as it answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SourceSeen {
    /// A Kafka cluster.
    Kafka(KafkaSourceSeen),
    /// Files.
    File(FilesSeen),
}

/// A sink as it answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SinkSeen {
    /// A Kafka cluster.
    Kafka(KafkaSinkSeen),
    /// A directory.
    File(DirectorySeen),
}

impl Live {
    /// The first thing that would keep the job from running; `None` where nothing does.
    #[must_use]
    pub fn blocked_by(&self) -> Option<&LiveProblem> {
        self.problems.first().filter(|problem| problem.severity == Severity::Blocks)
    }
}

/// Asks both ends of `job`. Whatever they answer, or that they do not, is part of the result. Takes about 5 s where
/// a cluster cannot be reached. Must be called inside a tokio runtime.
pub async fn look(job: &JobFile) -> Live {
    let mut problems = Problems::default();
    // Both at once: where neither answers, nobody waits twice.
    let (source_cluster, sink_cluster) = tokio::join!(
        async {
            match &job.source {
                Source::Kafka(source) => {
                    Some(cluster::reach(&source.bootstrap_servers, &source.client, Side::Source).await)
                }
                Source::File(_) => None,
            }
        },
        async {
            match &job.sink {
                Sink::Kafka(sink) => {
                    Some(cluster::reach(&sink.bootstrap_servers, &sink.client, Side::Sink).await)
                }
                Sink::File(_) => None,
            }
        }
    );
    let source = match (&job.source, source_cluster) {
        (Source::Kafka(source), Some(reached)) => {
            SourceSeen::Kafka(kafka_source::look(job, source, reached, &mut problems).await)
        }
        (Source::File(source), _) => SourceSeen::File(files::source(source, &mut problems).await),
        (Source::Kafka(_), None) => SourceSeen::Kafka(KafkaSourceSeen::default()),
    };
    let sink = match (&job.sink, sink_cluster) {
        (Sink::Kafka(sink), Some(reached)) => {
            let topics = match &source {
                SourceSeen::Kafka(source) => source.topics.as_slice(),
                SourceSeen::File(_) => &[],
            };
            SinkSeen::Kafka(kafka_sink::look(job, sink, topics, reached, &mut problems).await)
        }
        (Sink::File(sink), _) => SinkSeen::File(files::sink(job, sink, &mut problems)),
        (Sink::Kafka(_), None) => SinkSeen::Kafka(KafkaSinkSeen::default()),
    };
    files::state_dir(job, &mut problems);
    let state_store = state_store::look(job, &mut problems).await;
    Live { source, sink, state_store, problems: problems.sorted() }
}
