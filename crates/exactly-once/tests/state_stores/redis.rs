//! Redis behind sentinels, in a cluster, and encrypted.

use std::path::PathBuf;
use std::time::Duration;

use exactly_once::config::{
    RedisCluster, RedisSentinels, RedisStateConfig, RedisTls, RedisTopology, StateStoreConfig,
};
use exactly_once::core::DurabilityClass;
use exactly_once::store_redis::{ClientCertificate, RedisConfig, Replicas, Topology};
use exactly_once::{explain, settings};

use super::{accepted, parse, refused};

fn redis(rest: &str) -> RedisStateConfig {
    let job = accepted(&format!("redis: {{ url: \"${{REDIS_URL}}\", {rest} }}"));
    let StateStoreConfig::Redis(redis) = job.state_store() else { panic!("another store") };
    redis
}

fn store(rest: &str) -> RedisConfig {
    settings::redis::store(&redis(rest))
}

#[test]
fn cluster_is_reached_through_every_server_that_is_named_with_one_login() {
    let named = redis("topology: { cluster: { nodes: [\"h2:6379\", \"10.0.0.3:7000\"] } }");
    let mut expected = RedisStateConfig::new("redis://u:canary@h:6379");
    expected.topology = RedisTopology::Cluster(RedisCluster::with(["h2:6379", "10.0.0.3:7000"]));
    assert_eq!(named, expected);
    let urls = ["h:6379", "h2:6379", "10.0.0.3:7000"].map(|node| format!("redis://u:canary@{node}"));
    let settings = settings::redis::store(&named);
    assert!(settings.topology == Topology::Cluster { urls: urls.into() });
    let alone = store("topology: { cluster: {} }").topology;
    assert!(alone == Topology::Cluster { urls: vec!["redis://u:canary@h:6379".to_owned()] });
}

#[test]
fn sentinels_are_asked_for_the_name_in_the_url() {
    let named = redis("topology: { sentinel: { urls: [\"redis://s1:26379\", \"redis://s2:26379\"] } }");
    let urls = ["redis://s1:26379", "redis://s2:26379"];
    let mut expected = RedisStateConfig::new("redis://u:canary@h:6379");
    expected.topology = RedisTopology::Sentinel(RedisSentinels::at(urls));
    assert_eq!(named, expected);
    let sentinels = urls.map(str::to_owned).into();
    let primary = "redis://u:canary@h:6379".to_owned();
    assert!(settings::redis::store(&named).topology == Topology::Sentinel { sentinels, primary });
}

#[test]
fn wait_and_certificates_reach_the_store_in_every_topology() {
    let tls = "tls: { verify: { ca_file: /ca, client: { certificate_file: /c, key_file: /k } } }";
    let wait = "replicas: { count: 1, timeout: 2s, synced: true }";
    for topology in ["one", "{ cluster: {} }", "{ sentinel: { urls: [\"rediss://s1:26379\"] } }"] {
        let text = format!("redis: {{ url: \"${{REDIS_TLS_URL}}\", topology: {topology}, {tls}, {wait} }}");
        let job = accepted(&text);
        let StateStoreConfig::Redis(redis) = job.state_store() else { panic!("another store") };
        let settings = settings::redis::store(&redis);
        let client = ClientCertificate { certificate: "/c".into(), key: "/k".into() };
        assert_eq!(settings.tls.ca_file, Some(PathBuf::from("/ca")));
        assert_eq!(settings.tls.client, Some(client), "{topology}");
        let expected = Replicas { count: 1, timeout: Duration::from_secs(2), synced: true };
        assert_eq!(settings.replicas, Some(expected), "{topology}");
        assert_eq!(settings.class(), redis.class(), "{topology}");
    }
    let mut trusting = RedisStateConfig::new("rediss://h");
    trusting.tls = Some(RedisTls::by("/ca"));
    assert_eq!(settings::redis::store(&trusting).tls.ca_file, Some(PathBuf::from("/ca")));
}

#[test]
fn servers_that_replace_each_other_are_class_g1_whatever_they_sync() {
    for rest in [
        "topology: { cluster: {} }",
        "topology: { sentinel: { urls: [\"redis://s1:26379\"] } }, replicas: { count: 1, synced: true }",
    ] {
        assert_eq!(redis(rest).class(), DurabilityClass::AsyncReplica, "{rest}");
        let job = parse(&format!("redis: {{ url: \"${{REDIS_URL}}\", {rest} }}"), "").unwrap();
        let reasons = explain::explain(&job).reasons;
        assert!(reasons.iter().any(|reason| reason.text.contains("class G1")), "{reasons:?}");
    }
    assert_eq!(redis("topology: one").class(), DurabilityClass::Restart);
}

#[test]
fn topology_that_cannot_hold_ids_is_refused_with_the_reason() {
    let named =
        |topology: &str| refused(&format!("redis: {{ url: \"${{REDIS_URL}}\", topology: {topology} }}"));
    assert_eq!(
        named("enterprise"),
        "5:56 state_store.redis.topology: Redis Enterprise cannot be attested: its proxy hides the role, the sync and the \
         eviction of the shards behind it, so that nothing that a claim rests on can be checked | use servers that answer \
         CONFIG GET and ROLE"
    );
    assert_eq!(
        named("active_active"),
        "5:56 state_store.redis.topology: Active-Active cannot fence: each region answers for itself and merges later, so \
         that two workers can both be told that they have claimed a task | use one region, or a store that is linearizable \
         across regions"
    );
    assert_eq!(
        named("replicated"),
        "5:56 state_store.redis.topology: unknown value `replicated` | known here: `one`, `sentinel`, `cluster`, \
         `enterprise`, `active_active`"
    );
}

#[test]
fn servers_that_cannot_be_reached_as_they_are_named_are_refused_where_they_stand() {
    let named = |rest: &str| refused(&format!("redis: {{ url: \"${{REDIS_URL}}\", {rest} }}"));
    let sentinel = |urls: &str| named(&format!("topology: {{ sentinel: {{ urls: [{urls}] }} }}"));
    assert_eq!(sentinel(""), "5:76 state_store.redis.topology.sentinel.urls: at least one is needed | -");
    assert_eq!(
        sentinel("\"redis://u:canary@s1:26379\", \"redis://s2:26379\""),
        "5:76 state_store.redis.topology.sentinel.urls: scheme, user, password and database must be the same in all | -"
    );
    assert_eq!(
        sentinel("\"s1:26379\""),
        "5:77 state_store.redis.topology.sentinel.urls[0]: not a URL of such a server | write for example \
         redis://sentinel-1:26379"
    );
    assert_eq!(
        named("topology: { cluster: { nodes: [\"h2\"] } }"),
        "5:77 state_store.redis.topology.cluster.nodes[0]: not an address of a server | write for example redis-2:6379"
    );
    assert_eq!(
        named("tls: { verify: {} }"),
        "5:51 state_store.redis.tls: the connection is not encrypted | write rediss:// in place of redis:// in url, or \
         leave it out"
    );
}
