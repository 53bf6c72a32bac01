//! The membership of one process: joins, heartbeats, loses, joins again, as the Kafka connector's does.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::sync::Notify;
use velostream_core::{
    Assignment, AssignmentVersion, Code as PublicCode, Disposition, Error, LaneIndex, Membership, Phase,
    Result, SplitId, Standing, Token,
};
use velostream_protocol::kafka_lane::Member;

use crate::broker::{Answer, Code, Request};
use crate::mutant::Mutant;
use crate::names::{position, split_name};
use crate::network::Endpoint;
use crate::scenario::{HEARTBEAT_MS, SESSION_MS, Scenario};

/// Pause before the coordinator is tried again.
const RETRY_MS: u64 = 200;
/// How long the lanes may take to commit what is open before this member joins again.
const FINISH_MS: u64 = 1_000;
/// How long after joining a restarted worker says farewell for its dead predecessor.
const FAREWELL_MS: u64 = 100;

/// What an assignment carries for the lanes.
#[derive(Debug)]
pub(crate) struct GroupToken {
    pub(crate) member: Member,
    pub(crate) splits: BTreeSet<u32>,
}

impl Token for GroupToken {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[derive(Debug)]
struct Shared {
    published: Arc<Assignment>,
    acknowledged: BTreeMap<LaneIndex, AssignmentVersion>,
    live: Option<Member>,
    leaving: bool,
}

/// The membership of one process.
#[derive(Debug)]
pub(crate) struct SimMembership {
    endpoint: Endpoint,
    lanes: u16,
    /// Pinned start, and end at the start of the process, per split.
    ranges: Vec<(i64, i64)>,
    /// A mutant.
    own_share_only: bool,
    shared: Mutex<Shared>,
    changed: Notify,
}

enum Ended {
    Rebalance,
    Lost,
    Reconnect,
    Left,
}

impl SimMembership {
    pub(crate) fn new(endpoint: Endpoint, scenario: &Scenario, ranges: Vec<(i64, i64)>) -> Self {
        let member = Member { member_id: String::new(), generation: -1 };
        let nothing = Assignment {
            version: AssignmentVersion(0),
            phase: Phase::Lost,
            splits: Vec::new(),
            token: Arc::new(GroupToken { member, splits: BTreeSet::new() }),
        };
        let shared = Shared {
            published: Arc::new(nothing),
            acknowledged: BTreeMap::new(),
            live: None,
            leaving: false,
        };
        let own_share_only = scenario.mutant == Some(Mutant::OwnShareOnly);
        Self {
            endpoint,
            lanes: scenario.lanes,
            ranges,
            own_share_only,
            shared: Mutex::new(shared),
            changed: Notify::new(),
        }
    }

