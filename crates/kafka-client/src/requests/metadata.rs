//! Metadata: brokers, topics, leaders.

use std::time::Duration;

use velostream_core::TopicId;

use crate::request::read_endpoints;
use crate::{ApiKey, Broker, BrokerId, ErrorCode, Malformed, Reader, Request, Result, Writer};

/// Which topics to ask about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topics {
    /// All that the client may see.
    All,
    /// These names. Empty: brokers only.
    Names(Vec<String>),
    /// These ids (Kafka 3.1 or newer).
    Ids(Vec<TopicId>),
}

/// Asks for metadata. Never creates a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// Which topics.
    pub topics: Topics,
}

/// What a broker knows about the cluster; not necessarily the newest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataResponse {
    /// Pause asked for.
    pub throttle: Duration,
    /// Live brokers.
    pub brokers: Vec<Broker>,
    /// Id of the cluster.
    pub cluster_id: Option<String>,
    /// The controller, or any broker that forwards to it.
    pub controller: Option<BrokerId>,
    /// The topics asked for, each with its own error.
    pub topics: Vec<MetadataTopic>,
}

/// One topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataTopic {
    /// Error of the topic.
    pub error: ErrorCode,
    /// Name; absent where an unknown id was asked for.
    pub name: Option<String>,
    /// Id; zero before Kafka 2.8.
    pub id: TopicId,
    /// True for the broker's own topics.
    pub is_internal: bool,
    /// Partitions, in the broker's order.
    pub partitions: Vec<MetadataPartition>,
}

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataPartition {
    /// Error of the partition.
    pub error: ErrorCode,
    /// Number.
    pub index: i32,
    /// Leader; absent while there is none.
    pub leader: Option<BrokerId>,
    /// Epoch of the leader, -1 where unknown (before version 7).
    pub leader_epoch: i32,
    /// All replicas.
    pub replicas: Vec<i32>,
    /// Replicas in sync.
    pub in_sync: Vec<i32>,
}

impl Request for Metadata {
    type Response = MetadataResponse;
    const KEY: ApiKey = ApiKey::Metadata;
    // Version 4 is the first that can forbid the creation of topics.
    const MIN: i16 = 4;
    const MAX: i16 = 12;
    const FLEXIBLE: i16 = 9;

    fn min_version(&self) -> i16 {
        // Ids are in the schema from version 10 on, but brokers refuse them before 12.
        if matches!(self.topics, Topics::Ids(_)) { 12 } else { Self::MIN }
    }

    fn encode(&self, w: &mut Writer) -> Result<()> {
        let version = w.version();
        match &self.topics {
            Topics::All => w.nullable_array::<()>(None, |_, ()| ()),
            Topics::Names(names) => w.array(names, |w, name| {
                if version >= 10 {
                    w.topic_id(TopicId::default());
                }
                w.string(name);
                w.end_struct();
            }),
            Topics::Ids(ids) => w.array(ids, |w, id| {
                w.topic_id(*id);
                w.nullable_string(None);
                w.end_struct();
            }),
        }
        w.bool(false); // allow_auto_topic_creation
        if (8..=10).contains(&version) {
            w.bool(false); // include_cluster_authorized_operations
        }
        if version >= 8 {
            w.bool(false); // include_topic_authorized_operations
        }
        w.end_struct();
        Ok(())
    }

    fn decode(r: &mut Reader) -> Result<MetadataResponse, Malformed> {
        let version = r.version();
        let throttle = r.millis()?;
        let brokers = read_endpoints(r)?;
        let cluster_id = r.nullable_string()?;
        let controller = known(r.i32()?);
        let topics = r.array(|r| {
            let error = r.error_code()?;
            let name = if version >= 12 { r.nullable_string()? } else { Some(r.string()?) };
            let id = if version >= 10 { r.topic_id()? } else { TopicId::default() };
            let is_internal = r.bool()?;
            let partitions = r.array(read_partition)?;
            if version >= 8 {
                r.i32()?; // authorized operations, not asked for
            }
            r.end_struct()?;
            Ok(MetadataTopic { error, name, id, is_internal, partitions })
        })?;
        if (8..=10).contains(&version) {
            r.i32()?;
        }
        r.end_struct()?;
        Ok(MetadataResponse { throttle, brokers, cluster_id, controller, topics })
    }

    fn throttle(response: &MetadataResponse) -> Duration {
        response.throttle
    }
}

