//! The job file as a whole.

use garde::{Path, Report, Validate};
use serde::{Deserialize, Serialize};
use velostream_core::JobName;

use super::duration::text as duration_text;
use super::exactly_once::{DeduplicationTime, ExactlyOnceConfig, OnTrackingLimit};
use super::http::HttpConfig;
use super::name;
use super::processing::JobProcessingConfig;
use super::sink::{Sink, TOPIC};
use super::source::{GapPolicy, Source};
use super::state::{StateDir, state_dir};
use super::state_store::{RedbStateConfig, StateStoreConfig, default_path};
use super::topic_pattern::TopicPattern;
use crate::settings;

/// Most lanes of one worker.
pub const MAX_LANES: u16 = 64;

/// A job: what is read, where it goes, and how. Every key that a part of velostream does not exist for is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct JobFile {
    /// Name of the job, unique per sink system: `[a-z][a-z0-9_-]{0,47}`.
    #[serde(with = "name")]
    #[garde(custom(name::is_job_name))]
    pub job: JobName,
    /// Where records come from.
    #[garde(dive)]
    pub source: Source,
    /// Where they go.
    #[garde(dive)]
    pub sink: Sink,
    /// Writers of one worker, each with its own transaction and its own splits. Default 1.
    #[serde(default = "lanes")]
    #[garde(custom(is_lane_count))]
    pub lanes: u16,
    /// How records are delivered.
    #[serde(default)]
    #[garde(dive)]
    pub exactly_once: ExactlyOnceConfig,
    /// Where ids of records are kept, where the job needs that. Default: a redb file in the state directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(dive)]
    pub state_store: Option<StateStoreConfig>,
    /// Directory for what a worker keeps: `<state_dir>/<job>/<instance>/`. Default `./.velostream`.
    #[serde(default = "state_dir")]
    #[garde(dive)]
    pub state_dir: StateDir,
    /// Retries and bounds.
    #[serde(default)]
    #[garde(dive)]
    pub processing: JobProcessingConfig,
    /// Where a worker answers about itself. Default: nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(dive)]
    pub http: Option<HttpConfig>,
}

const fn lanes() -> u16 {
    1
}

impl JobFile {
    /// A job with everything else by default. Not validated: see [`validate`](Self::validate).
    #[must_use]
    pub fn new(job: JobName, source: Source, sink: Sink) -> Self {
        Self {
            job,
            source,
            sink,
            lanes: lanes(),
            exactly_once: ExactlyOnceConfig::default(),
            state_store: None,
            state_dir: state_dir(),
            processing: JobProcessingConfig::default(),
            http: None,
        }
    }

    /// Ranges of single fields; where they hold, what contradicts what.
    pub(crate) fn check(&self) -> Report {
        if let Err(report) = self.validate_with(&()) {
            return report;
        }
        let mut report = Report::new();
        let mut refuse = |path: &[&'static str], text: String| {
            let path = path.iter().fold(Path::empty(), |path, key| path.join(*key));
            report.append(path, garde::Error::new(text));
        };
        self.check_pair(&mut refuse);
        self.check_timing(&mut refuse);
        self.check_topics(&mut refuse);
        self.check_ids(&mut refuse);
        self.check_state_store(&mut refuse);
        if self.lanes > 1 && !matches!((&self.source, &self.sink), (Source::Kafka(_), Sink::Kafka(_))) {
            refuse(&["lanes"], "files are read and written by one lane\nwrite 1, or leave it out".to_owned());
        }
        report
    }