    fn with<T>(&self, look: impl FnOnce(&mut Shared) -> T) -> T {
        look(&mut self.shared.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn publish(&self, phase: Phase, token: GroupToken) -> AssignmentVersion {
        let splits = token.splits.iter().map(|s| split_name(*s)).collect::<Vec<SplitId>>();
        let version = self.with(|shared| {
            let version = shared.published.version.next();
            shared.published = Arc::new(Assignment { version, phase, splits, token: Arc::new(token) });
            version
        });
        self.changed.notify_waiters();
        version
    }

    /// Tells the lanes that the newest value is about to be replaced.
    fn publish_rejoining(&self) -> AssignmentVersion {
        let version = self.with(|shared| {
            let mut next = Assignment::clone(&shared.published);
            (next.version, next.phase) = (next.version.next(), Phase::Rejoining);
            let version = next.version;
            shared.published = Arc::new(next);
            version
        });
        self.changed.notify_waiters();
        version
    }

    /// Waits until every lane has said that nothing older than `version` is in use.
    async fn all_acknowledged(&self, version: AssignmentVersion) {
        let lanes = self.lanes;
        self.until(|shared| {
            let done = |l| shared.acknowledged.get(&LaneIndex(l)).is_some_and(|v| *v >= version);
            (shared.leaving || (0..lanes).all(done)).then_some(())
        })
        .await;
    }

    /// Waits until something holds.
    async fn until<T>(&self, mut holds: impl FnMut(&mut Shared) -> Option<T>) -> T {
        loop {
            let changed = self.changed.notified();
            if let Some(found) = self.with(&mut holds) {
                return found;
            }
            changed.await;
        }
    }

    /// Confirms right now, with the coordinator, that a membership still stands; `false` where it does not.
    ///
    /// # Errors
    /// Where the coordinator gave no answer.
    pub(crate) async fn confirm(&self, member: &Member) -> std::result::Result<bool, crate::world::Lost> {
        if self.with(|shared| shared.live.as_ref() != Some(member)) {
            return Ok(false);
        }
        let answer = self.endpoint.call(Request::Heartbeat { member: member.clone() }).await?;
        Ok(matches!(answer, Answer::Done | Answer::Error(Code::Rebalancing)))
    }

    /// Keeps the process in its group until it leaves.
    pub(crate) async fn keep(self: Arc<Self>, predecessor: Option<String>) {
        let mut keeper =
            Keeper { shared: self, predecessor, member_id: String::new(), holds: BTreeSet::new() };
        keeper.run().await;
    }
}

#[async_trait]
impl Membership for SimMembership {
    fn current(&self) -> Arc<Assignment> {
        self.with(|shared| Arc::clone(&shared.published))
    }

    async fn changed(&self, seen: AssignmentVersion) -> Result<Arc<Assignment>> {
        let newer =
            |shared: &mut Shared| (shared.published.version > seen).then(|| Arc::clone(&shared.published));
        drop(self.until(newer).await);
        self.endpoint.gate().await;
        Ok(self.current())
    }

    fn acknowledge(&self, lane: LaneIndex, version: AssignmentVersion) {
        self.with(|shared| shared.acknowledged.insert(lane, version));
        self.changed.notify_waiters();
    }

    async fn standings(&self) -> Result<Vec<Standing>> {
        if self.own_share_only {
            return Ok(Vec::new());
        }
        let partitions = (0_u32..).zip(&self.ranges).map(|(split, _)| split).collect();
        let answer = self.endpoint.call(Request::OffsetFetch { partitions, stable: false }).await;
        let Ok(Answer::Offsets(offsets)) = answer else {
            return Err(Error::new(
                PublicCode::KafkaTimeout,
                Disposition::Retry,
                format!("OffsetFetch: {answer:?}"),
            ));
        };
        let standing = |(split, (start, end)): (u32, &(i64, i64))| {
            let name = split_name(split);
            let committed = offsets.get(&split).map_or(*start, |stored| stored.offset);
            Standing { position: Some(position(&name, committed)), end: position(&name, *end), split: name }
        };
        Ok((0_u32..).zip(&self.ranges).map(standing).collect())
    }

    async fn leave(&self) -> Result<()> {
        let live = self.with(|shared| {
            shared.leaving = true;
            shared.live.take()
        });
        self.changed.notify_waiters();
        if let Some(member) = live {
            drop(self.endpoint.call(Request::Leave { member_id: member.member_id }).await);
        }
        Ok(())
    }
}

struct Keeper {
    shared: Arc<SimMembership>,
    /// Member id of a dead process of this worker.
    predecessor: Option<String>,
    member_id: String,
    holds: BTreeSet<u32>,
}

impl Keeper {
    fn now(&self) -> u64 {
        self.shared.endpoint.world.now()
    }

    fn is_leaving(&self) -> bool {
        self.shared.with(|shared| shared.leaving)
    }

    async fn run(&mut self) {
        let mut last_contact = self.now();
        loop {
            match self.session(&mut last_contact).await {
                Ended::Left => return,
                Ended::Rebalance => self.finish_open().await,
                Ended::Lost => self.lost().await,
                Ended::Reconnect => {
                    if self.now().saturating_sub(last_contact) >= SESSION_MS {
                        self.lost().await;
                    }
                    self.shared.endpoint.sleep(RETRY_MS).await;
                }
            }
            if self.is_leaving() {
                return;
            }
        }
    }

    /// What is open is committed before this member joins again: the old generation stands until the last one has.
    async fn finish_open(&self) {
        if self.shared.current().phase != Phase::Owned {
            return;
        }
        let version = self.shared.publish_rejoining();
        tokio::select! {
            biased;
            () = self.shared.all_acknowledged(version) => {}
            () = self.shared.endpoint.world.sleep(FINISH_MS) => {}
        }
        self.shared.endpoint.gate().await;
    }

    /// Everything is dropped and every lane has said so before anybody joins again.
    async fn lost(&mut self) {
        self.shared.with(|shared| shared.live = None);
        self.holds.clear();
        if self.shared.current().phase != Phase::Lost {
            let member = Member { member_id: String::new(), generation: -1 };
            let version = self.shared.publish(Phase::Lost, GroupToken { member, splits: BTreeSet::new() });
            self.shared.all_acknowledged(version).await;
            self.shared.endpoint.gate().await;
        }
        self.member_id.clear();
    }

    async fn session(&mut self, last_contact: &mut u64) -> Ended {
        let endpoint = self.shared.endpoint.clone();
        if let Some(dead) = self.predecessor.take() {
            let endpoint = endpoint.clone();
            // It dies with the process: a dead endpoint never goes on.
            tokio::spawn(async move {
                endpoint.sleep(FAREWELL_MS).await;
                drop(endpoint.call(Request::Leave { member_id: dead }).await);
            });
        }
        let join = Request::Join {
            worker: endpoint.worker,
            member_id: self.member_id.clone(),
            holds: self.holds.clone(),
        };
        let (member, splits) = match endpoint.call(join).await {
            Ok(Answer::Joined { member, splits }) => (member, splits),
            Ok(Answer::Error(Code::UnknownMember)) => return Ended::Lost,
            Ok(_) | Err(_) => return Ended::Reconnect,
        };
        *last_contact = self.now();
        self.member_id.clone_from(&member.member_id);
        if let Some(process) = endpoint.world.lock().processes.get_mut(endpoint.worker) {
            process.member_id.clone_from(&member.member_id);
        }
        self.holds.clone_from(&splits);
        let leaving = self.shared.with(|shared| {
            shared.live = Some(member.clone());
            shared.leaving
        });
        if leaving {
            drop(self.shared.leave().await);
            return Ended::Left;
        }
        self.shared.publish(Phase::Owned, GroupToken { member: member.clone(), splits });
        self.heartbeat(&endpoint, &member, last_contact).await
    }

    async fn heartbeat(&self, endpoint: &Endpoint, member: &Member, last_contact: &mut u64) -> Ended {
        loop {
            endpoint.sleep(HEARTBEAT_MS).await;
            if self.is_leaving() {
                return Ended::Left;
            }
            if self.now().saturating_sub(*last_contact) >= SESSION_MS {
                return Ended::Lost;
            }
            match endpoint.call(Request::Heartbeat { member: member.clone() }).await {
                Ok(Answer::Done) => *last_contact = self.now(),
                Ok(Answer::Error(Code::Rebalancing)) => return Ended::Rebalance,
                Ok(Answer::Error(Code::UnknownMember | Code::IllegalGeneration)) => return Ended::Lost,
                Ok(_) | Err(_) => {}
            }
        }
    }
}
