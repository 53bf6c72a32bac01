//! The client of one side: librdkafka, reading only, and quiet.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tracing::debug;

use crate::compare::Side;
use crate::config::Cluster;
use crate::error::Error;

/// A consumer of one side.
pub(crate) type Client = BaseConsumer<Quiet>;

/// Events looked at for the reason of a failure.
const LAST_EVENTS: usize = 16;

/// Keeps librdkafka's words off the log, where it calls even the end of a partition an error: what matters of them
/// comes back as an [`Error`]. The last complaint is kept, because it names the true cause ("connection refused")
/// where the error only says that no broker answers.
#[derive(Debug, Default)]
pub(crate) struct Quiet {
    complaint: Mutex<Option<String>>,
}

impl Quiet {
    fn complaint(&self) -> Option<String> {
        self.complaint.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        debug!(target: "librdkafka", ?level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        debug!(target: "librdkafka", %error, reason);
        let mut complaint = self.complaint.lock().unwrap_or_else(PoisonError::into_inner);
        // "1/1 brokers are down" follows the reason and says less.
        if complaint.is_none() || error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            *complaint = Some(reason.to_owned());
        }
    }
}

impl ConsumerContext for Quiet {}

/// What the client complained about last, if anything. Polls what waits; only for a client without an assignment.
pub(crate) fn last_complaint(client: &Client) -> Option<String> {
    for _ in 0..LAST_EVENTS {
        // An event that the context takes looks like none at all, so that `None` is not the end of them.
        drop(client.poll(Duration::ZERO));
    }
    client.context().complaint()
}

/// What a client sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Isolation {
    /// Records of committed transactions, up to the last stable offset.
    Committed,
    /// Everything, up to the high watermark.
    Uncommitted,
}

impl Isolation {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Committed => "read_committed",
            Self::Uncommitted => "read_uncommitted",
        }
    }
}

/// A consumer that joins no group and commits nothing.
pub(crate) fn client(cluster: &Cluster, side: Side, isolation: Isolation) -> Result<Client, Error> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &cluster.bootstrap_servers)
        .set("client.id", "velostream-verifier")
        // librdkafka assigns partitions only to a client that names a group, also if it never joins it.
        .set("group.id", "velostream-verifier")
        .set("queued.max.messages.kbytes", "16384")
        .set("fetch.message.max.bytes", "4194304")
        .set("fetch.wait.max.ms", "50")
        .set("log_level", "3");
    for (name, value) in &cluster.properties {
        config.set(name, value);
    }
    // Last: what the comparison stands on cannot be overridden.
    config
        .set("isolation.level", isolation.as_str())
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error")
        .set("enable.partition.eof", "true")
        .set("check.crcs", "true")
        .create_with_context(Quiet::default())
        .map_err(|source| Error::Settings { side, source: Box::new(source) })
}
