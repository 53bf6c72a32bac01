//! Durations with a unit: `200ms`, `30s`, `1h 30m`. Never a bare number.

use std::fmt;
use std::time::Duration;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Serialize, Serializer};

pub(crate) const REMEDY: &str = "write a number with a unit: 200ms, 30s, 5m, 24h";

pub(crate) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    text(*duration).serialize(serializer)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    deserializer.deserialize_any(DurationVisitor)
}

/// As it is written in a job file.
pub(crate) fn text(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

struct DurationVisitor;

impl Visitor<'_> for DurationVisitor {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        humantime::parse_duration(text).map_err(|_| E::custom(format!("not a duration\n{REMEDY}")))
    }

    fn visit_i128<E: Error>(self, _: i128) -> Result<Duration, E> {
        Err(E::custom(format!("a duration needs its unit\n{REMEDY}")))
    }
}

/// A check that the duration lies between two bounds, both allowed.
pub(crate) fn within(min: Duration, max: Duration) -> impl Fn(&Duration, &()) -> garde::Result {
    move |value, ()| {
        if (min..=max).contains(value) {
            return Ok(());
        }
        Err(garde::Error::new(format!("out of range\nwrite a duration from {} to {}", text(min), text(max))))
    }
}
