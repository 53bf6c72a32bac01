//! Whether a Kafka sink can do what a job needs of it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use velostream_connector_kafka::client::{
    ApiKey, Cluster, CoordinatorKind, CreateTopics, Error, ErrorCode, MetadataTopic, NewTopic,
};
use velostream_connector_kafka::{Error as ConnectorError, Names};
use velostream_core::{Code, InstanceName};

use super::cluster::{ClusterSeen, Reached, describe};
use super::destinations::{DestinationSeen, TopicState, destination, keys};
use super::kafka_source::TopicSeen;
use super::problem::{Problems, Side};
use crate::config::{JobFile, KafkaSink};

/// TxnOffsetCommit with member and generation, the fence of a stale worker (KIP-447, Kafka 2.5).
const FENCED_OFFSETS: i16 = 3;

/// How long the controller may think about topics that it is asked to check.
const CHECK_TOPICS: Duration = Duration::from_secs(10);

/// Most copies of the internal topic.
const INTERNAL_COPIES: usize = 3;

/// A Kafka sink as it answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct KafkaSinkSeen {
    /// The cluster.
    #[serde(flatten)]
    pub cluster: ClusterSeen,
    /// Transactions; absent where the cluster did not answer.
    pub transactions: Option<TransactionsSeen>,
    /// The topic that holds the job's progress; absent where the cluster did not answer.
    pub internal_topic: Option<InternalTopicSeen>,
    /// Where the records go.
    pub destinations: Vec<DestinationSeen>,
}

/// What a cluster offers for transactions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TransactionsSeen {
    /// True where coordinators of transactions and groups answered and the needed requests are offered.
    pub possible: bool,
    /// Feature `transaction.version`: 2 where each transaction has its own epoch (KIP-890).
    pub version: u16,
    /// Broker that coordinates the job's first transactional id.
    pub coordinator: Option<i32>,
    /// Broker that coordinates the job's group.
    pub group_coordinator: Option<i32>,
}

/// The topic that holds the job's progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct InternalTopicSeen {
    /// Name.
    pub topic: String,
    /// Whether it is there: the job has run before.
    pub state: TopicState,
    /// Its partitions; 0 where it is not there.
    pub partitions: usize,
}

pub(super) async fn look(
    job: &JobFile,
    sink: &KafkaSink,
    sources: &[TopicSeen],
    reached: Reached,
    problems: &mut Problems,
) -> KafkaSinkSeen {
    let (cluster_seen, answered) = reached.seen(problems);
    let mut seen = KafkaSinkSeen { cluster: cluster_seen, ..KafkaSinkSeen::default() };
    let Some((cluster, metadata)) = answered else { return seen };
    // Only names that every worker shares are asked for.
    let names = Names::new(job.job.clone(), InstanceName::new("check"));
    seen.transactions = Some(transactions(&cluster, &names, problems).await);

    let topics: BTreeMap<&str, &MetadataTopic> = metadata
        .topics
        .iter()
        .filter(|t| t.error.is_ok())
        .filter_map(|t| Some((t.name.as_deref()?, t)))
        .collect();
    let journal = names.journal();
    let wanted: Vec<String> = sources.iter().map(|source| sink.destination(&source.topic)).collect();
    let present = wanted.iter().chain([&journal]).filter(|n| topics.contains_key(n.as_str()));
    let settings = describe(&cluster, present.map(String::as_str), &keys(), Side::Sink, problems).await;
    for (source, name) in sources.iter().zip(&wanted) {
        let found = topics.get(name.as_str()).copied();
        let destination = destination(sink, source, found, &settings, cluster.cluster_id(), problems);
        seen.destinations.push(destination);
    }
    let policy = settings.get(&journal).and_then(|s| s.get("cleanup.policy"));
    if let Some(policy) = policy.filter(|policy| *policy != "compact") {
        let what = format!("cleanup.policy is {policy:?} and must be \"compact\"");
        let error = ConnectorError::InternalTopic { topic: journal.clone(), what };
        problems.error(Side::Sink, error.code(), &error);
    }
    let found = topics.get(journal.as_str());
    seen.internal_topic = Some(InternalTopicSeen {
        state: if found.is_some() { TopicState::Present } else { TopicState::ToBeCreated },
        partitions: found.map_or(0, |t| t.partitions.len()),
        topic: journal,
    });
    check_creation(&cluster, sink, &seen, problems).await;
    seen
}

