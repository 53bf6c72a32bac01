use std::time::Duration;

use kafka_protocol::messages::{HeartbeatResponse, MetadataResponse};
use velostream_core::Disposition;
use velostream_kafka_client::{
    ApiKey, BrokerId, Cluster, Config, Connection, EndTxn, Error, ErrorCode, Fetch, FetchTopic, Heartbeat,
    Isolation,
};

use super::fake_broker::{FakeBroker, Served};

const OFFERED: &[(ApiKey, i16)] =
    &[(ApiKey::Metadata, 8), (ApiKey::Heartbeat, 3), (ApiKey::EndTxn, 1), (ApiKey::Fetch, 3)];

fn heartbeat(group: &str) -> Heartbeat {
    Heartbeat { group: group.to_owned(), generation: 1, member: "m".to_owned(), instance: None }
}

/// Connects a cluster, then opens one more connection: what most tests look at.
async fn connected(broker: &FakeBroker, config: Config) -> (Cluster, Connection, Served) {
    let addr = broker.addr();
    let serve = async {
        let mut enquiries = broker.accept(OFFERED).await;
        let asked = enquiries.read().await;
        let me = kafka_protocol::messages::metadata_response::MetadataResponseBroker::default()
            .with_node_id(kafka_protocol::messages::BrokerId(7))
            .with_host(kafka_protocol::protocol::StrBytes::from_string(addr.ip().to_string()))
            .with_port(i32::from(addr.port()));
        enquiries.reply(&asked, 0, &MetadataResponse::default().with_brokers(vec![me])).await;
        let served = broker.accept(OFFERED).await;
        // The connection for enquiries stays open in the background.
        tokio::spawn(async move { enquiries.read_or_end().await });
        served
    };
    let connect = async {
        let cluster = Cluster::connect(config).await.unwrap();
        let connection = cluster.open(BrokerId(7)).await.unwrap();
        (cluster, connection)
    };
    let ((cluster, connection), served) = tokio::join!(connect, serve);
    (cluster, connection, served)
}

#[tokio::test]
async fn pipelined_requests_arrive_in_order_and_each_gets_its_own_reply() {
    let broker = FakeBroker::start().await;
    let (_cluster, connection, mut served) = connected(&broker, broker.config()).await;
    let pending: Vec<_> = (0..5).map(|i| connection.start(heartbeat(&format!("g{i}"))).unwrap()).collect();
    let mut arrived = Vec::new();
    for i in 0..5 {
        arrived.push(served.read().await);
        assert_eq!(Served::first_string(&arrived[i]), format!("g{i}"));
    }
    for (i, asked) in arrived.iter().enumerate() {
        let code = i16::try_from(i).unwrap() + 20;
        served.reply(asked, 0, &HeartbeatResponse::default().with_error_code(code)).await;
    }
    for (i, pending) in pending.into_iter().enumerate() {
        assert_eq!(pending.await.unwrap().error.0, i16::try_from(i).unwrap() + 20);
    }
}

#[tokio::test]
async fn dropped_future_leaves_the_next_request_with_its_own_reply() {
    let broker = FakeBroker::start().await;
    let (_cluster, connection, mut served) = connected(&broker, broker.config()).await;
    let first = connection.start(heartbeat("first")).unwrap();
    drop(first);
    let second = connection.start(heartbeat("second")).unwrap();
    for code in [25, 27] {
        let asked = served.read().await;
        served.reply(&asked, 0, &HeartbeatResponse::default().with_error_code(code)).await;
    }
    assert_eq!(second.await.unwrap().error, ErrorCode::REBALANCE_IN_PROGRESS);
}

#[tokio::test]
async fn request_without_reply_times_out_and_closes_the_connection() {
    let broker = FakeBroker::start().await;
    let (_cluster, connection, mut served) = connected(&broker, broker.config()).await;
    let commit = EndTxn {
        transactional_id: "x".to_owned(),
        producer_id: 1,
        producer_epoch: 1,
        commit: true,
        max_version: EndTxn::MAX_V1,
    };
    let error = connection.send_within(commit, Duration::from_millis(100)).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { api: Some(ApiKey::EndTxn), sent: true, .. }), "{error}");
    assert_eq!(error.disposition(), Disposition::Reconcile);
    assert!(connection.is_closed());
    let error = connection.send(heartbeat("g")).await.unwrap_err();
    assert!(matches!(error, Error::Closed { sent: false, .. }), "{error}");
    assert_eq!(error.disposition(), Disposition::Retry);
    assert_eq!(served.read().await.api, ApiKey::EndTxn.number());
    assert!(served.read_or_end().await.is_none(), "the socket is closed");
}

#[tokio::test]
async fn broker_that_goes_away_fails_every_request_in_flight() {
    let broker = FakeBroker::start().await;
    let (_cluster, connection, mut served) = connected(&broker, broker.config()).await;
    let pending = [connection.start(heartbeat("a")).unwrap(), connection.start(heartbeat("b")).unwrap()];
    served.read().await;
    served.read().await;
    served.write(&[0, 0, 0, 10, 0, 0]).await; // the beginning of a response
    drop(served);
    for pending in pending {
        let error = pending.await.unwrap_err();
        assert!(matches!(error, Error::Io { sent: true, broker: BrokerId(7), .. }), "{error}");
    }
    connection.closed().await;
}

