//! How records are delivered.

use std::time::Duration;

use garde::Validate;
use serde::{Deserialize, Serialize};

use super::record_ids::RecordIds;
use super::{duration, size};

/// How records are delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ExactlyOnceConfig {
    /// Whether record batches go on compressed as they are. Default `auto`.
    #[garde(skip)]
    pub pass_through: PassThrough,
    /// What identifies a record. Default `source_position`. With any other, the settings below say how long an id is
    /// remembered and what happens to ids.
    #[garde(dive)]
    pub record_id_strategy: RecordIds,
    /// A record is left out where an equal one lies less than this from it. Default 24 h.
    #[serde(with = "duration")]
    #[garde(custom(duration::within(Duration::from_secs(1), Duration::from_secs(366 * 86_400))))]
    pub deduplication_window: Duration,
    /// By which time that is judged. Default `arrival`.
    #[garde(skip)]
    pub deduplication_time: DeduplicationTime,
    /// Name of a set of ids that jobs share: of all jobs that name it and keep their state in one store, a single one
    /// delivers each record. They have the same `deduplication_window`. Default: none, the ids are the job's own.
    #[garde(inner(custom(|name: &String, ctx: &()| is_set_name(name, ctx))))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared_ids: Option<String>,
    /// How often ids that are older than the window are removed from the state store. Default 1 h.
    #[serde(with = "duration")]
    #[garde(custom(duration::within(Duration::from_millis(100), Duration::from_secs(366 * 86_400))))]
    pub cleanup_interval: Duration,
    /// How often a checkpoint is saved in the state store, with the transaction that is due. Default 30 s.
    #[serde(with = "duration")]
    #[garde(custom(duration::within(Duration::from_millis(100), Duration::from_secs(86_400))))]
    pub checkpoint_interval: Duration,
    /// Most ids that are remembered; bounds memory. Default 1,000,000.
    #[garde(custom(is_bound))]
    pub max_tracked_records: u64,
    /// What happens where more records than that lie inside the window. Default `stop`.
    #[garde(skip)]
    pub on_tracking_limit: OnTrackingLimit,
    /// What becomes of ids that the state store has lost. Default `rebuild`.
    #[garde(skip)]
    pub on_id_loss: OnIdLoss,
    /// When a transaction ends.
    #[garde(dive)]
    pub transaction: TransactionConfig,
}

/// Whether record batches go on compressed as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PassThrough {
    /// Wherever nothing must look inside.
    #[default]
    Auto,
    /// Every batch is decoded and encoded; for comparison only.
    Off,
}

/// Which time of a record says how far it is from an equal one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DeduplicationTime {
    /// When it is delivered: an equal one was delivered less than the window before it.
    #[default]
    Arrival,
    /// Its own, the timestamp of the record: that of an equal one lies less than the window before or after it. Ids are
    /// remembered until their time is a window behind the latest that was delivered; a record that is itself older than
    /// that, and unknown, passes.
    Event,
}

/// What happens where more records lie inside the window than may be remembered. No id is ever forgotten silently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OnTrackingLimit {
    /// The job stops with VS-0058.
    #[default]
    Stop,
    /// The oldest ids are forgotten early; the log and a metric say what window is left.
    ShrinkWindow,
}

/// What becomes of ids that the state store has lost; the sink's committed position shows which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OnIdLoss {
    /// Their records are read from the source again before anything new is delivered.
    #[default]
    Rebuild,
    /// The job stops with VS-0056.
    Stop,
}

impl Default for ExactlyOnceConfig {
    fn default() -> Self {
        Self {
            pass_through: PassThrough::default(),
            record_id_strategy: RecordIds::default(),
            deduplication_window: Duration::from_secs(86_400),
            deduplication_time: DeduplicationTime::default(),
            shared_ids: None,
            cleanup_interval: Duration::from_secs(3600),
            checkpoint_interval: Duration::from_secs(30),
            max_tracked_records: 1_000_000,
            on_tracking_limit: OnTrackingLimit::default(),
            on_id_loss: OnIdLoss::default(),
            transaction: TransactionConfig::default(),
        }
    }
}

impl ExactlyOnceConfig {
    /// The first setting of ids that is not at its default, by its key.
    pub(crate) fn id_setting(&self) -> Option<&'static str> {
        let default = Self::default();
        [
            ("deduplication_window", self.deduplication_window != default.deduplication_window),
            ("deduplication_time", self.deduplication_time != default.deduplication_time),
            ("shared_ids", self.shared_ids != default.shared_ids),
            ("cleanup_interval", self.cleanup_interval != default.cleanup_interval),
            ("checkpoint_interval", self.checkpoint_interval != default.checkpoint_interval),
            ("max_tracked_records", self.max_tracked_records != default.max_tracked_records),
            ("on_tracking_limit", self.on_tracking_limit != default.on_tracking_limit),
            ("on_id_loss", self.on_id_loss != default.on_id_loss),
        ]
        .into_iter()
        .find_map(|(key, set)| set.then_some(key))
    }
}

fn is_set_name(name: &str, (): &()) -> garde::Result {
    if velostream_core::Member::new(name, "job").is_ok() {
        return Ok(());
    }
    Err(garde::Error::new("not a name\nwrite 1 to 200 of a-z, 0-9, '.', '_' and '-'"))
}

/// Most ids that one worker may be asked to remember: 24 GB of memory.
const MAX_TRACKED: u64 = 1_000_000_000;

fn is_bound(records: &u64, (): &()) -> garde::Result {
    if (1..=MAX_TRACKED).contains(records) {
        return Ok(());
    }
    Err(garde::Error::new(format!("out of range\nwrite a number from 1 to {MAX_TRACKED}")))
}

/// When a transaction ends: at whichever bound comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Validate)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TransactionConfig {
    /// The age at which it is committed at the latest; an open transaction hides data from every read_committed reader.
    /// It is committed sooner where commits are cheap: at ten times what one takes, but not before 100 ms. Default 500 ms.
    #[serde(with = "duration")]
    #[garde(custom(duration::within(Duration::from_millis(1), Duration::from_secs(600))))]
    pub max_interval: Duration,
    /// Size at which it is committed; what a transaction costs the sink is shared by more records where it is large. Default 128 MiB.
    #[serde(with = "size")]
    #[garde(custom(size::within(1 << 10, 1 << 30)))]
    pub max_bytes: u64,
}

impl Default for TransactionConfig {
    fn default() -> Self {
        Self { max_interval: Duration::from_millis(500), max_bytes: 128 << 20 }
    }
}