    /// Nothing writes lines into topics yet: see [`JobFile::has_parts`].
    fn check_pair(&self, refuse: &mut impl FnMut(&[&'static str], String)) {
        if !self.has_parts() {
            refuse(
                &["sink", "kafka"],
                "lines of files cannot be delivered to Kafka yet\nread from Kafka (source: { kafka: .. }), or write to files (sink: { file: .. })"
                    .to_owned(),
            );
        }
    }

    /// False for a pair of source and sink that no part of velostream connects: lines of files have no transactional
    /// way into a topic yet.
    #[must_use]
    pub const fn has_parts(&self) -> bool {
        !matches!((&self.source, &self.sink), (Source::File(_), Sink::Kafka(_)))
    }

    /// The store of the job: the one that it names, or the default one.
    #[must_use]
    pub fn state_store(&self) -> StateStoreConfig {
        self.state_store.clone().unwrap_or_else(|| {
            let path = default_path(&self.state_dir.of_job(&self.job));
            StateStoreConfig::Redb(RedbStateConfig::new(path.to_string_lossy()))
        })
    }

    fn check_state_store(&self, refuse: &mut impl FnMut(&[&'static str], String)) {
        let Some(store) = &self.state_store else { return };
        if let Some((setting, why)) = settings::state_store::refusal(store) {
            let path: Vec<&'static str> =
                ["state_store", store.key()].into_iter().chain(setting.split('.')).collect();
            refuse(&path, why);
        }
    }

    fn check_ids(&self, refuse: &mut impl FnMut(&[&'static str], String)) {
        let exactly_once = &self.exactly_once;
        if !exactly_once.record_id_strategy.are_tracked() {
            if let Some(key) = exactly_once.id_setting() {
                refuse(
                    &["exactly_once", key],
                    "records that are identified by their place in the source need no ids to be remembered\nleave it out, or set record_id_strategy: content_hash"
                        .to_owned(),
                );
            }
            return;
        }
        if self.lanes > 1 {
            refuse(
                &["lanes"],
                "ids of a job are kept by one lane, which sees all its records\nwrite 1, or leave it out"
                    .to_owned(),
            );
        }
        if matches!(self.source, Source::File(_))
            && exactly_once.deduplication_time == DeduplicationTime::Event
        {
            refuse(
                &["exactly_once", "deduplication_time"],
                "lines of files have no time of their own\nwrite arrival, or leave it out".to_owned(),
            );
        }
        self.check_sharing(refuse);
        if let Source::Kafka(source) = &self.source
            && source.gap_policy == GapPolicy::Continue
        {
            refuse(
                &["source", "kafka", "gap_policy"],
                "behind a gap positions may come again, so that no position says which ids are kept\nwrite stop, or leave it out"
                    .to_owned(),
            );
        }
    }

    fn check_sharing(&self, refuse: &mut impl FnMut(&[&'static str], String)) {
        let exactly_once = &self.exactly_once;
        if exactly_once.shared_ids.is_none() {
            return;
        }
        let mut refuse = |key, text: &str| refuse(&["exactly_once", key], text.to_owned());
        if !self.state_store().offers_shared_ids() {
            refuse(
                "shared_ids",
                "jobs share ids in a store that all of them reach and that can take several ids in one step\nname one in state_store: redis or postgres",
            );
        }
        if exactly_once.deduplication_time == DeduplicationTime::Event {
            refuse(
                "deduplication_time",
                "ids that jobs share are dated by their delivery\nwrite arrival, or leave it out",
            );
        }
        if exactly_once.on_tracking_limit == OnTrackingLimit::ShrinkWindow {
            refuse(
                "on_tracking_limit",
                "the window is that of all jobs that share the ids, so that one of them cannot make it shorter\nwrite stop, or leave it out",
            );
        }
    }

    fn check_timing(&self, refuse: &mut impl FnMut(&[&'static str], String)) {
        let processing = &self.processing;
        if processing.retry_backoff > processing.retry_backoff_max {
            refuse(
                &["processing", "retry_backoff"],
                format!(
                    "longer than retry_backoff_max\nwrite at most {}",
                    duration_text(processing.retry_backoff_max)
                ),
            );
        }
        let Sink::Kafka(sink) = &self.sink else { return };
        if sink.heartbeat_interval.saturating_mul(3) > sink.session_timeout {
            refuse(
                &["sink", "kafka", "heartbeat_interval"],
                format!(
                    "a session needs three heartbeats\nwrite at most {}",
                    duration_text(sink.session_timeout / 3)
                ),
            );
        }
        let interval = self.exactly_once.transaction.max_interval;
        if interval.saturating_mul(2) > sink.transaction_timeout
            && !velostream_core::mutant!(IntervalBeyondTimeout)
        {
            refuse(
                &["exactly_once", "transaction", "max_interval"],
                format!(
                    "the broker would abort such a transaction\nwrite at most half of sink.kafka.transaction_timeout: {}",
                    duration_text(sink.transaction_timeout / 2)
                ),
            );
        }
    }

    fn check_topics(&self, refuse: &mut impl FnMut(&[&'static str], String)) {
        let (Source::Kafka(source), Sink::Kafka(sink)) = (&self.source, &self.sink) else { return };
        let single = matches!(source.topics.as_slice(), [TopicPattern::Name(_)]);
        if !sink.topic.contains(TOPIC) && !single {
            refuse(
                &["sink", "kafka", "topic"],
                "several topics would meet in one\nuse {topic} for the source topic, for example dr.{topic}"
                    .to_owned(),
            );
        }
        if sink.topic == TOPIC && source.bootstrap_servers.overlaps(&sink.bootstrap_servers) {
            refuse(
                &["sink", "kafka", "topic"],
                "source and sink are the same topics of the same cluster\ngive the destination another name, for example copy.{topic}"
                    .to_owned(),
            );
        }
    }
}

fn is_lane_count(lanes: &u16, (): &()) -> garde::Result {
    if (1..=MAX_LANES).contains(lanes) {
        return Ok(());
    }
    Err(garde::Error::new(format!("out of range\nwrite a number from 1 to {MAX_LANES}")))
}
