//! The requests of a transactional writer to its two coordinators.

use std::sync::Arc;
use std::time::Duration;

use velostream_core::{Clock, Disposition, mutant};
use velostream_kafka_client as client;
use velostream_kafka_client::{
    AddOffsetsToTxn, AddPartitionsToTxn, ApiKey, BrokerId, Cluster, CommitPartition, CommitTopic, Connection,
    CoordinatorKind, EndTxn, ErrorCode, InitProducerId, TopicPartitions, TxnOffsetCommit,
};
use velostream_protocol::kafka_lane::{Failure, Identity, Member, TransactionVersion};

use super::outgoing::Target;
use crate::error::{Error, Result};

/// Pause before a request is repeated that the coordinator answered with "come again".
const COME_AGAIN: Duration = Duration::from_millis(10);

/// A failed request and what it means for the transaction.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) failure: Failure,
    pub(super) source: client::Error,
}

/// One split's new offset in the group.
#[derive(Debug, Clone)]
pub(super) struct StoredOffset {
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) leader_epoch: i32,
    /// What a claim would have to search for otherwise.
    pub(super) hint: Hint,
}

/// Metadata of a stored offset: written after every acknowledgement of the transaction, so that it knows what the
/// progress record, which goes out with the data, cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hint {
    /// Offset of the progress record in the journal: where a claim may start to read.
    pub(super) progress_at: i64,
    /// Highest acknowledged offset in the destination, this transaction's data included; -1 where there is none.
    pub(super) highest: i64,
}

impl Hint {
    fn encode(self) -> String {
        format!("{} {}", self.progress_at, self.highest)
    }

    /// Reads a hint; anything unreadable is no hint.
    pub(super) fn decode(metadata: Option<&str>) -> Self {
        let mut numbers = metadata.unwrap_or_default().split(' ').map(|n| n.parse().unwrap_or(-1));
        Self { progress_at: numbers.next().unwrap_or(-1), highest: numbers.next().unwrap_or(-1) }
    }
}

/// Connections of one lane to the transaction coordinator and the group coordinator.
#[derive(Debug)]
pub(super) struct Coordinator {
    cluster: Cluster,
    lane: String,
    group: String,
    journal: Arc<str>,
    version: TransactionVersion,
    timeout: Duration,
    clock: Arc<dyn Clock>,
    transactions: Option<Connection>,
    groups: Option<Connection>,
}

impl Coordinator {
    pub(super) fn new(
        cluster: Cluster,
        (lane, group, journal): (String, String, Arc<str>),
        version: TransactionVersion,
        timeout: Duration,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { cluster, lane, group, journal, version, timeout, clock, transactions: None, groups: None }
    }

    pub(super) fn disconnect(&mut self) {
        for connection in [self.transactions.take(), self.groups.take()].into_iter().flatten() {
            connection.close();
        }
    }

    async fn transactions(&mut self) -> client::Result<Connection> {
        connect(&self.cluster, &mut self.transactions, CoordinatorKind::Transaction, &self.lane).await
    }

    /// A new identity: aborts what the old one had open and fences it.
    pub(super) async fn initialize(&mut self) -> Result<Identity> {
        self.init(None).await
    }

    /// The same producer with its next epoch; refused where somebody else has taken the id over (KIP-360).
    pub(super) async fn renew(&mut self, identity: Identity) -> Result<Identity> {
        self.init(Some(identity)).await
    }

