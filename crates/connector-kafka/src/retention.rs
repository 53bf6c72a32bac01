//! How long a topic keeps its records.

use std::collections::BTreeMap;

use serde::Serialize;

/// How long a topic keeps its records, of the settings that its brokers report.
///
/// Delivered records carry the times of their source, and brokers delete by those: what is older than the destination's
/// `retention.ms` goes at the next look of its brokers, moments after it was delivered (Kafka documentation, "Topic
/// Configs", `retention.ms`; the check runs every `log.retention.check.interval.ms`, 5 minutes). So a destination that is
/// created takes over what its source has, and one that keeps less is named.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Retention(BTreeMap<&'static str, String>);

pub(crate) const POLICY: &str = "cleanup.policy";
/// The two limits of the policy `delete`; -1 is none. In milliseconds, and in bytes of each partition.
const LIMITS: [&str; 2] = ["retention.ms", "retention.bytes"];

impl Retention {
    /// Settings to ask the brokers for.
    pub const SETTINGS: [&'static str; 3] = [POLICY, LIMITS[0], LIMITS[1]];

    /// What these settings of a topic say; those that are absent stay unknown.
    #[must_use]
    pub fn of(settings: &BTreeMap<String, String>) -> Self {
        let known = Self::SETTINGS.iter().filter_map(|name| Some((*name, settings.get(*name)?.clone())));
        Self(known.collect())
    }

    /// The value of one of [`Retention::SETTINGS`], where it is known.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Name and value of each known setting, for a topic that is created.
    pub(crate) fn settings(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// Whether only the newest record of a key stays.
    #[must_use]
    pub fn compacts(&self) -> bool {
        self.has_policy("compact")
    }

    /// Settings of this destination by which it loses records that its source still has: name, value, and what the
    /// source keeps.
    #[must_use]
    pub fn shorter_than(&self, source: &Self) -> Vec<(&'static str, i64, String)> {
        let shorter = |name: &'static str| {
            let here = self.limit(name)?;
            match source.limit(name) {
                Some(there) if here < there => Some((name, here, there.to_string())),
                None if source.0.contains_key(POLICY) => Some((name, here, "everything".to_owned())),
                _ => None,
            }
        };
        LIMITS.into_iter().filter_map(shorter).collect()
    }

    fn has_policy(&self, policy: &str) -> bool {
        self.0.get(POLICY).is_some_and(|list| list.split(',').any(|one| one.trim() == policy))
    }

    /// The limit of this name; `None` where there is none or it is unknown.
    fn limit(&self, name: &str) -> Option<i64> {
        let value = self.0.get(name)?.parse().ok()?;
        (self.has_policy("delete") && value >= 0).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retention(policy: &str, ms: &str, bytes: &str) -> Retention {
        let values = [policy, ms, bytes].map(str::to_owned);
        Retention::of(&Retention::SETTINGS.map(str::to_owned).into_iter().zip(values).collect())
    }

    #[test]
    fn destination_that_keeps_less_is_named_with_both_limits() {
        let week = retention("delete", "604800000", "-1");
        assert_eq!(week.shorter_than(&week), []);
        assert_eq!(week.shorter_than(&retention("delete", "3600000", "-1")), []);
        assert_eq!(
            week.shorter_than(&retention("delete", "604800001", "-1")),
            [("retention.ms", 604_800_000, "604800001".to_owned())]
        );
        assert_eq!(
            retention("delete", "-1", "1000").shorter_than(&retention("delete", "-1", "-1")),
            [("retention.bytes", 1000, "everything".to_owned())]
        );
    }

    #[test]
    fn limits_count_only_where_the_policy_deletes() {
        let (deletes, compacts) = (retention("delete", "1", "-1"), retention("compact", "1", "-1"));
        assert_eq!(compacts.shorter_than(&deletes), []);
        assert_eq!(deletes.shorter_than(&compacts), [("retention.ms", 1, "everything".to_owned())]);
        assert_eq!(retention("compact, delete", "1", "-1").shorter_than(&deletes), []);
    }

    #[test]
    fn unknown_settings_are_neither_compared_nor_taken_over() {
        let unknown = Retention::default();
        let hour = retention("delete", "3600000", "-1");
        assert_eq!(hour.shorter_than(&unknown), []);
        assert_eq!(unknown.shorter_than(&hour), []);
        assert_eq!(unknown.settings().count(), 0);
    }
}
