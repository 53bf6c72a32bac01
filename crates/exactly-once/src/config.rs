//! The job file: its model, how it is read, and what is said about one that is wrong.
//!
//! A file is parsed to a tree that knows its places, variables are put into its scalars, then the tree gets its
//! types, then ranges and contradictions are checked. Each step names file, line, column and what to write instead.

mod config_error;
mod load;
mod model;
mod problem;
mod spelling;
mod variables;
mod yaml;

pub use config_error::{ConfigError, ProblemDiagnostic};
pub use load::MAX_JOB_FILE_BYTES;
pub use model::client::ClientConfig;
pub use model::dynamodb_state::{
    AwsCredentials, DynamoDbStateConfig, HomeRegion, StrongRegions, TableRegions,
};
pub use model::exactly_once::{
    DeduplicationTime, ExactlyOnceConfig, OnIdLoss, OnTrackingLimit, PassThrough, TransactionConfig,
};
pub use model::format::Format;
pub use model::http::HttpConfig;
pub use model::job_file::{JobFile, MAX_LANES};
pub use model::name::{MAX_INSTANCE_NAME, MAX_JOB_NAME, instance_name};
pub use model::postgres_state::{PostgresDialect, PostgresStateConfig, PostgresTls, SurvivalGoal, VerifyTls};
pub use model::processing::JobProcessingConfig;
pub use model::record_ids::{Composite, RecordIds};
pub use model::redis_state::{RedisFsync, RedisReplicas, RedisStateConfig};
pub use model::redis_tls::{RedisClient, RedisTls, VerifyRedis};
pub use model::redis_topology::{RedisCluster, RedisSentinels, RedisTopology};
pub use model::secret::Secret;
pub use model::servers::{InvalidServers, Servers};
pub use model::sink::{FileSink, KafkaSink, Partitioning, Sink};
pub use model::source::{FileSource, GapPolicy, Isolation, KafkaSource, Source};
pub use model::start::{InvalidTimestamp, Start, Timestamp};
pub use model::state::StateDir;
pub use model::state_store::{MemoryStateConfig, RedbStateConfig, StateStoreConfig};
pub use model::store_class::StoreClass;
pub use model::topic_pattern::{InvalidTopic, TopicPattern};
pub use problem::{Place, Problem};
pub use variables::{ProcessVariables, Variables};
