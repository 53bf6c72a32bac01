//! What the settings of a destination topic do to the records of its source (R16).

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::retention::{POLICY, Retention};

const TIMESTAMP_TYPE: &str = "message.timestamp.type";
const MAX_BYTES: &str = "max.message.bytes";
const COMPRESSION: &str = "compression.type";
/// Farthest from a broker's clock that a record's time may lie, and what brokers have where nobody set it (Kafka
/// documentation, "Topic Configs").
const TIME_LIMITS: [(&str, &str); 2] =
    [("message.timestamp.before.max.ms", UNLIMITED), ("message.timestamp.after.max.ms", "3600000")];
/// No limit of a time: `Long.MAX_VALUE`.
const UNLIMITED: &str = "9223372036854775807";

/// Settings of a destination topic, as its brokers report them; what they do not report is taken as harmless.
#[derive(Debug, Clone, Copy)]
pub struct DestinationSettings<'a> {
    topic: &'a str,
    settings: &'a BTreeMap<String, String>,
}

/// A setting that refuses some records, removes them early or costs time. The job runs all the same: what is refused
/// stops it by name when it comes, so that one over ordinary records runs on a topic with a broker's defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Concern {
    /// Name of the setting.
    pub setting: &'static str,
    /// Its value.
    pub value: String,
    /// What it does.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

impl<'a> DestinationSettings<'a> {
    /// Settings to ask brokers for.
    pub const KEYS: [&'static str; 8] = [
        TIMESTAMP_TYPE,
        TIME_LIMITS[0].0,
        TIME_LIMITS[1].0,
        MAX_BYTES,
        COMPRESSION,
        POLICY,
        Retention::SETTINGS[1],
        Retention::SETTINGS[2],
    ];

    /// Of a topic by this name.
    #[must_use]
    pub const fn of(topic: &'a str, settings: &'a BTreeMap<String, String>) -> Self {
        Self { topic, settings }
    }

    /// What a topic is created with, so that it takes every record of its source and keeps it as long.
    pub(crate) fn for_source(source: &BTreeMap<String, String>) -> Vec<(String, Option<String>)> {
        let fixed = [(COMPRESSION, "producer"), (TIMESTAMP_TYPE, "CreateTime")];
        let times = TIME_LIMITS.map(|(name, _)| (name, UNLIMITED));
        let bytes = source.get(MAX_BYTES).map(|value| (MAX_BYTES, value.as_str()));
        let keeps = Retention::of(source);
        let all = fixed.into_iter().chain(times).chain(bytes).chain(keeps.settings());
        all.map(|(name, value)| (name.to_owned(), Some(value.to_owned()))).collect()
    }

    /// Refuses a topic that would change every record.
    ///
    /// # Errors
    /// [`Error::SinkTopicConfig`].
    pub fn check(&self) -> Result<()> {
        match self.other_than(TIMESTAMP_TYPE, "CreateTime") {
            None => Ok(()),
            Some(value) => Err(Error::SinkTopicConfig {
                topic: self.topic.to_owned(),
                setting: TIMESTAMP_TYPE,
                value: value.to_owned(),
                needs: "CreateTime, else the broker replaces every timestamp".to_owned(),
            }),
        }
    }

    /// Largest batch that the topic takes, in bytes.
    #[must_use]
    pub fn max_message_bytes(&self) -> Option<u64> {
        self.settings.get(MAX_BYTES)?.parse().ok()
    }