async fn transactions(cluster: &Cluster, names: &Names, problems: &mut Problems) -> TransactionsSeen {
    let fenced = cluster.supports(ApiKey::TxnOffsetCommit, FENCED_OFFSETS);
    if !fenced {
        let text = "the sink's brokers cannot fence a stale worker: TxnOffsetCommit is too old (KIP-447)";
        problems.blocks(Side::Sink, Code::KafkaUnsupported, text);
    }
    let mut ask = async |kind, key: &str| match cluster.coordinator(kind, key).await {
        Ok(broker) => Some(broker.0),
        Err(error) => {
            coordinator_missing(cluster, error, problems);
            None
        }
    };
    let coordinator = ask(CoordinatorKind::Transaction, &names.registrar()).await;
    let group_coordinator = ask(CoordinatorKind::Group, &names.group()).await;
    TransactionsSeen {
        possible: fenced && coordinator.is_some() && group_coordinator.is_some(),
        version: cluster.features().transaction_version(),
        coordinator,
        group_coordinator,
    }
}

/// A cluster without a coordinator after so long has too few brokers for its own topics.
fn coordinator_missing(cluster: &Cluster, error: Error, problems: &mut Problems) {
    if error.broker_code() == Some(ErrorCode::COORDINATOR_NOT_AVAILABLE) {
        let cluster = cluster.cluster_id().to_owned();
        let error = ConnectorError::NoTransactions { cluster, source: error };
        problems.error(Side::Sink, error.code(), &error);
    } else {
        problems.error(Side::Sink, error.code(), &error);
    }
}

/// Asks the controller whether it would create what is missing: it knows the permissions, the number of brokers and
/// the policies of the cluster.
async fn check_creation(cluster: &Cluster, sink: &KafkaSink, seen: &KafkaSinkSeen, problems: &mut Problems) {
    let topic = |name: &str, partitions: usize, replication: i16| NewTopic {
        name: name.to_owned(),
        partitions: i32::try_from(partitions.max(1)).unwrap_or(i32::MAX),
        replication,
        configs: Vec::new(),
    };
    let factor = sink.replication_factor.map_or(-1, |f| i16::try_from(f).unwrap_or(i16::MAX));
    let mut topics: Vec<NewTopic> = seen
        .destinations
        .iter()
        .filter(|d| d.state == TopicState::ToBeCreated)
        .map(|d| topic(&d.topic, d.partitions, factor))
        .collect();
    if let Some(internal) = seen.internal_topic.as_ref().filter(|t| t.state == TopicState::ToBeCreated) {
        let copies = i16::try_from(seen.cluster.brokers.len().clamp(1, INTERNAL_COPIES)).unwrap_or(1);
        let partitions = seen.destinations.iter().map(|d| d.needs_partitions).sum();
        topics.push(topic(&internal.topic, partitions, copies));
    }
    if topics.is_empty() {
        return;
    }
    let answer = async {
        let controller = cluster.controller().await?;
        let request = CreateTopics { topics, timeout: CHECK_TOPICS, validate_only: true };
        let answer = controller.send_within(request, CHECK_TOPICS * 2).await?;
        Ok::<_, Error>((controller.broker(), answer))
    };
    match answer.await {
        Ok((broker, answer)) => {
            for error in answer.topics.iter().filter_map(|created| created.check(broker).err()) {
                problems.error(Side::Sink, error.code(), &error);
            }
        }
        Err(error) => problems.error(Side::Sink, error.code(), &error),
    }
}
