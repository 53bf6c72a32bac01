//! How to reach a cluster.

use std::time::Duration;

use crate::transport::Security;

/// How to reach a cluster. Holds no secrets as long as [`Security`] has none.
#[derive(Debug, Clone)]
pub struct Config {
    /// `host:port` of brokers; one that answers is enough.
    pub bootstrap_servers: Vec<String>,
    /// Name of this client in the broker's log and quotas.
    pub client_id: String,
    /// Longest time for a TCP connection and its version handshake.
    pub connect_timeout: Duration,
    /// Longest wait for a reply, counted from the moment the request is queued.
    pub request_timeout: Duration,
    /// Bound of the request bytes without a reply, per connection. A single larger request passes alone.
    pub max_in_flight_bytes: usize,
    /// Longest response that is accepted, in bytes.
    pub max_response_bytes: usize,
    /// Upper end of the first random pause after a failed connection to one broker; doubles with each failure.
    pub reconnect_backoff: Duration,
    /// Bound of that pause.
    pub reconnect_backoff_max: Duration,
    /// Encryption and authentication.
    pub security: Security,
}

impl Default for Config {
    /// No servers, client id `velostream`, 10 s to connect, 30 s for a reply (the broker's own default), 64 MiB in
    /// flight and for a response, 50 ms to 1 s between connection attempts (defaults of the Java client).
    fn default() -> Self {
        Self {
            bootstrap_servers: Vec::new(),
            client_id: "velostream".to_owned(),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            max_in_flight_bytes: 64 << 20,
            max_response_bytes: 64 << 20,
            reconnect_backoff: Duration::from_millis(50),
            reconnect_backoff_max: Duration::from_secs(1),
            security: Security::Plaintext,
        }
    }
}
