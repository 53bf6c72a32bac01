//! How single options are read.

use exactly_once::config::{Servers, TopicPattern, instance_name};
use exactly_once::core::InstanceName;

/// `host:port`, or several separated by commas.
pub(crate) fn servers(text: &str) -> Result<Servers, String> {
    text.parse().map_err(|error| one_line(&error))
}

/// A topic, or an expression between slashes.
pub(crate) fn topic(text: &str) -> Result<TopicPattern, String> {
    text.parse().map_err(|error| one_line(&error))
}

/// The name of a worker.
pub(crate) fn instance(text: &str) -> Result<InstanceName, String> {
    instance_name(text).map_err(|problem| match problem.remedy {
        Some(remedy) => format!("{}: {remedy}", problem.message),
        None => problem.message,
    })
}

/// `name=value`.
pub(crate) fn property(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

/// Partitions compared at once: 1 to 64.
pub(crate) fn threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(threads @ 1..=64) => Ok(threads),
        _ => Err("write a number from 1 to 64".to_owned()),
    }
}

/// Errors of the configuration carry their remedy on a second line.
fn one_line(error: &dyn std::error::Error) -> String {
    error.to_string().replace('\n', ": ")
}
