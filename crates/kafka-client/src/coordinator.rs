//! Finding coordinators.

use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::requests::{CoordinatorKind, FindCoordinator};
use crate::{ApiKey, BrokerId, Cluster, ErrorCode, Result};

impl Cluster {
    /// The coordinator of a group or a transactional id. Always asks, because a remembered one may have moved. While
    /// there is none (its log is being created or loaded) it asks again with growing pauses, up to
    /// [`Config::request_timeout`](crate::Config::request_timeout).
    ///
    /// # Errors
    /// As [`metadata`](Self::metadata); [`Error::Broker`](crate::Error::Broker): Retry while there is none, Reject
    /// without authorization.
    pub async fn coordinator(&self, kind: CoordinatorKind, key: &str) -> Result<BrokerId> {
        let config = self.config();
        let give_up = Instant::now() + config.request_timeout;
        let mut backoff = Backoff::new(config.reconnect_backoff, config.reconnect_backoff_max);
        loop {
            let response = self.enquire(FindCoordinator { kind, key: key.to_owned() }).await?;
            let code = match response.coordinator {
                Some(coordinator) if response.error.is_ok() => {
                    self.learn(&coordinator);
                    return Ok(coordinator.id);
                }
                _ if response.error.is_ok() => ErrorCode::COORDINATOR_NOT_AVAILABLE,
                _ => response.error,
            };
            let passing = code == ErrorCode::COORDINATOR_NOT_AVAILABLE
                || code == ErrorCode::COORDINATOR_LOAD_IN_PROGRESS;
            backoff.failed();
            if !passing || backoff.not_before().is_none_or(|at| at >= give_up) {
                let error = code.into_error(BrokerId::BOOTSTRAP, ApiKey::FindCoordinator);
                return Err(error.of(key).saying(response.error_message));
            }
            backoff.wait().await;
        }
    }
}