    async fn init(&mut self, current: Option<Identity>) -> Result<Identity> {
        let context = || format!("producer identity of {}", self.lane);
        let started = self.clock.monotonic();
        loop {
            let connection =
                connect(&self.cluster, &mut self.transactions, CoordinatorKind::Transaction, &self.lane)
                    .await
                    .map_err(Error::client(context()))?;
            let request = InitProducerId {
                transactional_id: Some(self.lane.clone()),
                timeout: self.timeout,
                producer_id: current.map_or(-1, |i| i.id),
                producer_epoch: current.map_or(-1, |i| i.epoch),
            };
            let answer = connection.send(request).await.map_err(Error::client(context()))?;
            match answer.error {
                ErrorCode::NONE => {
                    return Ok(Identity { id: answer.producer_id, epoch: answer.producer_epoch });
                }
                code if comes_again(code)
                    && self.clock.monotonic().saturating_sub(started) < self.timeout =>
                {
                    if code != ErrorCode::CONCURRENT_TRANSACTIONS {
                        self.transactions = None;
                    }
                    self.clock.sleep(COME_AGAIN).await;
                }
                code => {
                    let source = code.into_error(connection.broker(), ApiKey::InitProducerId);
                    return Err(Error::client(context())(source));
                }
            }
        }
    }

    /// V1: partitions are added by hand before the first produce.
    pub(super) async fn add_partition(&mut self, identity: Identity, target: &Target) -> Result<(), Failed> {
        loop {
            let connection = self.transactions().await.map_err(indefinite)?;
            let request = AddPartitionsToTxn {
                transactional_id: self.lane.clone(),
                producer_id: identity.id,
                producer_epoch: identity.epoch,
                topics: vec![TopicPartitions {
                    topic: target.topic.to_string(),
                    partitions: vec![target.partition],
                }],
            };
            let answer = connection.send(request).await.map_err(indefinite)?;
            let code = answer.partitions.first().map_or(ErrorCode::UNKNOWN_SERVER_ERROR, |p| p.error);
            match code {
                ErrorCode::NONE => return Ok(()),
                ErrorCode::CONCURRENT_TRANSACTIONS => self.clock.sleep(COME_AGAIN).await,
                code => return Err(refused(code, connection.broker(), ApiKey::AddPartitionsToTxn)),
            }
        }
    }

    /// The fence: the broker refuses a stale generation or an unknown member.
    pub(super) async fn store_offsets(
        &mut self,
        identity: Identity,
        member: &Member,
        offsets: &[StoredOffset],
    ) -> Result<(), Failed> {
        if self.version == TransactionVersion::V1 {
            self.add_group(identity).await?;
        }
        let connection = connect(&self.cluster, &mut self.groups, CoordinatorKind::Group, &self.group)
            .await
            .map_err(indefinite)?;
        let partitions = offsets
            .iter()
            .map(|o| CommitPartition {
                partition: o.partition,
                offset: o.offset,
                leader_epoch: o.leader_epoch,
                metadata: Some(o.hint.encode()),
            })
            .collect();
        let request = TxnOffsetCommit {
            transactional_id: self.lane.clone(),
            group: self.group.clone(),
            producer_id: identity.id,
            producer_epoch: identity.epoch,
            generation: member.generation,
            member: member.member_id.clone(),
            instance: None,
            topics: vec![CommitTopic { topic: self.journal.to_string(), partitions }],
            max_version: if self.version == TransactionVersion::V2 { 5 } else { 4 },
        };
        let answer = connection.send(request).await.map_err(indefinite)?;
        let worst = answer.partitions.iter().find(|p| !p.error.is_ok());
        match worst {
            None => Ok(()),
            Some(p) => Err(refused(p.error, connection.broker(), ApiKey::TxnOffsetCommit)),
        }
    }

    async fn add_group(&mut self, identity: Identity) -> Result<(), Failed> {
        let connection = self.transactions().await.map_err(indefinite)?;
        let request = AddOffsetsToTxn {
            transactional_id: self.lane.clone(),
            producer_id: identity.id,
            producer_epoch: identity.epoch,
            group: self.group.clone(),
        };
        let answer = connection.send(request).await.map_err(indefinite)?;
        match answer.error {
            ErrorCode::NONE => Ok(()),
            code => Err(refused(code, connection.broker(), ApiKey::AddOffsetsToTxn)),
        }
    }

