//! Reading and deleting several items at a time.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::{DeleteRequest, KeysAndAttributes, WriteRequest};
use velostream_core::Versioned;

use crate::failure::sort;
use crate::item::{self, Item};
use crate::{DynamoStore, Error};

/// Keys of one BatchGetItem (DynamoDB API reference).
const READS: usize = 100;

/// Deletes of one BatchWriteItem (DynamoDB API reference).
const DELETES: usize = 25;

/// Answers in a row that process nothing, after which a batch is given up.
const IDLE_ROUNDS: usize = 5;

impl DynamoStore {
    /// What stands under each key, by strongly consistent reads.
    pub(crate) async fn read_items(&self, keys: &[&str]) -> Result<Vec<Option<Versioned>>, Error> {
        // The service refuses a key twice.
        let wanted: BTreeSet<&str> = keys.iter().copied().collect();
        let wanted: Vec<&str> = wanted.into_iter().collect();
        let mut found = HashMap::new();
        match wanted.as_slice() {
            [key] => found.extend(self.read_one(key).await?),
            many => {
                for part in many.chunks(READS) {
                    self.read_part(part, &mut found).await?;
                }
            }
        }
        Ok(keys.iter().map(|key| found.get(*key).cloned()).collect())
    }

    async fn read_one(&self, key: &str) -> Result<Option<(String, Versioned)>, Error> {
        let request = self.client.get_item().table_name(self.table());
        let answer = request.set_key(Some(item::name(key))).consistent_read(true).send().await;
        let answer = answer.map_err(|error| without_effect(sort(self.table(), "GetItem", &error)))?;
        answer.item().map(|item| item::decode(self.table(), item)).transpose()
    }

    async fn read_part(&self, keys: &[&str], found: &mut HashMap<String, Versioned>) -> Result<(), Error> {
        let mut left: Vec<Item> = keys.iter().map(|key| item::name(key)).collect();
        let mut idle = 0;
        while !left.is_empty() {
            let before = left.len();
            let wanted = KeysAndAttributes::builder().set_keys(Some(left)).consistent_read(true).build();
            let wanted = wanted.map_err(|_| self.corrupt("a batch without keys"))?;
            let request = self.client.batch_get_item().request_items(self.table(), wanted);
            let answer = request.send().await;
            let mut answer =
                answer.map_err(|error| without_effect(sort(self.table(), "BatchGetItem", &error)))?;
            let items = answer.responses.as_mut().and_then(|tables| tables.remove(self.table()));
            for item in items.unwrap_or_default() {
                let (key, held) = item::decode(self.table(), &item)?;
                found.insert(key, held);
            }
            let rest = answer.unprocessed_keys.as_mut().and_then(|tables| tables.remove(self.table()));
            left = rest.map(|rest| rest.keys).unwrap_or_default();
            idle = if left.len() < before { 0 } else { idle + 1 };
            if idle >= IDLE_ROUNDS {
                return Err(self.unprocessed("BatchGetItem", left.len()));
            }
        }
        Ok(())
    }

    /// Deletes items; absent ones are fine.
    pub(crate) async fn delete_items(&self, keys: &[&str]) -> Result<(), Error> {
        let wanted: BTreeSet<&str> = keys.iter().copied().collect();
        let wanted: Vec<&str> = wanted.into_iter().collect();
        for part in wanted.chunks(DELETES) {
            self.delete_part(part).await?;
        }
        Ok(())
    }

    async fn delete_part(&self, keys: &[&str]) -> Result<(), Error> {
        let mut left = Vec::with_capacity(keys.len());
        for key in keys {
            let delete = DeleteRequest::builder().set_key(Some(item::name(key))).build();
            let delete = delete.map_err(|_| self.corrupt("a delete without a key"))?;
            left.push(WriteRequest::builder().delete_request(delete).build());
        }
        let mut idle = 0;
        while !left.is_empty() {
            let before = left.len();
            let request = self.client.batch_write_item().request_items(self.table(), left);
            let answer = request.send().await;
            let mut answer = answer.map_err(|error| sort(self.table(), "BatchWriteItem", &error))?;
            let rest = answer.unprocessed_items.as_mut().and_then(|tables| tables.remove(self.table()));
            left = rest.unwrap_or_default();
            idle = if left.len() < before { 0 } else { idle + 1 };
            if idle >= IDLE_ROUNDS {
                return Err(self.unprocessed("BatchWriteItem", left.len()));
            }
        }
        Ok(())
    }

    fn unprocessed(&self, doing: &'static str, left: usize) -> Error {
        Error::Unprocessed { table: self.table().to_owned(), doing, left }
    }

    fn corrupt(&self, why: &'static str) -> Error {
        Error::Corrupt { table: self.table().to_owned(), why }
    }
}

/// A read changes nothing, whatever became of it.
pub(crate) fn without_effect(error: Error) -> Error {
    match error {
        Error::Unknown { table, doing, failure } => Error::NotApplied { table, doing, failure },
        error => error,
    }
}
