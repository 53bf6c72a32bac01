//! Joining the group, as the member that this worker was before where it still can.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tracing::{debug, warn};
use velostream_kafka_client::{ApiKey, ErrorCode, JoinGroupResponse};

use super::{Ended, Keeper};
use crate::error::{Error, Result};
use crate::membership::client::GroupClient;
use crate::membership::messages::Subscription;

/// How long a restarted worker waits after joining before it says farewell for its dead predecessor: the join must
/// be in the group first, else the group would become empty and forget its generation.
const FAREWELL_DELAY: Duration = Duration::from_millis(100);

impl Keeper {
    pub(super) async fn join(&mut self, client: &GroupClient) -> Result<Result<JoinGroupResponse, Ended>> {
        let subscription = Subscription {
            instance: self.parts.names.instance().to_string(),
            started_ms: self.started_ms,
            holds: self.holds.clone(),
        };
        let metadata = subscription.encode(&self.parts.names.journal())?;
        if let Some(dead) = self.predecessor.take() {
            let (client, clock) = (client.clone(), Arc::clone(&self.parts.clock));
            tokio::spawn(async move {
                clock.sleep(FAREWELL_DELAY).await;
                if let Err(error) = client.leave(&dead, "restarted after a crash").await {
                    debug!(%error, "the predecessor's membership was gone already");
                }
            });
        }
        loop {
            let answer = client.join(&self.member_id, metadata.clone()).await?;
            match answer.error {
                ErrorCode::NONE => {
                    self.keep_member_id(&answer.member);
                    return Ok(Ok(answer));
                }
                // KIP-394: the first answer only hands the id out.
                ErrorCode::MEMBER_ID_REQUIRED => self.keep_member_id(&answer.member),
                ErrorCode::INVALID_SESSION_TIMEOUT => {
                    let session_ms = self.parts.config.session_timeout.as_millis();
                    return Err(Error::SessionTimeout { group: self.parts.names.group(), session_ms });
                }
                code => return self.ended(client, "join", code, ApiKey::JoinGroup).map(Err),
            }
        }
    }

    fn keep_member_id(&mut self, member_id: &str) {
        if self.member_id == member_id {
            return;
        }
        member_id.clone_into(&mut self.member_id);
        if let Some(path) = &self.parts.config.member_file
            && let Err(error) = std::fs::write(path, member_id)
        {
            // Only a faster restart is lost.
            warn!(path = %path.display(), %error, "could not keep the member id");
        }
    }
}

/// Member id that an earlier process of this instance kept.
pub(super) fn read_member(path: &Path) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    (!text.is_empty()).then_some(text)
}
