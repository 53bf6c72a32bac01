//! What can go wrong between a source and a sink cluster.

use velostream_core::{Code, Disposition, SplitId};
use velostream_kafka_client as client;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// How a source lost records in front of a position (R6).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Gap {
    /// Retention deleted up to this offset.
    Deleted {
        /// First offset that is left.
        log_start: i64,
    },
    /// The log ends in front of the position.
    Truncated {
        /// End of the log, or of the epoch that the position belongs to.
        end: i64,
    },
    /// The topic is not the one that was read so far.
    Recreated,
    /// The topic or partition is gone.
    Gone,
}

impl std::fmt::Display for Gap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Deleted { log_start } => write!(f, "retention deleted everything below offset {log_start}"),
            Self::Truncated { end } => write!(f, "the log was truncated to offset {end} and written anew"),
            Self::Recreated => f.write_str("the topic was deleted and created again"),
            Self::Gone => f.write_str("the topic or partition does not exist any more"),
        }
    }
}

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A broker or the way to it.
    #[error("{context}")]
    Client {
        /// What was being done, where.
        context: String,
        /// The cause.
        #[source]
        source: client::Error,
    },
    /// A record of the internal topic is damaged.
    #[error("internal topic partition {partition}, offset {offset}: {what}")]
    Journal {
        /// Partition.
        partition: i32,
        /// Offset.
        offset: i64,
        /// What is wrong.
        what: String,
    },
    /// A record of the internal topic is of a later version.
    #[error("internal topic partition {partition}, offset {offset} was written by a later version")]
    JournalVersion {
        /// Partition.
        partition: i32,
        /// Offset.
        offset: i64,
        /// The versions.
        #[source]
        source: velostream_envelope::Error,
    },
    /// The internal topic is not as it must be.
    #[error("internal topic {topic}: {what}")]
    InternalTopic {
        /// Its name.
        topic: String,
        /// What is wrong.
        what: String,
    },
    /// What a group member or leader sent cannot be read.
    #[error("group message cannot be read: {what}")]
    GroupMessage {
        /// What is wrong.
        what: String,
    },
    /// The group does not know this membership any more; nothing was stored under it.
    #[error("{what}: the group has moved on from generation {generation}")]
    StaleMembership {
        /// What was refused.
        what: &'static str,
        /// Generation that was used.
        generation: i32,
    },
    /// A topic that the job names does not exist.
    #[error("topic {topic} does not exist on the {side} cluster {cluster}")]
    TopicMissing {
        /// Topic.
        topic: String,
        /// `source` or `sink`.
        side: &'static str,
        /// Cluster id.
        cluster: String,
    },
    /// A regular expression matches no topic.
    #[error("{pattern} matches none of the {topics} topics of the source cluster {cluster}")]
    NoTopicMatches {
        /// The expression.
        pattern: String,
        /// How many topics there are.
        topics: usize,
        /// Cluster id.
        cluster: String,
    },
    /// The sink topic has fewer partitions than the source topic.
    #[error("sink topic {topic} has {has} partitions, source topic {source_topic} has {needs}")]
    SinkPartitions {
        /// Sink topic.
        topic: String,
        /// Source topic.
        source_topic: String,
        /// What it has.
        has: usize,
        /// What it needs.
        needs: usize,
    },
    /// A setting of the sink topic would refuse or change records (R16).
    #[error("sink topic {topic}: {setting}={value}, needs {needs}")]
    SinkTopicConfig {
        /// Topic.
        topic: String,
        /// Setting.
        setting: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        needs: String,
    },
    /// The source lost records in front of the position.
    #[error("{split}: {}cannot be read on: {gap}", at(*.position))]
    SourceGap {
        /// Split.
        split: SplitId,
        /// Position next to be read, -1 where any is lost.
        position: i64,
        /// How.
        gap: Gap,
    },
    /// The sink lost committed records (R11).
    #[error("sink {destination}: {what}")]
    SinkWentBack {
        /// Topic and partition.
        destination: String,
        /// Evidence.
        what: String,
    },
    /// A leader's log of the internal topic ends in front of a position that is to be read. It may have been replaced
    /// without knowing it yet; a log that really went back is [`Error::SinkWentBack`] at the next claim.
    #[error("internal topic {topic}-{partition}: the log of its leader ends in front of offset {position}")]
    JournalBehind {
        /// The internal topic.
        topic: String,
        /// Partition.
        partition: i32,
        /// Offset next to be read.
        position: i64,
    },
    /// A source batch is damaged or of an unknown format.
    #[error("{split}: batch at offset {offset} cannot be used")]
    Batch {
        /// Split.
        split: SplitId,
        /// Offset.
        offset: i64,
        /// The cause.
        #[source]
        source: velostream_kafka_batch::Error,
    },
    /// A record that the sink refuses (R16).
    #[error("{split}: record at offset {offset} is refused by {destination}: {reason}")]
    RecordRefused {
        /// Split.
        split: SplitId,
        /// Source offset of the record.
        offset: i64,
        /// Topic and partition of the sink.
        destination: String,
        /// The broker's error.
        reason: String,
    },
    /// A batch was refused for its content: it will be written again record by record.
    #[error(
        "{split}: batch at offset {offset} is refused by {destination} ({reason}); writing its records one by one"
    )]
    BatchRefused {
        /// Split.
        split: SplitId,
        /// Source offset of its first record.
        offset: i64,
        /// Topic and partition of the sink.
        destination: String,
        /// The broker's error.
        reason: String,
    },
    /// The outcome of the open transaction is unknown or it was refused: a new identity is needed.
    #[error("transaction of {lane} is in doubt after {during}")]
    Doubt {
        /// Transactional id.
        lane: String,
        /// Request.
        during: &'static str,
        /// The cause, where there is one.
        #[source]
        source: Option<client::Error>,
    },
    /// Ids of records are to be rebuilt from the beginning, and the job did not start there.
    #[error(
        "{split}: the state store has none of its ids, and the job did not start at the earliest offset: which records were delivered cannot be told"
    )]
    BeginningUnknown {
        /// Split.
        split: SplitId,
    },
    /// Offsets of the group and the job's own progress differ although nobody else delivers.
    #[error("{split}: progress says {progress}, the offsets of group {group} say {committed}")]
    OffsetsReset {
        /// Split.
        split: SplitId,
        /// Group.
        group: String,
        /// Position by progress.
        progress: i64,
        /// Position by offsets.
        committed: i64,
    },
    /// The barrier could not be read past in time.
    #[error("claim of {splits} splits did not complete within {waited_ms} ms: {what}")]
    ClaimTimeout {
        /// How many are left.
        splits: usize,
        /// Waited, milliseconds.
        waited_ms: u128,
        /// What stands in the way.
        what: &'static str,
    },
    /// A transaction is open on a partition of the sink that nobody ends.
    #[error(
        "producer {producer_id} ({owner}) has a transaction open on {topic}-{partition} from offset {start}: {why}. Only if it was aborted: kafka-transactions.sh --bootstrap-server SINK abort --topic {topic} --partition {partition} --start-offset {start}"
    )]
    HangingTransaction {
        /// Topic.
        topic: String,
        /// Partition.
        partition: i32,
        /// Producer id.
        producer_id: i64,
        /// First offset of the transaction there.
        start: i64,
        /// Its transactional id, where it is one of this job's.
        owner: String,
        /// Why it is not ended from here.
        why: String,
    },
    /// A log of the sink that is read to learn what was decided does not have the form that is known.
    #[error("sink {destination} cannot be read: {what}")]
    Unreadable {
        /// Topic and partition.
        destination: String,
        /// What is wrong.
        what: String,
    },
    /// The internal topic belongs to a job with another source cluster.
    #[error("job {job} replicates from cluster {has}, not from {wanted}")]
    JobConflict {
        /// Job.
        job: String,
        /// Cluster that it replicates from.
        has: String,
        /// Cluster of this job file.
        wanted: String,
    },
    /// The mapping of a job that has run was changed.
    #[error("{split} was delivered to {has} so far, the job file now says {wanted}")]
    JobConfigChanged {
        /// Split.
        split: SplitId,
        /// Destination so far.
        has: String,
        /// Destination now.
        wanted: String,
    },
    /// The broker bounds session timeouts, and this one lies outside.
    #[error(
        "group {group}: session_timeout {session_ms}ms is outside group.min.session.timeout.ms and group.max.session.timeout.ms of the sink"
    )]
    SessionTimeout {
        /// Group.
        group: String,
        /// Asked for, milliseconds.
        session_ms: u128,
    },
    /// Two live workers share an instance name.
    #[error("another live worker of the job uses the instance name {instance}")]
    InstanceConflict {
        /// The name.
        instance: String,
    },
    /// The sink cannot do transactions.
    #[error("sink cluster {cluster} cannot do transactions")]
    NoTransactions {
        /// Cluster id.
        cluster: String,
        /// The cause.
        #[source]
        source: client::Error,
    },
    /// A defect of this program.
    #[error("defect: {0}")]
    Misuse(#[from] velostream_protocol::kafka_lane::Misuse),
    /// A defect of this program.
    #[error("defect: {0}")]
    Defect(&'static str),
}

fn at(position: i64) -> String {
    if position < 0 { String::new() } else { format!("position {position} ") }
}

impl Error {
    /// The broker's error code, where one is the cause.
    #[must_use]
    pub(crate) fn broker_code(&self) -> Option<client::ErrorCode> {
        match self {
            Self::Client { source, .. } => source.broker_code(),
            _ => None,
        }
    }

    /// What the operator can do, where that is not what the code's page says.
    fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::SessionTimeout { .. } => {
                Some("Set sink.kafka.session_timeout inside the broker's bounds (6 s to 30 min by default).")
            }
            Self::SourceGap { gap: Gap::Recreated | Gap::Gone, .. } => Some(
                "Another topic of the same name needs a job with another name; `gap_policy` steps over records, not over topics.",
            ),
            Self::TopicMissing { side: "source", .. } => Some("Create the topic or correct the name."),
            Self::Journal { .. } => Some(
                "Find out who else writes to the job's internal topic. Do not delete it: the job's progress is in it, and without it everything would be delivered again.",
            ),
            Self::ClaimTimeout { .. } => Some(
                "It is tried on. If it stays, `kafka-transactions.sh find-hanging` on the sink names transactions that no coordinator ends.",
            ),
            Self::HangingTransaction { .. } => Some(
                "It is tried on. Find out first what was decided: __transaction_state on the sink tells it. Aborting on one partition what was committed on others loses records. The job ends such transactions of its own by itself where it may READ __transaction_state, __consumer_offsets and its destinations and has ALTER or CLUSTER_ACTION on the sink cluster.",
            ),
            _ => None,
        }
    }

    /// The same as it crosses the traits of the core, still without its cause.
    pub(crate) fn described(&self) -> velostream_core::Error {
        let core = velostream_core::Error::new(self.code(), self.disposition(), self.to_string());
        match self.remedy() {
            Some(remedy) => core.with_remedy(remedy),
            None => core,
        }
    }

    /// Wraps an error of the client with what was being done.
    pub fn client(context: impl Into<String>) -> impl FnOnce(client::Error) -> Self {
        let context = context.into();
        move |source| Self::Client { context, source }
    }

    /// What is known about the effect.
    #[must_use]
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Client { source, .. } => source.disposition(),
            Self::StaleMembership { .. } => Disposition::Fenced,
            Self::BatchRefused { .. } => Disposition::Abort,
            Self::Doubt { .. } => Disposition::Reconcile,
            Self::ClaimTimeout { .. } | Self::HangingTransaction { .. } | Self::JournalBehind { .. } => {
                Disposition::Retry
            }
            Self::Journal { .. }
            | Self::GroupMessage { .. }
            | Self::SinkWentBack { .. }
            | Self::Unreadable { .. }
            | Self::Batch { .. }
            | Self::Misuse(_)
            | Self::Defect(_) => Disposition::Corrupt,
            Self::JournalVersion { .. }
            | Self::InternalTopic { .. }
            | Self::TopicMissing { .. }
            | Self::NoTopicMatches { .. }
            | Self::SinkPartitions { .. }
            | Self::SinkTopicConfig { .. }
            | Self::SourceGap { .. }
            | Self::RecordRefused { .. }
            | Self::OffsetsReset { .. }
            | Self::BeginningUnknown { .. }
            | Self::JobConflict { .. }
            | Self::JobConfigChanged { .. }
            | Self::InstanceConflict { .. }
            | Self::SessionTimeout { .. }
            | Self::NoTransactions { .. } => Disposition::Reject,
        }
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Client { source, .. } => source.code(),
            Self::StaleMembership { .. } | Self::SessionTimeout { .. } | Self::JournalBehind { .. } => {
                Code::KafkaRefused
            }
            Self::BatchRefused { .. } | Self::RecordRefused { .. } => Code::RecordRefused,
            Self::Doubt { .. } | Self::ClaimTimeout { .. } | Self::HangingTransaction { .. } => {
                Code::KafkaTimeout
            }
            Self::GroupMessage { .. } | Self::Unreadable { .. } => Code::KafkaProtocol,
            Self::Journal { .. } => Code::StateCorrupt,
            Self::JournalVersion { .. } => Code::StateVersion,
            Self::InternalTopic { .. } => Code::InternalTopic,
            Self::TopicMissing { .. } => Code::TopicMissing,
            Self::NoTopicMatches { .. } => Code::NoTopicMatches,
            Self::SinkPartitions { .. } => Code::SinkPartitions,
            Self::SinkTopicConfig { .. } => Code::SinkTopicConfig,
            Self::SourceGap { .. } => Code::SourceGap,
            Self::SinkWentBack { .. } => Code::SinkWentBack,
            Self::Batch { source: velostream_kafka_batch::Error::OldMagic { .. }, .. } => Code::OldFormat,
            Self::Batch { .. } => Code::CorruptBatch,
            Self::OffsetsReset { .. } => Code::OffsetsReset,
            Self::BeginningUnknown { .. } => Code::StateLost,
            Self::JobConflict { .. } => Code::JobConflict,
            Self::JobConfigChanged { .. } => Code::JobConfigChanged,
            Self::InstanceConflict { .. } => Code::InstanceConflict,
            Self::NoTransactions { .. } => Code::NoTransactions,
            Self::Misuse(_) | Self::Defect(_) => Code::Internal,
        }
    }
}

impl From<Error> for velostream_core::Error {
    fn from(error: Error) -> Self {
        error.described().with_source(error)
    }
}
