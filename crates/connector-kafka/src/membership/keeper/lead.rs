//! What the leader of the group decides, and what a member makes of it.

use std::collections::BTreeSet;

use velostream_kafka_client::JoinGroupResponse;

use super::Keeper;
use crate::error::{Error, Result};
use crate::membership::assignor::{Candidate, assign};
use crate::membership::messages::Subscription;

impl Keeper {
    /// The leader's decision: who gets what.
    pub(super) async fn shares(&mut self, joined: &JoinGroupResponse) -> Result<Vec<(String, Vec<u8>)>> {
        self.parts.registry.ensure_loaded().await?;
        let mut members = Vec::new();
        for m in &joined.members {
            members.push((m.member.clone(), Subscription::decode(&m.metadata)?));
        }
        let younger = |id: &str, s: &Subscription| {
            members.iter().any(|(other, o)| {
                o.instance == s.instance && (o.started_ms, other.as_str()) < (s.started_ms, id)
            })
        };
        let candidates: Vec<Candidate> = members
            .iter()
            .filter(|(id, s)| !younger(id, s))
            .map(|(id, s)| Candidate { member_id: id.clone(), holds: s.holds.clone() })
            .collect();
        let splits: BTreeSet<u32> = self.parts.registry.splits().keys().copied().collect();
        let journal = self.parts.names.journal();
        let given = assign(&candidates, &splits);
        members
            .iter()
            .map(|(id, s)| {
                let indices = given.get(id).map_or(&[][..], Vec::as_slice);
                let share = self.parts.registry.share(indices, younger(id, s));
                Ok((id.clone(), share.encode(&journal)?))
            })
            .collect()
    }

    /// Two live workers with one name would fence each other for ever: the younger gives way, once it is sure that
    /// the elder is not just a dead process whose session has not ended yet.
    pub(super) fn judge_duplicate(&mut self, duplicate: bool) -> Result<()> {
        let now = self.parts.clock.monotonic();
        if !duplicate {
            self.duplicate_since = None;
            return Ok(());
        }
        let since = *self.duplicate_since.get_or_insert(now);
        let patience = self.parts.config.session_timeout + self.parts.config.rebalance_timeout;
        if now.saturating_sub(since) > patience {
            return Err(Error::InstanceConflict { instance: self.parts.names.instance().to_string() });
        }
        Ok(())
    }
}