    /// What to know of it, beside a source whose largest batch and whose retention are these.
    #[must_use]
    pub fn concerns(&self, source_max_bytes: Option<u64>, source: &Retention) -> Vec<Concern> {
        let mut concerns = Vec::new();
        let mut add = |setting, value: &str, what: String, remedy: String| {
            concerns.push(Concern { setting, value: value.to_owned(), what, remedy });
        };
        let set = |setting, value: &str| format!("Set {setting}={value} on the topic.");
        for (setting, unset) in TIME_LIMITS {
            // Within a broker's own limit: records beyond it are rare, and named when they come.
            if let Some(value) = self.other_than(setting, UNLIMITED).filter(|value| *value != unset) {
                let what = "records with a timestamp farther from now are refused".to_owned();
                add(setting, value, what, set(setting, UNLIMITED));
            }
        }
        if let (Some(has), Some(needs)) = (self.max_message_bytes(), source_max_bytes)
            && has < needs
        {
            let what = format!(
                "the source takes up to {needs}; larger batches are split, a larger record is refused"
            );
            add(MAX_BYTES, &has.to_string(), what, set(MAX_BYTES, &needs.to_string()));
        }
        if let Some(value) = self.other_than(COMPRESSION, "producer") {
            let what = "the broker compresses every batch again".to_owned();
            add(COMPRESSION, value, what, set(COMPRESSION, "producer"));
        }
        let keeps = Retention::of(self.settings);
        if let Some(value) = keeps.get(POLICY)
            && keeps.compacts()
            && !source.compacts()
        {
            let what = "records without a key are refused, and older values of a key are removed".to_owned();
            add(POLICY, value, what, set(POLICY, "delete"));
        }
        for (setting, value, source_keeps) in keeps.shorter_than(source) {
            let what = format!(
                "the source keeps {source_keeps}; delivered records carry the source's times, and the sink deletes \
                 those beyond its own limit"
            );
            let remedy = format!(
                "Set {setting} on the topic as the source has it, or accept that the sink keeps less."
            );
            add(setting, &value.to_string(), what, remedy);
        }
        concerns
    }

    fn other_than(&self, setting: &str, harmless: &str) -> Option<&'a str> {
        self.settings.get(setting).map(String::as_str).filter(|value| *value != harmless)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn named(destination: &[(&str, &str)], source: &[(&str, &str)]) -> Vec<&'static str> {
        let (destination, source) = (settings(destination), settings(source));
        let source_bytes = DestinationSettings::of("s", &source).max_message_bytes();
        let concerns =
            DestinationSettings::of("t", &destination).concerns(source_bytes, &Retention::of(&source));
        concerns.into_iter().map(|concern| concern.setting).collect()
    }

    #[test]
    fn topic_that_is_created_for_a_source_raises_no_concern() {
        let source = [("max.message.bytes", "2000000"), ("cleanup.policy", "delete"), ("retention.ms", "-1")];
        let created = DestinationSettings::for_source(&settings(&source));
        let created: BTreeMap<_, _> =
            created.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let destination = DestinationSettings::of("t", &created);
        destination.check().expect("takes every record as it is");
        assert_eq!(destination.concerns(Some(2_000_000), &Retention::of(&settings(&source))), []);
        assert_eq!(destination.max_message_bytes(), Some(2_000_000));
    }

    #[test]
    fn settings_that_refuse_remove_or_cost_are_named_and_defaults_are_not() {
        let defaults = [
            ("message.timestamp.before.max.ms", "9223372036854775807"),
            ("message.timestamp.after.max.ms", "3600000"),
            ("compression.type", "producer"),
        ];
        assert_eq!(named(&defaults, &[]), [""; 0]);
        assert_eq!(named(&[], &[("max.message.bytes", "1")]), [""; 0], "unknown");
        for (setting, value) in [
            ("message.timestamp.before.max.ms", "3600000"),
            ("message.timestamp.after.max.ms", "1"),
            ("compression.type", "zstd"),
            ("cleanup.policy", "compact"),
        ] {
            assert_eq!(named(&[(setting, value)], &[("cleanup.policy", "delete")]), [setting]);
        }
        assert_eq!(
            named(&[("max.message.bytes", "1")], &[("max.message.bytes", "2")]),
            ["max.message.bytes"]
        );
        let week = [("cleanup.policy", "delete"), ("retention.ms", "604800000")];
        let hour = [("cleanup.policy", "delete"), ("retention.ms", "3600000")];
        assert_eq!(named(&hour, &week), ["retention.ms"]);
        assert_eq!(named(&week, &hour), [""; 0]);
    }

    #[test]
    fn topic_that_replaces_timestamps_is_refused() {
        let settings = settings(&[("message.timestamp.type", "LogAppendTime")]);
        let refused = DestinationSettings::of("t", &settings).check().expect_err("changes every record");
        assert!(matches!(refused, Error::SinkTopicConfig { value, .. } if value == "LogAppendTime"));
    }
}
