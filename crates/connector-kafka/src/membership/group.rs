//! The one versioned value that a worker's membership publishes, and what lanes may ask of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::sync::{Notify, watch};
use velostream_core::{Assignment, AssignmentVersion, Clock, LaneIndex, Membership, Phase, Standing};
use velostream_kafka_client::{Cluster, ErrorCode};
use velostream_protocol::kafka_lane::Member;

use super::client::GroupClient;
use super::keeper::Keeper;
use super::standings::Standings;
use super::token::GroupToken;
use crate::config::SinkConfig;
use crate::error::{Error, Result};
use crate::names::Names;
use crate::registry::Registry;
use crate::source::Ends;

/// What a membership is made of.
#[derive(Debug)]
pub struct MembershipParts {
    /// The sink cluster.
    pub cluster: Cluster,
    /// Names of the job.
    pub names: Names,
    /// Settings of the sink.
    pub config: Arc<SinkConfig>,
    /// Splits of the job; used while this worker leads the group.
    pub registry: Registry,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Lanes of this worker, which have to acknowledge what they dropped.
    pub lanes: u16,
    /// Ends of a bounded run, shared with the readers.
    pub ends: Ends,
}

/// The membership of one worker, kept by a task of its own.
#[derive(Debug)]
pub struct KafkaMembership {
    published: watch::Sender<Arc<Assignment>>,
    failure: Mutex<Option<Arc<Error>>>,
    failed: watch::Sender<bool>,
    acknowledged: Mutex<BTreeMap<LaneIndex, AssignmentVersion>>,
    acknowledgement: Notify,
    live: Mutex<Option<(GroupClient, Member)>>,
    leaving: watch::Sender<bool>,
    lanes: u16,
    standings: Standings,
}

impl KafkaMembership {
    /// Joins in the background. Must be called inside a tokio runtime.
    #[must_use]
    pub fn start(parts: MembershipParts) -> Arc<Self> {
        let nothing = Assignment {
            version: AssignmentVersion(0),
            phase: Phase::Lost,
            splits: Vec::new(),
            token: Arc::new(GroupToken::none()),
        };
        let membership = Arc::new(Self {
            published: watch::Sender::new(Arc::new(nothing)),
            failure: Mutex::new(None),
            failed: watch::Sender::new(false),
            acknowledged: Mutex::new(BTreeMap::new()),
            acknowledgement: Notify::new(),
            live: Mutex::new(None),
            leaving: watch::Sender::new(false),
            lanes: parts.lanes,
            standings: Standings {
                cluster: parts.cluster.clone(),
                names: parts.names.clone(),
                registry: parts.registry.clone(),
                ends: parts.ends.clone(),
            },
        });
        let keeper = Keeper::new(Arc::clone(&membership), parts);
        tokio::spawn(keeper.run());
        membership
    }

    /// Confirms right now, with the coordinator, that a membership still stands.
    pub(crate) async fn confirm(&self, member: &Member) -> Result<()> {
        let live = lock(&self.live).clone();
        let stale = || Error::StaleMembership { what: "the membership", generation: member.generation };
        let (client, current) = live.ok_or_else(stale)?;
        if current != *member {
            return Err(stale());
        }
        match client.heartbeat(member).await? {
            // While the others re-join, the generation stands until the last of them has.
            ErrorCode::NONE | ErrorCode::REBALANCE_IN_PROGRESS => Ok(()),
            _ => Err(stale()),
        }
    }

    pub(super) fn publish(&self, phase: Phase, token: GroupToken) -> AssignmentVersion {
        let splits = if phase == Phase::Owned { token.split_ids() } else { Vec::new() };
        let mut version = AssignmentVersion(0);
        self.published.send_modify(|current| {
            version = current.version.next();
            *current = Arc::new(Assignment { version, phase, splits, token: Arc::new(token) });
        });
        version
    }

    /// Tells the lanes that the newest value is about to be replaced.
    pub(super) fn publish_rejoining(&self) -> AssignmentVersion {
        let mut version = AssignmentVersion(0);
        self.published.send_modify(|current| {
            version = current.version.next();
            let mut next = Assignment::clone(current);
            (next.version, next.phase) = (version, Phase::Rejoining);
            *current = Arc::new(next);
        });
        version
    }

    /// Takes over the live membership, for confirmations and the farewell.
    pub(super) fn set_live(&self, live: Option<(GroupClient, Member)>) {
        *lock(&self.live) = live;
    }

    /// Ends the membership for good.
    pub(super) fn fail(&self, error: Error) {
        *lock(&self.failure) = Some(Arc::new(error));
        self.failed.send_replace(true);
    }

    /// Becomes true when the worker leaves.
    pub(super) fn leaving(&self) -> watch::Receiver<bool> {
        self.leaving.subscribe()
    }

    /// Waits until every lane has said that nothing older than `version` is in use.
    pub(super) async fn all_acknowledged(&self, version: AssignmentVersion) {
        loop {
            let acknowledgement = self.acknowledgement.notified();
            let done = {
                let acknowledged = lock(&self.acknowledged);
                (0..self.lanes).all(|l| acknowledged.get(&LaneIndex(l)).is_some_and(|v| *v >= version))
            };
            if done {
                return;
            }
            acknowledgement.await;
        }
    }
}

/// One error as the cause of several.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
struct SharedError(#[source] Arc<Error>);

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Membership for KafkaMembership {
    fn current(&self) -> Arc<Assignment> {
        Arc::clone(&self.published.borrow())
    }

    async fn changed(&self, seen: AssignmentVersion) -> velostream_core::Result<Arc<Assignment>> {
        let mut published = self.published.subscribe();
        let mut failed = self.failed.subscribe();
        tokio::select! {
            biased;
            _ = failed.wait_for(|f| *f) => {}
            newer = published.wait_for(|a| a.version > seen) => {
                if let Ok(assignment) = newer {
                    return Ok(Arc::clone(&assignment));
                }
            }
        }
        // Every lane is told the same.
        let failure = lock(&self.failure).clone();
        let failure =
            failure.unwrap_or_else(|| Arc::new(Error::Defect("the membership ended without a reason")));
        Err(failure.described().with_source(SharedError(failure)))
    }

    fn acknowledge(&self, lane: LaneIndex, version: AssignmentVersion) {
        lock(&self.acknowledged).insert(lane, version);
        self.acknowledgement.notify_waiters();
    }

    async fn standings(&self) -> velostream_core::Result<Vec<Standing>> {
        Ok(self.standings.look().await?)
    }

    async fn leave(&self) -> velostream_core::Result<()> {
        self.leaving.send_replace(true);
        let live = lock(&self.live).take();
        if let Some((client, member)) = live {
            client.leave(&member.member_id, "the worker stops").await?;
        }
        Ok(())
    }
}