    /// EndTxn; V2 answers the identity of the next transaction.
    pub(super) async fn end(&mut self, identity: Identity, commit: bool) -> Result<Option<Identity>, Failed> {
        let connection = self.transactions().await.map_err(indefinite)?;
        let request = EndTxn {
            transactional_id: self.lane.clone(),
            producer_id: identity.id,
            producer_epoch: identity.epoch,
            commit,
            max_version: if self.version == TransactionVersion::V2 { 5 } else { 4 },
        };
        let answer = connection.send(request).await.map_err(indefinite)?;
        match answer.error {
            ErrorCode::NONE => Ok(answer.next.map(|(id, epoch)| Identity { id, epoch })),
            code => Err(refused(code, connection.broker(), ApiKey::EndTxn)),
        }
    }
}

async fn connect(
    cluster: &Cluster,
    slot: &mut Option<Connection>,
    kind: CoordinatorKind,
    key: &str,
) -> client::Result<Connection> {
    if let Some(connection) = slot.as_ref().filter(|c| !c.is_closed()) {
        return Ok(connection.clone());
    }
    let broker = cluster.coordinator(kind, key).await?;
    let connection = cluster.open(broker).await?;
    *slot = Some(connection.clone());
    Ok(connection)
}

/// Codes after which the same request may be sent again: nothing was changed.
pub(super) fn comes_again(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::CONCURRENT_TRANSACTIONS
            | ErrorCode::COORDINATOR_NOT_AVAILABLE
            | ErrorCode::COORDINATOR_LOAD_IN_PROGRESS
            | ErrorCode::NOT_COORDINATOR
    )
}

const fn indefinite(source: client::Error) -> Failed {
    Failed { failure: Failure::Indefinite, source }
}

/// What a code means inside a transaction. Everything that is not certainly clean is indefinite: PRODUCER_FENCED and
/// INVALID_PRODUCER_EPOCH also mean "my own transaction timed out" (R4).
fn refused(code: ErrorCode, broker: BrokerId, api: ApiKey) -> Failed {
    let failure = match code {
        ErrorCode::ILLEGAL_GENERATION
        | ErrorCode::UNKNOWN_MEMBER_ID
        | ErrorCode::FENCED_INSTANCE_ID
        | ErrorCode::REBALANCE_IN_PROGRESS => Failure::StaleMembership,
        ErrorCode::PRODUCER_FENCED | ErrorCode::INVALID_PRODUCER_EPOCH if mutant!(RefusedEpochIsAnOwner) => {
            Failure::StaleMembership
        }
        code if code.disposition() == Disposition::Reject => Failure::Denied,
        _ => Failure::Indefinite,
    };
    Failed { failure, source: code.into_error(broker, api) }
}

#[cfg(test)]
mod tests {
    use velostream_kafka_client::{ApiKey, BrokerId, ErrorCode};
    use velostream_protocol::kafka_lane::Failure;

    use super::{Hint, refused};

    #[test]
    fn refused_epoch_is_doubt_and_only_the_group_says_that_a_membership_is_stale() {
        let means = |code| refused(code, BrokerId::BOOTSTRAP, ApiKey::EndTxn).failure;
        for code in
            [ErrorCode::PRODUCER_FENCED, ErrorCode::INVALID_PRODUCER_EPOCH, ErrorCode::INVALID_TXN_STATE]
        {
            assert_eq!(means(code), Failure::Indefinite, "{}", code.name());
        }
        for code in
            [ErrorCode::ILLEGAL_GENERATION, ErrorCode::UNKNOWN_MEMBER_ID, ErrorCode::REBALANCE_IN_PROGRESS]
        {
            assert_eq!(means(code), Failure::StaleMembership, "{}", code.name());
        }
        assert_eq!(means(ErrorCode::GROUP_AUTHORIZATION_FAILED), Failure::Denied);
    }

    #[test]
    fn a_hint_reads_back_and_foreign_metadata_is_no_hint() {
        let hint = Hint { progress_at: 7, highest: 900 };
        assert_eq!(Hint::decode(Some(&hint.encode())), hint);
        for foreign in [None, Some(""), Some("x y"), Some("-")] {
            assert_eq!(Hint::decode(foreign), Hint { progress_at: -1, highest: -1 });
        }
    }
}
