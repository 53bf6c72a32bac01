//! State stores of job files: what is accepted, what is refused and where, and what a class means.

#![cfg(all(feature = "store-redis", feature = "store-postgres", feature = "store-dynamodb"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod redis;

use std::io;
use std::path::Path;
use std::time::Duration;

use exactly_once::Error;
use exactly_once::config::{
    DynamoDbStateConfig, JobFile, PostgresStateConfig, RedisStateConfig, StateStoreConfig, Variables,
};
use exactly_once::core::{ConditionalStore as _, DeliveryLevel, DurabilityClass};
use exactly_once::explain::{Role, explain};
use exactly_once::{settings, store_dynamodb, store_postgres, store_redis};

struct Fixed;

impl Variables for Fixed {
    fn variable(&self, name: &str) -> Option<String> {
        Some(match name {
            "REDIS_URL" => "redis://u:canary@h:6379".to_owned(),
            "REDIS_TLS_URL" => "rediss://u:canary@h:6379".to_owned(),
            "STATE_URL" => "postgresql://u:canary@h/d".to_owned(),
            "SECRET" => "canary".to_owned(),
            "EMPTY" => String::new(),
            _ => return None,
        })
    }

    fn file(&self, _: &str) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }
}

const HEAD: &str = "job: j\nsource: { file: { path: in } }\nsink: { file: { path: out } }\n";

fn parse(store: &str, ids: &str) -> exactly_once::Result<JobFile> {
    let ids = format!("exactly_once: {{ record_id_strategy: content_hash{ids} }}\n");
    JobFile::parse("j.yaml", &format!("{HEAD}{ids}state_store: {{ {store} }}\n"), &Fixed)
}

fn accepted(store: &str) -> JobFile {
    let job = parse(store, "").map_err(|error| error.to_string()).unwrap();
    assert!(!format!("{job:?}").contains("canary"), "{job:?}");
    let again = JobFile::parse("j.yaml", &job.to_yaml().unwrap(), &Fixed).unwrap();
    assert_eq!(again, job);
    job
}

/// `line:column path: message | remedy`.
fn refused(store: &str) -> String {
    let Err(Error::Config { source }) = parse(store, "") else { panic!("{store} is accepted") };
    assert!(!source.to_string().contains("canary"), "{source}");
    let problem = source.problems().first().unwrap();
    let place = problem.place.unwrap();
    format!("{}:{} {problem} | {}", place.line, place.column, problem.remedy.as_deref().unwrap_or("-"))
}

#[test]
fn defaults_of_every_store_are_those_of_its_crate() {
    let job = accepted("redis: { url: \"${REDIS_URL}\" }");
    let StateStoreConfig::Redis(redis) = job.state_store() else { panic!() };
    assert_eq!(redis, RedisStateConfig::new("redis://u:canary@h:6379"));
    let expected = store_redis::RedisConfig::single("redis://u:canary@h:6379");
    assert!(settings::redis::store(&redis) == expected);
    assert_eq!(redis.class(), expected.class());

    let job = accepted("postgres: { url: \"${STATE_URL}\" }");
    let StateStoreConfig::Postgres(postgres) = job.state_store() else { panic!() };
    assert_eq!(postgres, PostgresStateConfig::new("postgresql://u:canary@h/d"));
    assert!(
        settings::postgres::store(&postgres)
            == store_postgres::PostgresConfig::new("postgresql://u:canary@h/d")
    );

    let job = accepted("dynamodb: { table: ids }");
    let StateStoreConfig::DynamoDb(dynamodb) = job.state_store() else { panic!() };
    assert_eq!(dynamodb, DynamoDbStateConfig::new("ids"));
    assert_eq!(settings::dynamodb::store(&dynamodb), store_dynamodb::Config::new("ids"));
}

