use std::time::Duration;

use velostream_core::{Disposition, TopicId};
use velostream_kafka_client::{
    AbortedTransaction, AddOffsetsToTxn, AddPartitionsToTxn, ApiKey, Cluster, CommitPartition, CommitTopic,
    Connection, CoordinatorKind, DescribeTransactions, EndTxn, ErrorCode, InitProducerId,
    InitProducerIdResponse, Isolation, JoinGroupResponse, OffsetFetch, Produce, Request, TopicPartitions,
    TxnOffsetCommit,
};

use super::group::{coordinator, heartbeat, joined, leave, offsets, sync};
use super::records::{fetch, fetched, leader, produce, produced};
use super::{AtVersion, batch, cluster, create_topic, delete_topic, pause, unique, versions};

/// A transactional producer, written out: what a lane does, without any of its care.
struct Lane {
    transactional_id: String,
    topic: String,
    topic_id: TopicId,
    transactions: Connection,
    partition: Connection,
    group: String,
    group_coordinator: Connection,
    member: JoinGroupResponse,
    producer: (i64, i16),
    sequence: i32,
    v2: bool,
}

async fn init(connection: &Connection, id: &str) -> InitProducerIdResponse {
    let request = InitProducerId {
        transactional_id: Some(id.to_owned()),
        timeout: Duration::from_secs(10),
        producer_id: -1,
        producer_epoch: -1,
    };
    loop {
        let response = connection.send(request.clone()).await.unwrap();
        if response.error.disposition() != Disposition::Retry || response.error.is_ok() {
            response.error.check(connection.broker(), ApiKey::InitProducerId).unwrap();
            return response;
        }
        pause().await;
    }
}

impl Lane {
    async fn new(cluster: &Cluster, topic: &str) -> Self {
        let (transactional_id, group) = (unique("lane"), unique("group"));
        let transactions = coordinator(cluster, CoordinatorKind::Transaction, &transactional_id).await;
        let group_coordinator = coordinator(cluster, CoordinatorKind::Group, &group).await;
        let member = joined(&group_coordinator, &group, 9).await;
        assert!(group_coordinator.send(sync(&group, &member)).await.unwrap().error.is_ok());
        let (partition, topic_id) = leader(cluster, topic).await;
        // Before any transaction: a leader that is not ready yet must not be met inside one.
        produced(&partition, &produce(topic, topic_id, batch(&["before"], None))).await;
        let response = init(&transactions, &transactional_id).await;
        Self {
            transactional_id,
            topic: topic.to_owned(),
            topic_id,
            transactions,
            partition,
            group,
            group_coordinator,
            member,
            producer: (response.producer_id, response.producer_epoch),
            sequence: 0,
            v2: cluster.features().transaction_version() >= 2,
        }
    }

    async fn produce(&mut self, values: &[&str]) -> ErrorCode {
        if !self.v2 {
            let request = AddPartitionsToTxn {
                transactional_id: self.transactional_id.clone(),
                producer_id: self.producer.0,
                producer_epoch: self.producer.1,
                topics: vec![TopicPartitions { topic: self.topic.clone(), partitions: vec![0] }],
            };
            while self.transactions.send(request.clone()).await.unwrap().error()
                == ErrorCode::CONCURRENT_TRANSACTIONS
            {
                pause().await;
            }
        }
        let records = batch(values, Some((self.producer.0, self.producer.1, self.sequence)));
        let request = Produce {
            transactional_id: Some(self.transactional_id.clone()),
            max_version: if self.v2 { Produce::MAX } else { Produce::MAX_V1 },
            ..produce(&self.topic, self.topic_id, records)
        };
        assert_eq!(self.partition.version_of(&request).unwrap() >= Produce::MIN_V2, self.v2);
        self.sequence += i32::try_from(values.len()).unwrap();
        produced(&self.partition, &request).await.error
    }

