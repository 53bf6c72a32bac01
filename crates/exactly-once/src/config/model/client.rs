//! How to talk to a Kafka cluster.

use std::time::Duration;

use garde::Validate;
use serde::{Deserialize, Serialize};

use super::{duration, size};

/// How to talk to a Kafka cluster: `client: { request_timeout: 30s }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ClientConfig {
    /// Name of this client in the brokers' logs and quotas.
    #[garde(custom(is_client_id))]
    pub client_id: String,
    /// Longest time for a connection and its handshake. Default 10 s.
    #[serde(with = "duration")]
    #[garde(custom(duration::within(Duration::from_millis(10), Duration::from_secs(300))))]
    pub connect_timeout: Duration,
    /// Longest wait for a reply. Default 30 s, as in the Java client.
    #[serde(with = "duration")]
    #[garde(custom(duration::within(Duration::from_millis(10), Duration::from_secs(600))))]
    pub request_timeout: Duration,
    /// First pause after a failed connection; doubles up to `reconnect_backoff_max`. Default 50 ms.
    #[serde(with = "duration")]
    #[garde(custom(duration::within(Duration::from_millis(1), Duration::from_secs(60))))]
    pub reconnect_backoff: Duration,
    /// Bound of that pause. Default 1 s.
    #[serde(with = "duration")]
    #[garde(custom(duration::within(Duration::from_millis(1), Duration::from_secs(600))))]
    pub reconnect_backoff_max: Duration,
    /// Bytes of requests without a reply, per connection. Default 64 MiB.
    #[serde(with = "size")]
    #[garde(custom(size::within(1 << 10, 1 << 30)))]
    pub max_in_flight_bytes: u64,
    /// Longest answer of a broker that is accepted. Default 64 MiB.
    #[serde(with = "size")]
    #[garde(custom(size::within(1 << 10, 1 << 30)))]
    pub max_response_bytes: u64,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            client_id: "velostream".to_owned(),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            reconnect_backoff: Duration::from_millis(50),
            reconnect_backoff_max: Duration::from_secs(1),
            max_in_flight_bytes: 64 << 20,
            max_response_bytes: 64 << 20,
        }
    }
}

fn is_client_id(text: &str, (): &()) -> garde::Result {
    if !text.is_empty() && text.len() <= 249 && text.chars().all(|c| c.is_ascii_graphic()) {
        return Ok(());
    }
    Err(garde::Error::new("not a client id\nwrite 1 to 249 printable ASCII characters without spaces"))
}
