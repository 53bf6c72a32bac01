//! The table itself: what is refused, what is asked of it, and puts that clash.

use aws_sdk_dynamodb::types::TimeToLiveSpecification;
use velostream_core::{Code, ConditionalStore as _, Disposition, Outcome, Put, RootWrite};

use crate::Test;
use crate::seam::Seam;
use crate::stage::{Mode, Stage, block_on};

pub(crate) const TESTS: &[Test] = &[
    ("table_that_is_missing_is_refused", missing),
    ("table_that_expires_items_is_refused", expires),
    ("table_of_one_region_claimed_as_strong_is_refused", not_strong),
    ("actions_of_the_policy_are_the_ones_that_are_used", policy),
    ("put_that_clashes_is_a_conflict_for_a_stale_owner_and_refused_for_the_owner", clash),
    ("item_that_was_changed_by_hand_is_corrupt", changed),
    ("list_without_a_partition_is_sorted", scan),
];

fn missing(stage: &mut Stage) {
    let (store, _) = stage.store("no-such-table", Mode::One);
    let error = block_on(store.attest()).unwrap_err();
    assert_eq!((error.disposition(), error.code()), (Disposition::Reject, Code::StoreUnavailable), "{error}");
    assert!(error.remedy().starts_with("Create the table"), "{}", error.remedy());
}

fn expires(stage: &mut Stage) {
    let (store, seam) = stage.store("expires", Mode::One);
    block_on(async {
        store.create_table().await.unwrap();
        store.create_table().await.unwrap();
        store.attest().await.unwrap();
        let ttl = TimeToLiveSpecification::builder().attribute_name("t").enabled(true).build().unwrap();
        let client = stage.client(seam);
        client
            .update_time_to_live()
            .table_name("expires")
            .time_to_live_specification(ttl)
            .send()
            .await
            .unwrap();
        let error = store.attest().await.unwrap_err();
        assert_eq!((error.disposition(), error.code()), (Disposition::Reject, Code::StoreWeak), "{error}");
    });
}

fn not_strong(stage: &mut Stage) {
    let mut config = velostream_store_dynamodb::Config::new("velostream");
    let replicas = ["us-east-1", "us-east-2", "us-west-2"].map(String::from).to_vec();
    config.regions = velostream_store_dynamodb::Regions::Strong { replicas, witness: None };
    let client = stage.client(Seam::new());
    let store = velostream_store_dynamodb::DynamoStore::with_client(config, client).unwrap();
    let error = block_on(store.attest()).unwrap_err();
    assert_eq!(error.code(), Code::StoreWeak, "{error}");
    assert!(error.to_string().contains("MultiRegionConsistency"), "{error}");
}

fn policy(stage: &mut Stage) {
    let (prefix, (store, seam)) = (stage.prefix(), stage.store("velostream", Mode::One));
    block_on(async {
        let key = format!("{prefix}root");
        store.attest().await.unwrap();
        let put = Put { key: format!("{prefix}put"), value: "p".into() };
        store
            .commit(&[put], RootWrite { key: key.clone(), expected: None, value: "1".into() })
            .await
            .unwrap();
        store.read(&[&key]).await.unwrap();
        store.read(&[&key, "absent"]).await.unwrap();
        store.list(&prefix, None, 1).await.unwrap();
        store.list("", None, 1).await.unwrap();
        store.delete(&[&key]).await.unwrap();
    });
    let text = include_str!("../../../crates/store-dynamodb/iam-policy.json");
    let allowed: Vec<&str> = text.split('"').filter_map(|word| word.strip_prefix("dynamodb:")).collect();
    assert_eq!(seam.seen().into_iter().collect::<Vec<_>>(), allowed);
}

fn clash(stage: &mut Stage) {
    let (prefix, (store, _)) = (stage.prefix(), stage.store("velostream", Mode::One));
    let put = |value: &'static str| Put { key: format!("{prefix}put"), value: value.into() };
    let root = |expected, value: &'static str| RootWrite {
        key: format!("{prefix}root"),
        expected,
        value: value.into(),
    };
    block_on(async {
        let Outcome::Applied(version) = store.commit(&[put("a")], root(None, "1")).await.unwrap() else {
            panic!("a first commit conflicts");
        };
        let stale = store.commit(&[put("b")], root(None, "2")).await.unwrap();
        assert!(matches!(stale, Outcome::Conflict(Some(held)) if held.version == version));
        let owner = store.commit(&[put("b")], root(Some(version), "2")).await.unwrap_err();
        assert_eq!(owner.disposition(), Disposition::Reject, "{owner}");
        let held = store.read(&[&put("").key, &root(None, "").key]).await.unwrap();
        assert_eq!(held.into_iter().map(|held| held.unwrap().value).collect::<Vec<_>>(), ["a", "1"]);
    });
}

fn changed(stage: &mut Stage) {
    let (prefix, (store, seam)) = (stage.prefix(), stage.store("velostream", Mode::One));
    let key = format!("{prefix}root");
    block_on(async {
        let root = |value: &'static str| RootWrite { key: key.clone(), expected: None, value: value.into() };
        store.commit(&[], root("1")).await.unwrap();
        let client = stage.client(seam);
        let blob = aws_sdk_dynamodb::primitives::Blob::new("2");
        let change = client.update_item().table_name("velostream").update_expression("SET b = :b");
        let change = change.key("p", text(prefix.trim_end_matches('/'))).key("k", text(&key));
        let value = aws_sdk_dynamodb::types::AttributeValue::B(blob);
        change.expression_attribute_values(":b", value).send().await.unwrap();
        for error in [store.read(&[&key]).await.unwrap_err(), store.commit(&[], root("3")).await.unwrap_err()]
        {
            assert_eq!(
                (error.disposition(), error.code()),
                (Disposition::Corrupt, Code::StateCorrupt),
                "{error}"
            );
        }
        store.delete(&[&key]).await.unwrap();
    });
}

fn text(value: &str) -> aws_sdk_dynamodb::types::AttributeValue {
    aws_sdk_dynamodb::types::AttributeValue::S(value.to_owned())
}

fn scan(stage: &mut Stage) {
    let (store, _) = stage.store("scanned", Mode::One);
    block_on(async {
        store.create_table().await.unwrap();
        for key in ["job-b/root", "job-a/root", "job-a/ids/1", "other/root"] {
            store
                .commit(&[], RootWrite { key: key.into(), expected: None, value: "1".into() })
                .await
                .unwrap();
        }
        assert_eq!(store.list("job-", None, 9).await.unwrap(), ["job-a/ids/1", "job-a/root", "job-b/root"]);
        assert_eq!(store.list("job-", Some("job-a/ids/1"), 1).await.unwrap(), ["job-a/root"]);
        assert_eq!(store.list("", None, 9).await.unwrap().len(), 4);
    });
}