#[tokio::test]
async fn response_longer_than_the_bound_is_refused_before_it_is_read() {
    let broker = FakeBroker::start().await;
    let config = Config { max_response_bytes: 1000, ..broker.config() };
    let (_cluster, connection, mut served) = connected(&broker, config).await;
    let pending = connection.start(heartbeat("a")).unwrap();
    served.read().await;
    served.write(&[0, 0, 4, 0]).await;
    assert!(matches!(pending.await, Err(Error::Decode { .. })));
}

#[tokio::test]
async fn api_below_the_lowest_version_is_unsupported_and_names_both_ranges() {
    let broker = FakeBroker::start().await;
    let (_cluster, connection, _served) = connected(&broker, broker.config()).await;
    let topic = FetchTopic { topic: "t".to_owned(), topic_id: Default::default(), partitions: vec![] };
    let fetch = Fetch {
        max_wait: Duration::ZERO,
        min_bytes: 0,
        max_bytes: 1,
        isolation: Isolation::ReadCommitted,
        topics: vec![topic],
        rack: String::new(),
    };
    let error = connection.send(fetch).await.unwrap_err();
    assert_eq!(error.to_string(), "broker 7: Fetch: versions 4..=12 needed, 0..=3 offered");
    assert_eq!(error.disposition(), Disposition::Reject);
    assert!(!connection.is_closed(), "nothing was sent");
}

#[tokio::test]
async fn version_sent_is_the_highest_that_both_sides_and_the_request_admit() {
    let broker = FakeBroker::start().await;
    let (_cluster, connection, mut served) = connected(&broker, broker.config()).await;
    let _pending = connection.start(heartbeat("g")).unwrap();
    assert_eq!(served.read().await.version, 3);
    assert_eq!(connection.version_of(&heartbeat("g")).unwrap(), 3);
}

#[tokio::test]
async fn broker_that_does_not_know_our_api_versions_is_asked_in_version_zero() {
    let broker = FakeBroker::start().await;
    let serve = async {
        let mut served = broker.accept_raw().await;
        let asked = served.read().await;
        assert_eq!(asked.version, 3);
        // Refusals are always in version 0 (KIP-511).
        served.reply_bytes(asked.correlation, &[0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 2]).await;
        let asked = served.read().await;
        assert_eq!(asked.version, 0);
        let answer = super::fake_broker::versions(OFFERED);
        served.reply(&asked, 0, &answer).await;
        let asked = served.read().await;
        served.reply(&asked, 0, &MetadataResponse::default()).await;
        served
    };
    let (cluster, _served) = tokio::join!(Cluster::connect(broker.config()), serve);
    let cluster = cluster.unwrap();
    assert!(cluster.supports(ApiKey::Heartbeat, 3));
    assert!(!cluster.supports(ApiKey::Heartbeat, 4));
    assert_eq!(cluster.features().transaction_version(), 0);
}

#[tokio::test]
async fn socket_closes_when_the_last_clone_is_dropped_but_not_under_a_pending_reply() {
    let broker = FakeBroker::start().await;
    let (_cluster, connection, mut served) = connected(&broker, broker.config()).await;
    let clone = connection.clone();
    let pending = clone.start(heartbeat("g")).unwrap();
    drop((connection, clone));
    let asked = served.read().await;
    served.reply(&asked, 0, &HeartbeatResponse::default()).await;
    assert!(pending.await.unwrap().error.is_ok());
    assert!(served.read_or_end().await.is_none());
}

#[tokio::test]
async fn close_ends_requests_in_flight_with_closed() {
    let broker = FakeBroker::start().await;
    let (_cluster, connection, mut served) = connected(&broker, broker.config()).await;
    let pending = connection.start(heartbeat("g")).unwrap();
    served.read().await;
    connection.close();
    let error = pending.await.unwrap_err();
    assert!(matches!(error, Error::Closed { sent: true, .. }), "{error}");
}

#[tokio::test]
async fn start_beyond_the_bound_is_busy_and_send_waits() {
    let broker = FakeBroker::start().await;
    let config = Config { max_in_flight_bytes: 1, ..broker.config() };
    let (_cluster, connection, mut served) = connected(&broker, config).await;
    let first = connection.start(heartbeat("a")).unwrap();
    let error = connection.start(heartbeat("b")).unwrap_err();
    assert!(matches!(error, Error::Busy { .. }), "{error}");
    assert_eq!(error.disposition(), Disposition::Retry);
    let waiting = connection.clone();
    let second = tokio::spawn(async move { waiting.send(heartbeat("c")).await });
    for group in ["a", "c"] {
        let asked = served.read().await;
        assert_eq!(Served::first_string(&asked), group);
        served.reply(&asked, 0, &HeartbeatResponse::default()).await;
    }
    first.await.unwrap();
    second.await.unwrap().unwrap();
}
