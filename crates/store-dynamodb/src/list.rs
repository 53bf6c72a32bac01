//! Keys below a prefix.

use std::collections::BTreeSet;

use crate::batch::without_effect;
use crate::failure::sort;
use crate::item::{self, KEY, PARTITION};
use crate::{DynamoStore, Error};

/// Behind every character that a key may have.
const BEHIND: char = '~';

impl DynamoStore {
    /// Keys with this prefix, sorted, after `after`, at most `max`.
    pub(crate) async fn list_keys(
        &self,
        prefix: &str,
        after: Option<&str>,
        max: usize,
    ) -> Result<Vec<String>, Error> {
        let fits = |key: &String| key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after);
        let mut keys = if max == 0 {
            Vec::new()
        } else if let Some((partition, _)) = prefix.split_once('/').filter(|(head, _)| !head.is_empty()) {
            self.query(partition, prefix, after, max, fits).await?
        } else {
            self.scan(fits, max).await?
        };
        keys.truncate(max);
        Ok(keys)
    }

    /// A range of one partition, ascending.
    async fn query(
        &self,
        partition: &str,
        prefix: &str,
        after: Option<&str>,
        max: usize,
        fits: impl Fn(&String) -> bool,
    ) -> Result<Vec<String>, Error> {
        let from = after.filter(|after| *after > prefix).unwrap_or(prefix);
        let to = format!("{prefix}{BEHIND}");
        let mut keys = Vec::new();
        if from > to.as_str() {
            return Ok(keys);
        }
        let mut start = None;
        loop {
            // One more than wanted: `after` itself is in the range.
            let limit = max.saturating_sub(keys.len()).saturating_add(1);
            let request = self
                .client
                .query()
                .table_name(self.table())
                .key_condition_expression(format!("{PARTITION} = :p AND {KEY} BETWEEN :from AND :to"))
                .expression_attribute_values(":p", item::text(partition))
                .expression_attribute_values(":from", item::text(from))
                .expression_attribute_values(":to", item::text(&to))
                .projection_expression(KEY)
                .consistent_read(true)
                .limit(i32::try_from(limit).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start);
            let answer = request.send().await;
            let answer = answer.map_err(|error| without_effect(sort(self.table(), "Query", &error)))?;
            for item in answer.items() {
                keys.push(item::key_of(self.table(), item)?);
            }
            keys.retain(&fits);
            start = answer.last_evaluated_key;
            if start.is_none() || keys.len() >= max {
                return Ok(keys);
            }
        }
    }

    /// The whole table, for prefixes that span partitions: tools ask so, jobs do not. Keeps `max` keys in memory.
    async fn scan(&self, fits: impl Fn(&String) -> bool, max: usize) -> Result<Vec<String>, Error> {
        let mut keys = BTreeSet::new();
        let mut start = None;
        loop {
            let request = self
                .client
                .scan()
                .table_name(self.table())
                .projection_expression(KEY)
                .consistent_read(true)
                .set_exclusive_start_key(start);
            let answer = request.send().await;
            let answer = answer.map_err(|error| without_effect(sort(self.table(), "Scan", &error)))?;
            for item in answer.items() {
                let key = item::key_of(self.table(), item)?;
                if fits(&key) {
                    keys.insert(key);
                }
                if keys.len() > max {
                    keys.pop_last();
                }
            }
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(keys.into_iter().collect());
            }
        }
    }
}
