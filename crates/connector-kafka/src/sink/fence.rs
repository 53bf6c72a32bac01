//! Closing a dead owner's transaction (R10).

use std::time::Duration;

use tracing::{info, warn};
use velostream_core::{Clock, mutant};
use velostream_kafka_client::{Cluster, CoordinatorKind, ErrorCode, InitProducerId};

use super::coordinator::comes_again;

/// Tries while the coordinator is moving or loading.
const TRIES: u32 = 5;

/// Sends **one** InitProducerId for another lane's transactional id. It bumps the epoch and aborts what is open;
/// CONCURRENT_TRANSACTIONS means that this is under way, so it counts as done. A loop until success would starve a
/// healthy lane that happens to hold that id. Liveness only: where it fails, the transaction's own timeout does it.
pub(super) async fn fence(cluster: &Cluster, lane: &str, timeout: Duration, clock: &dyn Clock) -> bool {
    for _ in 0..TRIES {
        match ask(cluster, lane, timeout).await {
            Ok(code) if is_done(code) => {
                info!(lane, "fenced an earlier owner");
                return true;
            }
            Ok(code) if comes_again(code) => clock.sleep(Duration::from_millis(50)).await,
            Ok(code) => {
                warn!(
                    lane,
                    code = code.name(),
                    "could not fence an earlier owner; its transaction will time out"
                );
                return false;
            }
            Err(error) => {
                warn!(lane, %error, "could not fence an earlier owner; its transaction will time out");
                return false;
            }
        }
    }
    false
}

/// CONCURRENT_TRANSACTIONS: the epoch is fenced, and the coordinator ends what was open.
fn is_done(code: ErrorCode) -> bool {
    code == ErrorCode::NONE || (code == ErrorCode::CONCURRENT_TRANSACTIONS && !mutant!(FencedInALoop))
}

async fn ask(cluster: &Cluster, lane: &str, timeout: Duration) -> velostream_kafka_client::Result<ErrorCode> {
    let broker = cluster.coordinator(CoordinatorKind::Transaction, lane).await?;
    let connection = cluster.open(broker).await?;
    let request = InitProducerId {
        transactional_id: Some(lane.to_owned()),
        timeout,
        producer_id: -1,
        producer_epoch: -1,
    };
    Ok(connection.send(request).await?.error)
}

#[cfg(test)]
mod tests {
    use velostream_kafka_client::ErrorCode;

    use super::is_done;

    #[test]
    fn transaction_that_is_being_ended_is_not_fenced_again() {
        assert!(is_done(ErrorCode::NONE) && is_done(ErrorCode::CONCURRENT_TRANSACTIONS));
        assert!(!is_done(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS) && !is_done(ErrorCode::NOT_COORDINATOR));
    }
}
