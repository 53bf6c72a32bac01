//! The topics of a cluster, asked with librdkafka: a verification uses nothing of our own client.

use std::time::Duration;

use exactly_once::core::{Code, Disposition, Error, Result};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use velostream_verifier::Cluster;

/// Longest wait for the cluster's answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Every topic of the cluster that an expression can mean: names that start with `__` belong to brokers and to
/// velostream itself, and a job's expressions never match them either.
///
/// # Errors
/// [`Code::Usage`] -> `Reject` for settings that librdkafka refuses, [`Code::Unreachable`] -> `Retry` where no broker
/// answers.
pub(crate) fn list(cluster: &Cluster) -> Result<Vec<String>> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &cluster.bootstrap_servers).set("log_level", "3");
    for (name, value) in &cluster.properties {
        config.set(name, value);
    }
    let client: BaseConsumer = config.create().map_err(|error| {
        Error::new(Code::Usage, Disposition::Reject, "librdkafka refuses a setting of the source")
            .with_source(error)
    })?;
    let metadata = client.fetch_metadata(None, TIMEOUT).map_err(|error| {
        let text = format!("{}: no broker answers", cluster.bootstrap_servers);
        Error::new(Code::Unreachable, Disposition::Retry, text).with_source(error)
    })?;
    let names = metadata.topics().iter().map(|topic| topic.name().to_owned());
    Ok(names.filter(|name| !name.starts_with("__")).collect())
}
