use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{self as theirs, FindCoordinatorResponse, MetadataResponse};
use kafka_protocol::protocol::StrBytes;
use velostream_core::Disposition;
use velostream_kafka_client::{
    ApiKey, BrokerId, Cluster, Config, CoordinatorKind, Error, ErrorCode, Leader, Topics,
};

use super::fake_broker::{FakeBroker, Served};

const OFFERED: &[(ApiKey, i16)] = &[(ApiKey::Metadata, 8), (ApiKey::FindCoordinator, 2)];

fn node(id: i32, broker: &FakeBroker) -> MetadataResponseBroker {
    let addr = broker.addr();
    MetadataResponseBroker::default()
        .with_node_id(theirs::BrokerId(id))
        .with_host(StrBytes::from_string(addr.ip().to_string()))
        .with_port(i32::from(addr.port()))
}

fn metadata(broker: &FakeBroker, leader: i32, epoch: i32) -> MetadataResponse {
    let partition = MetadataResponsePartition::default()
        .with_partition_index(0)
        .with_leader_id(theirs::BrokerId(leader))
        .with_leader_epoch(epoch);
    let topic = MetadataResponseTopic::default()
        .with_name(Some(theirs::TopicName(StrBytes::from_static_str("t"))))
        .with_partitions(vec![partition]);
    MetadataResponse::default()
        .with_brokers(vec![node(7, broker)])
        .with_cluster_id(Some(StrBytes::from_static_str("c")))
        .with_controller_id(theirs::BrokerId(7))
        .with_topics(vec![topic])
}

async fn answer(served: &mut Served, response: MetadataResponse) {
    let asked = served.read().await;
    assert_eq!(asked.api, ApiKey::Metadata.number());
    served.reply(&asked, 0, &response).await;
}

async fn connected(broker: &FakeBroker) -> (Cluster, Served) {
    let serve = async {
        let mut served = broker.accept(OFFERED).await;
        answer(&mut served, MetadataResponse::default().with_brokers(vec![node(7, broker)])).await;
        served
    };
    let (cluster, served) = tokio::join!(Cluster::connect(broker.config()), serve);
    (cluster.unwrap(), served)
}

/// An address where nothing listens.
async fn dead_addr() -> String {
    FakeBroker::start().await.addr().to_string()
}

#[tokio::test]
async fn connect_without_a_live_server_names_each_with_its_cause() {
    let (a, b) = (dead_addr().await, dead_addr().await);
    let config = Config { bootstrap_servers: vec![a.clone(), b.clone()], ..Config::default() };
    let error = Cluster::connect(config).await.unwrap_err();
    let Error::NoBootstrap { tried } = &error else { panic!("{error}") };
    assert_eq!(tried.iter().map(|(addr, _)| addr.clone()).collect::<Vec<_>>(), [a, b]);
    assert!(error.to_string().contains("refused"), "{error}");
    assert_eq!(error.disposition(), Disposition::Retry);
}

#[tokio::test]
async fn connect_passes_over_a_dead_server() {
    let broker = FakeBroker::start().await;
    let config =
        Config { bootstrap_servers: vec![dead_addr().await, broker.addr().to_string()], ..Config::default() };
    let serve = async {
        let mut served = broker.accept(OFFERED).await;
        answer(&mut served, metadata(&broker, 7, 1)).await;
    };
    let (cluster, ()) = tokio::join!(Cluster::connect(config), serve);
    assert_eq!(cluster.unwrap().cluster_id(), "c");
}

#[tokio::test]
async fn connect_passes_over_a_server_that_hangs_up_on_the_first_question() {
    let (bad, broker) = (FakeBroker::start().await, FakeBroker::start().await);
    let servers = vec![bad.addr().to_string(), broker.addr().to_string()];
    let config = Config { bootstrap_servers: servers, ..Config::default() };
    let serve = async {
        bad.accept(OFFERED).await.read().await;
        let mut served = broker.accept(OFFERED).await;
        answer(&mut served, metadata(&broker, 7, 1)).await;
    };
    let (cluster, ()) = tokio::join!(Cluster::connect(config), serve);
    assert_eq!(cluster.unwrap().cluster_id(), "c");
}

#[tokio::test]
async fn leader_is_asked_once_and_again_after_invalidation() {
    let broker = FakeBroker::start().await;
    let (cluster, mut served) = connected(&broker).await;
    let (leader, ()) = tokio::join!(cluster.leader("t", 0), answer(&mut served, metadata(&broker, 7, 3)));
    let expected = Leader { broker: BrokerId(7), epoch: 3, topic_id: Default::default() };
    assert_eq!(leader.unwrap(), expected);
    // Nobody answers: it is remembered.
    assert_eq!(cluster.leader("t", 0).await.unwrap(), expected);
    cluster.invalidate_topic("t");
    let moved = metadata(&broker, 8, 4).with_brokers(vec![node(7, &broker), node(8, &broker)]);
    let (leader, ()) = tokio::join!(cluster.leader("t", 0), answer(&mut served, moved));
    assert_eq!(leader.unwrap().broker, BrokerId(8));
    // The broker has left, as an answer about anything else tells: it is asked again.
    let others = metadata(&broker, -1, 4).with_topics(Vec::new());
    let (metadata_again, ()) =
        tokio::join!(cluster.metadata(Topics::Names(vec!["other".to_owned()])), answer(&mut served, others));
    metadata_again.unwrap();
    let (leader, ()) = tokio::join!(cluster.leader("t", 0), answer(&mut served, metadata(&broker, 7, 5)));
    assert_eq!(leader.unwrap().broker, BrokerId(7));
}

