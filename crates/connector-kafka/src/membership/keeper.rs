//! The task that keeps a worker in its group: join, share out as the leader, heartbeat, lose, join again.

mod join;
mod lead;

use std::sync::Arc;
use std::time::Duration;

use tracing::{debug, info, warn};
use velostream_core::{Membership, Phase};
use velostream_kafka_client::{ApiKey, ErrorCode};
use velostream_protocol::kafka_lane::Member;

use super::client::GroupClient;
use super::group::{KafkaMembership, MembershipParts};
use super::messages::Share;
use super::token::GroupToken;
use crate::error::{Error, Result};

/// Pause before the coordinator is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(200);
/// How long the lanes may take to commit what is open before this member joins again.
const FINISH_DEADLINE: Duration = Duration::from_secs(1);

/// The task that keeps one worker in its group.
pub(super) struct Keeper {
    shared: Arc<KafkaMembership>,
    parts: MembershipParts,
    started_ms: i64,
    /// Member id of a dead process of this instance.
    predecessor: Option<String>,
    member_id: String,
    holds: Vec<u32>,
    /// Since when the leader says that another member has this instance name.
    duplicate_since: Option<Duration>,
    /// When a missing coordinator was last reported.
    complained: Option<Duration>,
}

/// Why a membership ended.
enum Ended {
    /// Join again under the same member id; what is held stays ours until the new generation stands.
    Rebalance,
    /// Nothing is held any more.
    Lost(&'static str),
    /// The coordinator moved or the connection broke; the membership may still stand.
    Reconnect,
    /// The worker stops.
    Left,
}

impl Keeper {
    pub(super) fn new(shared: Arc<KafkaMembership>, parts: MembershipParts) -> Self {
        Self {
            shared,
            started_ms: parts.clock.unix_ms(),
            predecessor: parts.config.member_file.as_deref().and_then(join::read_member),
            member_id: String::new(),
            holds: Vec::new(),
            duplicate_since: None,
            complained: None,
            parts,
        }
    }

    pub(super) async fn run(mut self) {
        let mut leaving = self.shared.leaving();
        let mut last_contact = self.parts.clock.monotonic();
        loop {
            let ended = tokio::select! {
                biased;
                _ = leaving.wait_for(|l| *l) => return,
                ended = self.session(&mut last_contact) => ended,
            };
            let ended = match ended {
                Ok(ended) => ended,
                Err(error)
                    if error.disposition() == velostream_core::Disposition::Reject
                        || error.disposition() == velostream_core::Disposition::Corrupt =>
                {
                    self.shared.fail(error);
                    return;
                }
                Err(error) => {
                    self.complain(&error);
                    Ended::Reconnect
                }
            };
            match ended {
                Ended::Left => return,
                Ended::Rebalance => self.finish_open().await,
                Ended::Lost(why) => self.lost(why).await,
                Ended::Reconnect => {
                    let silent = self.parts.clock.monotonic().saturating_sub(last_contact);
                    if silent >= self.parts.config.session_timeout {
                        self.lost("no answer from the coordinator for a whole session").await;
                    }
                    self.parts.clock.sleep(RETRY_PAUSE).await;
                }
            }
        }
    }

    /// Says that the coordinator is away, once per session timeout.
    fn complain(&mut self, error: &Error) {
        let now = self.parts.clock.monotonic();
        if self.complained.is_none_or(|at| now.saturating_sub(at) >= self.parts.config.session_timeout) {
            self.complained = Some(now);
            let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
            warn!(%error, cause, "no group membership yet; trying on");
        }
    }

    /// What is open is committed before this member joins again: the old generation stands until the last one has, and
    /// a commit after that would be refused.
    async fn finish_open(&self) {
        let current = self.shared.current();
        if current.phase != Phase::Owned {
            return;
        }
        let version = self.shared.publish_rejoining();
        if tokio::time::timeout(FINISH_DEADLINE, self.shared.all_acknowledged(version)).await.is_err() {
            debug!("a lane still commits; joining all the same");
        }
    }

    /// Everything is dropped and every lane has said so before anybody re-joins.
    async fn lost(&mut self, why: &str) {
        self.shared.set_live(None);
        self.holds.clear();
        if self.shared.current().phase != Phase::Lost {
            info!(why, "membership lost; lanes drop their splits");
            let version = self.shared.publish(Phase::Lost, GroupToken::none());
            self.shared.all_acknowledged(version).await;
        }
        self.member_id.clear();
    }