    fn commit_request(&self, offset: i64) -> TxnOffsetCommit {
        let partition =
            CommitPartition { partition: 0, offset, leader_epoch: 2, metadata: Some("m".to_owned()) };
        TxnOffsetCommit {
            transactional_id: self.transactional_id.clone(),
            group: self.group.clone(),
            producer_id: self.producer.0,
            producer_epoch: self.producer.1,
            generation: self.member.generation,
            member: self.member.member.clone(),
            instance: None,
            topics: vec![CommitTopic { topic: self.topic.clone(), partitions: vec![partition] }],
            max_version: if self.v2 { TxnOffsetCommit::MAX } else { TxnOffsetCommit::MAX_V1 },
        }
    }

    async fn commit_offset(&self, request: TxnOffsetCommit) -> ErrorCode {
        if request.max_version < TxnOffsetCommit::MIN_V2 {
            let add = AddOffsetsToTxn {
                transactional_id: self.transactional_id.clone(),
                producer_id: self.producer.0,
                producer_epoch: self.producer.1,
                group: self.group.clone(),
            };
            for version in versions(&self.transactions, &add) {
                let response = self.transactions.send(AtVersion(add.clone(), version)).await.unwrap();
                assert!(response.error.is_ok(), "version {version}: {}", response.error);
            }
        }
        self.group_coordinator.send(request).await.unwrap().error()
    }

    async fn end(&mut self, commit: bool) -> ErrorCode {
        let request = EndTxn {
            transactional_id: self.transactional_id.clone(),
            producer_id: self.producer.0,
            producer_epoch: self.producer.1,
            commit,
            max_version: if self.v2 { EndTxn::MAX } else { EndTxn::MAX_V1 },
        };
        let response = self.transactions.send(request).await.unwrap();
        assert_eq!(response.next.is_some(), self.v2 && response.error.is_ok());
        if let Some(next) = response.next.filter(|next| *next != self.producer) {
            self.producer = next;
            self.sequence = 0;
        }
        response.error
    }

    async fn state(&self) -> String {
        let request = DescribeTransactions { transactional_ids: vec![self.transactional_id.clone()] };
        let response = self.transactions.send(request).await.unwrap();
        response.states[0].check(self.transactions.broker()).unwrap();
        response.states[0].state.clone()
    }

    fn offset_fetch(&self) -> OffsetFetch {
        let topics = Some(vec![TopicPartitions { topic: self.topic.clone(), partitions: vec![0] }]);
        OffsetFetch { group: self.group.clone(), topics, require_stable: true }
    }

    /// The committed offset, once no transaction holds it.
    async fn committed(&self) -> Option<i64> {
        loop {
            let response = offsets(&self.group_coordinator, self.offset_fetch()).await;
            match response.partitions[0].error {
                ErrorCode::UNSTABLE_OFFSET_COMMIT => pause().await,
                _ => return response.partitions[0].offset,
            }
        }
    }
}

#[tokio::test]
#[ignore = "needs VELOSTREAM_TEST_KAFKA"]
async fn transaction_commits_records_and_offset_together_and_an_aborted_one_neither() {
    let cluster = cluster().await;
    let topic = unique("txn");
    create_topic(&cluster, &topic).await;
    let mut lane = Lane::new(&cluster, &topic).await;
    let before = lane.producer;

    assert_eq!(lane.produce(&["a", "b"]).await, ErrorCode::NONE);
    assert_eq!(lane.state().await, "Ongoing");
    assert_eq!(lane.commit_offset(lane.commit_request(44)).await, ErrorCode::NONE);
    let open = fetched(&lane.partition, fetch(&topic, lane.topic_id, 0, Isolation::ReadCommitted)).await;
    assert_eq!((open.last_stable_offset, open.high_watermark), (1, 3));
    let pending = offsets(&lane.group_coordinator, lane.offset_fetch()).await;
    assert_eq!(pending.partitions[0].error, ErrorCode::UNSTABLE_OFFSET_COMMIT);
    assert_eq!(lane.end(true).await, ErrorCode::NONE);
    assert_eq!(lane.committed().await, Some(44));
    assert_eq!(lane.producer != before, lane.v2, "only transaction.version 2 bumps the epoch");

    assert_eq!(lane.produce(&["c"]).await, ErrorCode::NONE);
    assert_eq!(lane.commit_offset(lane.commit_request(55)).await, ErrorCode::NONE);
    assert_eq!(lane.end(false).await, ErrorCode::NONE);
    assert_eq!(lane.committed().await, Some(44));

    // before, a, b, commit marker, c, abort marker
    let read = loop {
        let read = fetched(&lane.partition, fetch(&topic, lane.topic_id, 4, Isolation::ReadCommitted)).await;
        if read.last_stable_offset == 6 {
            break read;
        }
    };
    let producer_id = lane.producer.0;
    assert_eq!(read.aborted, [AbortedTransaction { producer_id, first_offset: 4 }]);
    let left = lane.group_coordinator.send(leave(&lane.group, &lane.member.member)).await.unwrap();
    assert!(left.error.is_ok());
    delete_topic(&cluster, &topic).await;
}

