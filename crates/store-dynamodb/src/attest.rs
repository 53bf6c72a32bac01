//! Does the table keep what is claimed?

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{
    KeyType, MultiRegionConsistency, ScalarAttributeType, TableDescription, TableStatus, TimeToLiveStatus,
};

use crate::batch::without_effect;
use crate::failure::sort;
use crate::item::{KEY, PARTITION};
use crate::{Config, DynamoStore, Error, Regions};

/// What breaks a claim: the setting, and what it is and must be.
type Break = (&'static str, String);

impl DynamoStore {
    /// Compares the table's description with the claim.
    pub(crate) async fn attest_table(&self) -> Result<(), Error> {
        let answer = self.client.describe_table().table_name(self.table()).send().await;
        let answer = answer.map_err(|error| without_effect(sort(self.table(), "DescribeTable", &error)))?;
        let description =
            answer.table().ok_or_else(|| self.weak(("table", "it is not described".to_owned())))?;
        judge(&self.config, description).map_err(|broken| self.weak(broken))?;
        // Strong consistency across regions excludes expiry; the service refuses the question.
        if matches!(self.config.regions, Regions::Strong { .. }) {
            return Ok(());
        }
        let answer = self.client.describe_time_to_live().table_name(self.table()).send().await;
        let answer =
            answer.map_err(|error| without_effect(sort(self.table(), "DescribeTimeToLive", &error)))?;
        let status = answer.time_to_live_description().and_then(|ttl| ttl.time_to_live_status());
        match status {
            None | Some(TimeToLiveStatus::Disabled) => Ok(()),
            Some(status) => {
                Err(self
                    .weak(("TimeToLive", format!("it is {status}, needs DISABLED: it would delete state"))))
            }
        }
    }

    fn weak(&self, (setting, why): Break) -> Error {
        Error::Weak { table: self.table().to_owned(), setting, why }
    }
}

fn judge(config: &Config, table: &TableDescription) -> Result<(), Break> {
    match table.table_status() {
        Some(TableStatus::Active | TableStatus::Updating) => {}
        status => return Err(("TableStatus", format!("it is {status:?}, needs ACTIVE"))),
    }
    judge_keys(table)?;
    let mut replicas: BTreeSet<&str> =
        table.replicas().iter().filter_map(|replica| replica.region_name()).collect();
    match &config.regions {
        Regions::One if replicas.is_empty() => Ok(()),
        Regions::One => {
            Err(("Replicas", format!("it is replicated to {replicas:?}: say in `regions` how it is used")))
        }
        Regions::Eventual { home } => {
            if config.region.as_ref() != Some(home) {
                return Err((
                    "region",
                    format!("writes go to {:?}, the home region is {home}", config.region),
                ));
            }
            match table.global_table_version() {
                Some("2019.11.21") => {}
                version => {
                    return Err(("GlobalTableVersion", format!("it is {version:?}, needs 2019.11.21")));
                }
            }
            match table.multi_region_consistency() {
                None | Some(MultiRegionConsistency::Eventual) => Ok(()),
                Some(other) => Err(("MultiRegionConsistency", format!("it is {other}: use the strong mode"))),
            }
        }
        Regions::Strong { replicas: wanted, witness } => {
            match table.multi_region_consistency() {
                Some(MultiRegionConsistency::Strong) => {}
                other => return Err(("MultiRegionConsistency", format!("it is {other:?}, needs STRONG"))),
            }
            // The region that answers may or may not list itself.
            replicas.extend(config.region.as_deref());
            let wanted: BTreeSet<&str> = wanted.iter().map(String::as_str).collect();
            if replicas != wanted {
                return Err(("Replicas", format!("they are {replicas:?}, the job names {wanted:?}")));
            }
            let found: Vec<&str> =
                table.global_table_witnesses().iter().filter_map(|witness| witness.region_name()).collect();
            let named: Vec<&str> = witness.iter().map(String::as_str).collect();
            if found == named {
                return Ok(());
            }
            Err(("GlobalTableWitnesses", format!("they are {found:?}, the job names {named:?}")))
        }
    }
}

fn judge_keys(table: &TableDescription) -> Result<(), Break> {
    for (name, kind) in [(PARTITION, KeyType::Hash), (KEY, KeyType::Range)] {
        let is_key =
            table.key_schema().iter().any(|key| key.attribute_name() == name && *key.key_type() == kind);
        let is_text = table.attribute_definitions().iter().any(|attribute| {
            attribute.attribute_name() == name && *attribute.attribute_type() == ScalarAttributeType::S
        });
        if !is_key || !is_text || table.key_schema().len() != 2 {
            return Err(("KeySchema", format!("it needs {PARTITION} (S, HASH) and {KEY} (S, RANGE)")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