#[test]
fn every_setting_of_a_store_reaches_it() {
    let job = accepted(
        "redis: { url: \"${REDIS_URL}\", prefix: \"p:\", fsync: every_second, replicas: { count: 2, timeout: 3s, synced: \
         true }, connect_timeout: 4s, request_timeout: 5s }",
    );
    let StateStoreConfig::Redis(redis) = job.state_store() else { panic!() };
    let redis = settings::redis::store(&redis);
    assert_eq!((redis.prefix.as_str(), redis.fsync), ("p:", store_redis::Fsync::EverySecond));
    let replicas = store_redis::Replicas { count: 2, timeout: Duration::from_secs(3), synced: true };
    assert_eq!(redis.replicas, Some(replicas));
    assert_eq!((redis.connect_timeout.as_secs(), redis.request_timeout.as_secs()), (4, 5));

    let job = accepted(
        "postgres: { url: \"${STATE_URL}\", dialect: cockroachdb, schema: s, tls: { verify: { ca_file: /ca } }, class: G3, \
         survival_goal: region, connect_timeout: 4s, statement_timeout: 5s }",
    );
    let StateStoreConfig::Postgres(postgres) = job.state_store() else { panic!() };
    let postgres = settings::postgres::store(&postgres);
    assert_eq!((postgres.dialect, postgres.schema.as_str()), (store_postgres::Dialect::CockroachDb, "s"));
    assert_eq!(postgres.tls, store_postgres::Tls::Verify { ca_file: Some("/ca".into()) });
    assert_eq!(postgres.class, DurabilityClass::Region);
    assert_eq!(postgres.survival_goal, Some(store_postgres::SurvivalGoal::Region));
    assert_eq!((postgres.connect_timeout.as_secs(), postgres.statement_timeout.as_secs()), (4, 5));
    let job = accepted("postgres: { url: \"${STATE_URL}\", class: G3, remote_standbys: [far] }");
    let StateStoreConfig::Postgres(postgres) = job.state_store() else { panic!() };
    assert_eq!(settings::postgres::store(&postgres).remote_standbys, ["far"]);

    let job = accepted(
        "dynamodb: { table: ids, region: us-east-1, endpoint_url: \"http://h:1\", credentials: { access_key_id: k, \
         secret_access_key: \"${SECRET}\", session_token: \"${SECRET}\" }, regions: { strong: { replicas: [us-east-1, b], \
         witness: c } }, class: G2, connect_timeout: 4s, request_timeout: 5s }",
    );
    let StateStoreConfig::DynamoDb(dynamodb) = job.state_store() else { panic!() };
    let dynamodb = settings::dynamodb::store(&dynamodb);
    let keys = dynamodb.credentials.unwrap();
    assert_eq!((keys.access_key_id.as_str(), keys.secret_access_key.as_str()), ("k", "canary"));
    assert_eq!(keys.session_token.as_deref(), Some("canary"));
    assert_eq!(
        (dynamodb.region.as_deref(), dynamodb.class),
        (Some("us-east-1"), Some(DurabilityClass::Zone))
    );
    let replicas = vec!["us-east-1".to_owned(), "b".to_owned()];
    assert_eq!(dynamodb.regions, store_dynamodb::Regions::Strong { replicas, witness: Some("c".to_owned()) });
    assert_eq!((dynamodb.connect_timeout.as_secs(), dynamodb.request_timeout.as_secs()), (4, 5));
}