    /// Joins once and keeps the membership until something ends it.
    async fn session(&mut self, last_contact: &mut Duration) -> Result<Ended> {
        let group = self.parts.names.group();
        let client = GroupClient::connect(&self.parts.cluster, &group, &self.parts.config).await?;
        let joined = match self.join(&client).await? {
            Ok(joined) => joined,
            Err(ended) => return Ok(ended),
        };
        *last_contact = self.parts.clock.monotonic();
        let member = Member { member_id: joined.member.clone(), generation: joined.generation };
        let shares = if joined.leader == joined.member { self.shares(&joined).await? } else { Vec::new() };
        let leads = !shares.is_empty();
        let (code, assignment) = client.sync(&member, shares).await?;
        match code {
            ErrorCode::NONE => {}
            ErrorCode::REBALANCE_IN_PROGRESS => return Ok(Ended::Rebalance),
            code => return self.ended(&client, "sync", code, ApiKey::SyncGroup),
        }
        *last_contact = self.parts.clock.monotonic();
        let share = Share::decode(&assignment)?;
        self.judge_duplicate(share.duplicate)?;
        let token = GroupToken::new(member.clone(), share);
        self.holds = token.indices();
        self.shared.set_live(Some((client.clone(), member.clone())));
        let version = self.shared.publish(Phase::Owned, token);
        info!(generation = member.generation, splits = self.holds.len(), %version, leads, "joined");
        self.keep(&client, &member, leads, last_contact).await
    }

    fn ended(&self, client: &GroupClient, what: &str, code: ErrorCode, api: ApiKey) -> Result<Ended> {
        Ok(match code {
            ErrorCode::REBALANCE_IN_PROGRESS => Ended::Rebalance,
            ErrorCode::UNKNOWN_MEMBER_ID => Ended::Lost("the coordinator does not know this member any more"),
            ErrorCode::ILLEGAL_GENERATION => Ended::Lost("the group has moved on to another generation"),
            ErrorCode::NOT_COORDINATOR
            | ErrorCode::COORDINATOR_NOT_AVAILABLE
            | ErrorCode::COORDINATOR_LOAD_IN_PROGRESS => Ended::Reconnect,
            code => return Err(client.refused(what, code, api)),
        })
    }

    /// A broken connection ends no membership: the same member goes on at the coordinator of now.
    async fn reconnect(&self, client: &mut GroupClient, member: &Member) {
        let group = self.parts.names.group();
        match GroupClient::connect(&self.parts.cluster, &group, &self.parts.config).await {
            Ok(fresh) => {
                *client = fresh.clone();
                self.shared.set_live(Some((fresh, member.clone())));
            }
            Err(error) => debug!(%error, "no coordinator yet"),
        }
    }

    /// Heartbeats until something ends the membership. The leader also looks for new partitions.
    async fn keep(
        &mut self,
        client: &GroupClient,
        member: &Member,
        leads: bool,
        last_contact: &mut Duration,
    ) -> Result<Ended> {
        let clock = Arc::clone(&self.parts.clock);
        let mut client = client.clone();
        let mut next_look = clock.monotonic() + self.parts.config.discovery_interval;
        let mut look = None;
        loop {
            clock.sleep(self.parts.config.heartbeat_interval).await;
            if *self.shared.leaving().borrow() {
                return Ok(Ended::Left);
            }
            let silent = clock.monotonic().saturating_sub(*last_contact);
            if silent >= self.parts.config.session_timeout {
                return Ok(Ended::Lost("no answer from the coordinator for a whole session"));
            }
            match client.heartbeat(member).await {
                Ok(ErrorCode::NONE) => *last_contact = clock.monotonic(),
                Ok(code) => match self.ended(&client, "heartbeat", code, ApiKey::Heartbeat)? {
                    Ended::Reconnect => self.reconnect(&mut client, member).await,
                    ended => return Ok(ended),
                },
                Err(error) => {
                    debug!(%error, "no heartbeat");
                    self.reconnect(&mut client, member).await;
                }
            }
            if self.duplicate_since.is_some() {
                self.judge_duplicate(true)?;
            }
            if leads && look.is_none() && clock.monotonic() >= next_look {
                let registry = self.parts.registry.clone();
                look = Some(tokio::spawn(async move { registry.refreshed().await }));
                next_look = clock.monotonic() + self.parts.config.discovery_interval;
            }
            if let Some(done) = look.take_if(|l| l.is_finished()) {
                match done.await {
                    Ok(Ok(registry)) if registry.splits() != self.parts.registry.splits() => {
                        info!(splits = registry.splits().len(), "the source has new partitions");
                        self.parts.registry = registry;
                        return Ok(Ended::Rebalance);
                    }
                    Ok(Ok(_)) => {}
                    Ok(Err(error)) if error.disposition() == velostream_core::Disposition::Reject => {
                        return Err(error);
                    }
                    Ok(Err(error)) => warn!(%error, "could not look for new partitions"),
                    Err(error) => warn!(%error, "could not look for new partitions"),
                }
            }
        }
    }
}
