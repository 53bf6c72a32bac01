//! Descriptions as the service gives them, against claims.

use aws_sdk_dynamodb::types::builders::TableDescriptionBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, GlobalTableWitnessDescription, KeySchemaElement, ReplicaDescription,
};

use super::*;

fn table() -> TableDescriptionBuilder {
    [(PARTITION, KeyType::Hash), (KEY, KeyType::Range)].into_iter().fold(
        TableDescription::builder().table_status(TableStatus::Active),
        |table, (name, kind)| {
            let attribute = AttributeDefinition::builder().attribute_name(name);
            table
                .key_schema(KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap())
                .attribute_definitions(attribute.attribute_type(ScalarAttributeType::S).build().unwrap())
        },
    )
}

fn replica(region: &str) -> ReplicaDescription {
    ReplicaDescription::builder().region_name(region).build()
}

fn config(regions: Regions) -> Config {
    Config { regions, region: Some("us-east-1".into()), ..Config::new("velostream") }
}

fn broken(regions: Regions, table: TableDescriptionBuilder) -> Option<&'static str> {
    judge(&config(regions), &table.build()).err().map(|(setting, _)| setting)
}

fn strong() -> Regions {
    let replicas = ["us-east-1", "us-east-2", "us-west-2"].map(String::from);
    Regions::Strong { replicas: replicas.into(), witness: None }
}

#[test]
fn table_of_one_region_with_replicas_is_refused() {
    assert_eq!(broken(Regions::One, table()), None);
    assert_eq!(broken(Regions::One, table().replicas(replica("eu-west-1"))), Some("Replicas"));
}

#[test]
fn table_that_is_not_ours_or_not_active_is_refused() {
    assert_eq!(broken(Regions::One, table().table_status(TableStatus::Creating)), Some("TableStatus"));
    assert_eq!(broken(Regions::One, table().set_key_schema(None)), Some("KeySchema"));
    assert_eq!(broken(Regions::One, table().set_attribute_definitions(None)), Some("KeySchema"));
}

#[test]
fn eventual_table_is_held_to_its_home_and_version() {
    let here = || Regions::Eventual { home: "us-east-1".into() };
    let global = || table().global_table_version("2019.11.21").replicas(replica("eu-west-1"));
    assert_eq!(broken(here(), global()), None);
    assert_eq!(broken(here(), table()), Some("GlobalTableVersion"));
    assert_eq!(broken(here(), global().global_table_version("2017.11.29")), Some("GlobalTableVersion"));
    assert_eq!(broken(Regions::Eventual { home: "eu-west-1".into() }, global()), Some("region"));
    let strong = global().multi_region_consistency(MultiRegionConsistency::Strong);
    assert_eq!(broken(here(), strong), Some("MultiRegionConsistency"));
}

#[test]
fn strong_table_must_be_strong_in_the_regions_that_the_job_names() {
    let with = |consistency| {
        table()
            .multi_region_consistency(consistency)
            .replicas(replica("us-east-2"))
            .replicas(replica("us-west-2"))
    };
    assert_eq!(broken(strong(), with(MultiRegionConsistency::Strong)), None);
    assert_eq!(broken(strong(), with(MultiRegionConsistency::Eventual)), Some("MultiRegionConsistency"));
    let fewer =
        table().multi_region_consistency(MultiRegionConsistency::Strong).replicas(replica("us-east-2"));
    assert_eq!(broken(strong(), fewer), Some("Replicas"));
    let witness = GlobalTableWitnessDescription::builder().region_name("us-west-2").build();
    let witnessed =
        || table().multi_region_consistency(MultiRegionConsistency::Strong).replicas(replica("us-east-2"));
    let named = || Regions::Strong {
        replicas: vec!["us-east-1".into(), "us-east-2".into()],
        witness: Some("us-west-2".into()),
    };
    assert_eq!(broken(named(), witnessed().global_table_witnesses(witness)), None);
    assert_eq!(broken(named(), witnessed()), Some("GlobalTableWitnesses"));
}