#[test]
fn setting_that_cannot_be_is_refused_where_it_stands() {
    assert_eq!(refused("redis: {}"), "5:23 state_store.redis: the field `url` is missing | add it: url: ..");
    assert_eq!(
        refused("redis: { url: \"${SECRET}\" }"),
        "5:30 state_store.redis.url: not a URL of such a server | write for example \"${REDIS_URL}\", which is \
         redis://user:password@host:6379"
    );
    assert_eq!(
        refused("redis: { url: \"${REDIS_URL}\", prefix: \"a{b\" }"),
        "5:54 state_store.redis.prefix: allowed are 128 bytes of [A-Za-z0-9:._-] | -"
    );
    assert_eq!(
        refused("redis: { url: \"${REDIS_URL}\", replicas: { count: 1, timeout: 10s } }"),
        "5:77 state_store.redis.replicas.timeout: it must be at least 1 ms and less than the request's timeout | -"
    );
    assert_eq!(
        refused("redis: { url: \"${REDIS_URL}\", fsync: sometimes }"),
        "5:53 state_store.redis.fsync: unknown value `sometimes` | known here: `always`, `every_second`"
    );
    assert_eq!(
        refused("postgres: { url: \"${STATE_URL}\", dialect: mysql }"),
        "5:58 state_store.postgres.dialect: unknown value `mysql` | known here: `postgresql`, `cockroachdb`"
    );
    assert_eq!(
        refused("postgres: { url: \"${STATE_URL}\", dialect: cockroachdb, class: G2 }"),
        "5:26 state_store.postgres.survival_goal: G2 and G3 need the goal that the database has | -"
    );
    assert_eq!(
        refused("postgres: { url: \"${STATE_URL}\", schema: \"a b\" }"),
        "5:57 state_store.postgres.schema: a schema is named by [a-z_][a-z0-9_]{0,62} | -"
    );
    assert_eq!(
        refused("dynamodb: { table: x }"),
        "5:35 state_store.dynamodb.table: a name has 3 to 255 characters of a-z, A-Z, 0-9, '_', '.' and '-' | -"
    );
    assert_eq!(
        refused("dynamodb: { table: ids, class: G3 }"),
        "5:47 state_store.dynamodb.class: G3 is asked for, this table gives G2: it is lost with its region | -"
    );
    assert_eq!(
        refused(
            "dynamodb: { table: ids, credentials: { access_key_id: k, secret_access_key: \"${EMPTY}\" } }"
        ),
        "5:92 state_store.dynamodb.credentials.secret_access_key: empty | set the variable that it comes from"
    );
    assert_eq!(
        refused("redis: { url: \"${REDIS_URL}\" }, redb: { path: x }").split(" | ").next().unwrap(),
        "5:48 state_store: exactly one of `redb` or `memory` or `redis` or `postgres` or `dynamodb` is expected, found \
         `redis` and `redb`"
    );
}

#[test]
fn class_of_a_store_says_what_may_be_lost() {
    let reasons = |store: &str, ids: &str| {
        let explanation = explain(&parse(store, ids).unwrap());
        assert_eq!(explanation.level, DeliveryLevel::ExactlyOnceTransactional);
        explanation.reasons
    };
    for (store, class, role) in [
        ("redis: { url: \"${REDIS_URL}\" }", "class G0d", Role::Assumes),
        ("redis: { url: \"${REDIS_URL}\", fsync: every_second }", "class G1", Role::Assumes),
        ("postgres: { url: \"${STATE_URL}\", class: G2 }", "class G2", Role::Gives),
        ("dynamodb: { table: ids }", "class G2", Role::Gives),
        (
            "dynamodb: { table: ids, region: a, regions: { eventual: { home: a } } }",
            "class G1",
            Role::Assumes,
        ),
        ("dynamodb: { table: ids, regions: { strong: { replicas: [a, b, c] } } }", "class G3", Role::Gives),
    ] {
        let found = reasons(store, "");
        assert!(found.iter().any(|r| r.role == role && r.text.contains(class)), "{store}: {found:?}");
        assert!(found.iter().any(|r| r.role == Role::Gives && r.text.contains("VS-0055")), "{store}");
        let warned = reasons(store, ", on_id_loss: stop");
        let warned = warned.iter().any(|r| r.role == Role::Warns && r.text.contains("VS-0056"));
        assert_eq!(warned, role == Role::Assumes, "{store}");
    }
}

#[test]
fn class_of_a_job_file_is_the_one_that_the_store_claims() {
    let store =
        accepted("dynamodb: { table: ids, region: a, regions: { eventual: { home: a } } }").state_store();
    let StateStoreConfig::DynamoDb(dynamodb) = &store else { panic!() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let opened = runtime.block_on(store_dynamodb::DynamoStore::connect(settings::dynamodb::store(dynamodb)));
    assert_eq!(opened.unwrap().guarantees().class, store.class());
}

#[test]
fn every_example_is_a_valid_job() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut found = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        JobFile::parse(&path.display().to_string(), &text, &Fixed)
            .map_err(|error| error.to_string())
            .unwrap();
        found += 1;
    }
    assert!(found >= 10, "{found} examples");
}