#[tokio::test]
#[ignore = "needs VELOSTREAM_TEST_KAFKA"]
async fn offset_commit_of_a_stale_generation_or_a_stranger_is_refused() {
    let cluster = cluster().await;
    let topic = unique("fence");
    create_topic(&cluster, &topic).await;
    let mut lane = Lane::new(&cluster, &topic).await;
    assert_eq!(lane.produce(&["a"]).await, ErrorCode::NONE);
    for version in versions(&lane.group_coordinator, &lane.commit_request(1)) {
        let stale = TxnOffsetCommit {
            generation: lane.member.generation + 1,
            max_version: version,
            ..lane.commit_request(1)
        };
        assert_eq!(lane.commit_offset(stale).await, ErrorCode::ILLEGAL_GENERATION, "version {version}");
        let stranger =
            TxnOffsetCommit { member: "nobody".to_owned(), max_version: version, ..lane.commit_request(1) };
        assert_eq!(lane.commit_offset(stranger).await, ErrorCode::UNKNOWN_MEMBER_ID, "version {version}");
    }
    assert_eq!(lane.end(false).await, ErrorCode::NONE);
    assert_eq!(lane.committed().await, None);
    assert!(lane.group_coordinator.send(heartbeat(&lane.group, &lane.member)).await.unwrap().error.is_ok());
    lane.group_coordinator.send(leave(&lane.group, &lane.member.member)).await.unwrap();
    delete_topic(&cluster, &topic).await;
}

#[tokio::test]
#[ignore = "needs VELOSTREAM_TEST_KAFKA"]
async fn init_of_the_same_id_fences_the_open_transaction() {
    let cluster = cluster().await;
    let topic = unique("zombie");
    create_topic(&cluster, &topic).await;
    let mut lane = Lane::new(&cluster, &topic).await;
    assert_eq!(lane.produce(&["a"]).await, ErrorCode::NONE);
    let successor = init(&lane.transactions, &lane.transactional_id).await;
    assert_eq!(successor.producer_id, lane.producer.0);
    assert!(successor.producer_epoch > lane.producer.1);
    let sent = EndTxn {
        transactional_id: lane.transactional_id.clone(),
        producer_id: lane.producer.0,
        producer_epoch: lane.producer.1,
        commit: true,
        max_version: if lane.v2 { EndTxn::MAX } else { EndTxn::MAX_V1 },
    };
    let refused = lane.transactions.send(sent).await.unwrap().error;
    assert_eq!(refused.disposition(), Disposition::Fenced, "{refused}");
    lane.sequence = 1;
    let records = batch(&["late"], Some((lane.producer.0, lane.producer.1, 1)));
    let late = Produce {
        transactional_id: Some(lane.transactional_id.clone()),
        max_version: if lane.v2 { Produce::MAX } else { Produce::MAX_V1 },
        ..produce(&topic, lane.topic_id, records)
    };
    let refused = lane.partition.send(late).await.unwrap().partitions[0].error;
    assert_eq!(refused.disposition(), Disposition::Fenced, "{refused}");
    assert!(matches!(lane.state().await.as_str(), "CompleteAbort" | "Empty"));
    let request = DescribeTransactions { transactional_ids: vec![unique("never")] };
    let unknown = lane.transactions.send(request).await.unwrap();
    assert_eq!(unknown.states[0].error, ErrorCode::TRANSACTIONAL_ID_NOT_FOUND);
    assert_eq!(DescribeTransactions::MAX, 0);
    lane.group_coordinator.send(leave(&lane.group, &lane.member.member)).await.unwrap();
    delete_topic(&cluster, &topic).await;
}