#[tokio::test]
async fn leader_of_a_missing_partition_or_without_leader_is_a_named_error() {
    let broker = FakeBroker::start().await;
    let (cluster, mut served) = connected(&broker).await;
    let response = metadata(&broker, -1, 3);
    for (partition, code) in
        [(0, ErrorCode::LEADER_NOT_AVAILABLE), (5, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)]
    {
        let (leader, ()) =
            tokio::join!(cluster.leader("t", partition), answer(&mut served, response.clone()));
        let error = leader.unwrap_err();
        assert_eq!(error.broker_code(), Some(code));
        assert_eq!(error.disposition(), Disposition::Retry);
    }
}

#[tokio::test]
async fn coordinator_is_asked_again_while_there_is_none_and_its_address_is_learnt() {
    let (broker, other) = (FakeBroker::start().await, FakeBroker::start().await);
    let (cluster, mut served) = connected(&broker).await;
    let serve = async {
        for code in [15, 14, 0] {
            let asked = served.read().await;
            assert_eq!(asked.api, ApiKey::FindCoordinator.number());
            let addr = other.addr();
            let found = FindCoordinatorResponse::default()
                .with_error_code(code)
                .with_node_id(theirs::BrokerId(9))
                .with_host(StrBytes::from_string(addr.ip().to_string()))
                .with_port(i32::from(addr.port()));
            served.reply(&asked, 0, &found).await;
        }
    };
    let (found, ()) = tokio::join!(cluster.coordinator(CoordinatorKind::Transaction, "x"), serve);
    assert_eq!(found.unwrap(), BrokerId(9));
    let (opened, _served) = tokio::join!(cluster.open(BrokerId(9)), other.accept(OFFERED));
    assert_eq!(opened.unwrap().broker(), BrokerId(9));
}

#[tokio::test]
async fn coordinator_without_authorization_is_rejected_at_once_and_names_the_key() {
    let broker = FakeBroker::start().await;
    let (cluster, mut served) = connected(&broker).await;
    let serve = async {
        let asked = served.read().await;
        let refused =
            FindCoordinatorResponse::default().with_error_code(30).with_node_id(theirs::BrokerId(-1));
        served.reply(&asked, 0, &refused).await;
    };
    let (found, ()) = tokio::join!(cluster.coordinator(CoordinatorKind::Group, "g"), serve);
    let error = found.unwrap_err();
    assert!(error.to_string().contains("FindCoordinator g: GROUP_AUTHORIZATION_FAILED (30)"), "{error}");
    assert_eq!(error.disposition(), Disposition::Reject);
}

#[tokio::test]
async fn enquiry_on_a_broken_connection_is_repeated_on_a_new_one() {
    let broker = FakeBroker::start().await;
    let (cluster, served) = connected(&broker).await;
    drop(served);
    let serve = async {
        let mut served = broker.accept(OFFERED).await;
        answer(&mut served, metadata(&broker, 7, 1)).await;
    };
    let (response, ()) = tokio::join!(cluster.metadata(Topics::All), serve);
    assert_eq!(response.unwrap().topics.len(), 1);
}

#[tokio::test]
async fn open_of_a_broker_that_metadata_does_not_name_is_unknown() {
    let broker = FakeBroker::start().await;
    let (cluster, mut served) = connected(&broker).await;
    let (opened, ()) = tokio::join!(cluster.open(BrokerId(3)), answer(&mut served, metadata(&broker, 7, 1)));
    assert!(matches!(opened, Err(Error::UnknownBroker { broker: BrokerId(3) })));
}

#[tokio::test]
async fn open_of_a_dead_broker_fails_as_not_sent_and_its_address_is_asked_for_again() {
    let broker = FakeBroker::start().await;
    let dead = FakeBroker::start().await;
    let (cluster, mut served) = connected(&broker).await;
    let gone = MetadataResponse::default().with_brokers(vec![node(7, &broker), node(8, &dead)]);
    drop(dead);
    let (opened, ()) = tokio::join!(cluster.open(BrokerId(8)), answer(&mut served, gone));
    let error = opened.unwrap_err();
    assert!(matches!(error, Error::Io { sent: false, api: None, .. }), "{error}");
    let moved = FakeBroker::start().await;
    let back = MetadataResponse::default().with_brokers(vec![node(7, &broker), node(8, &moved)]);
    let serve = async {
        answer(&mut served, back).await;
        moved.accept(OFFERED).await
    };
    let (opened, _served) = tokio::join!(cluster.open(BrokerId(8)), serve);
    assert_eq!(opened.unwrap().addr(), moved.addr().to_string());
}