fn known(id: i32) -> Option<BrokerId> {
    (id >= 0).then_some(BrokerId(id))
}

fn read_partition(r: &mut Reader) -> Result<MetadataPartition, Malformed> {
    let version = r.version();
    let partition = MetadataPartition {
        error: r.error_code()?,
        index: r.i32()?,
        leader: known(r.i32()?),
        leader_epoch: if version >= 7 { r.i32()? } else { -1 },
        replicas: r.array(Reader::i32)?,
        in_sync: r.array(Reader::i32)?,
    };
    if version >= 5 {
        r.array(Reader::i32)?; // offline replicas
    }
    r.end_struct()?;
    Ok(partition)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::cross_check::{self as check, Uuid, text, theirs, topic_name};

    fn expected(
        topics: Option<Vec<theirs::metadata_request::MetadataRequestTopic>>,
    ) -> theirs::MetadataRequest {
        theirs::MetadataRequest::default().with_topics(topics).with_allow_auto_topic_creation(false)
    }

    #[test]
    fn request_for_names_all_and_ids_reads_back_in_every_version() {
        let named = |name| {
            theirs::metadata_request::MetadataRequestTopic::default().with_name(Some(topic_name(name)))
        };
        let names = Metadata { topics: Topics::Names(vec!["a".to_owned(), "b".to_owned()]) };
        check::request(&names, |_| expected(Some(vec![named("a"), named("b")])));
        check::request(&Metadata { topics: Topics::Names(vec![]) }, |_| expected(Some(vec![])));
        check::request(&Metadata { topics: Topics::All }, |_| expected(None));
        let by_id = || {
            theirs::metadata_request::MetadataRequestTopic::default()
                .with_name(None)
                .with_topic_id(Uuid::from_bytes([7; 16]))
        };
        let ids = Metadata { topics: Topics::Ids(vec![TopicId([7; 16])]) };
        assert_eq!(ids.min_version(), 12);
        check::request(&ids, |_| expected(Some(vec![by_id()])));
    }

    #[test]
    fn response_reads_in_every_version() {
        use theirs::metadata_response as m;
        check::response::<Metadata, _>(
            |v| {
                let mut partition = m::MetadataResponsePartition::default()
                    .with_error_code(5)
                    .with_partition_index(3)
                    .with_leader_id(theirs::BrokerId(-1))
                    .with_replica_nodes(vec![theirs::BrokerId(1), theirs::BrokerId(2)])
                    .with_isr_nodes(vec![theirs::BrokerId(2)]);
                if v >= 7 {
                    partition.leader_epoch = 8;
                }
                if v >= 5 {
                    partition.offline_replicas = vec![theirs::BrokerId(1)];
                }
                let mut topic = m::MetadataResponseTopic::default()
                    .with_name(Some(topic_name("t")))
                    .with_is_internal(true)
                    .with_partitions(vec![partition]);
                if v >= 10 {
                    topic.topic_id = Uuid::from_bytes([9; 16]);
                }
                let broker = m::MetadataResponseBroker::default()
                    .with_node_id(theirs::BrokerId(2))
                    .with_host(text("h"))
                    .with_port(9092)
                    .with_rack(Some(text("r")));
                theirs::MetadataResponse::default()
                    .with_throttle_time_ms(4)
                    .with_brokers(vec![broker])
                    .with_cluster_id(Some(text("c")))
                    .with_controller_id(theirs::BrokerId(2))
                    .with_topics(vec![topic])
            },
            |v| MetadataResponse {
                throttle: Duration::from_millis(4),
                brokers: vec![Broker {
                    id: BrokerId(2),
                    host: "h".to_owned(),
                    port: 9092,
                    rack: Some("r".to_owned()),
                }],
                cluster_id: Some("c".to_owned()),
                controller: Some(BrokerId(2)),
                topics: vec![MetadataTopic {
                    error: ErrorCode::NONE,
                    name: Some("t".to_owned()),
                    id: TopicId(if v >= 10 { [9; 16] } else { [0; 16] }),
                    is_internal: true,
                    partitions: vec![MetadataPartition {
                        error: ErrorCode::LEADER_NOT_AVAILABLE,
                        index: 3,
                        leader: None,
                        leader_epoch: if v >= 7 { 8 } else { -1 },
                        replicas: vec![1, 2],
                        in_sync: vec![2],
                    }],
                }],
            },
        );
    }
}
