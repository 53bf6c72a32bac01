//! The store as the ledger sees it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Config as ClientConfig;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use velostream_core::{
    ConditionalStore, NotAdmitted, Outcome, Put, Result, RootWrite, StoreGuarantees, Versioned,
};
use velostream_envelope::entry::next_version;

use crate::failure::sort;
use crate::item::{self, KEY, VERSION};
use crate::key::{MAX_PUTS, MAX_VALUE_BYTES};
use crate::{Config, Error, Regions, connect};

/// Puts of one commit that are on their way at a time.
const PUTS_IN_FLIGHT: usize = 32;

/// A conditional store in one DynamoDB table. Clones share the client.
#[derive(Clone)]
pub struct DynamoStore {
    pub(crate) client: Client,
    pub(crate) config: Arc<Config>,
}

impl DynamoStore {
    /// A store with a client of its own. Nothing is sent: [`attest`](ConditionalStore::attest) looks at the table.
    ///
    /// # Errors
    /// `Config`, `Weak` -> Reject.
    pub async fn connect(config: Config) -> Result<Self> {
        config.validate()?;
        let client = connect::client(&config).await;
        Self::with_client(config, client)
    }

    /// A store on a client that the caller has made: its region, credentials, endpoint and timeouts count, not those of
    /// `config`.
    ///
    /// # Errors
    /// `Config`, `Weak` -> Reject.
    pub fn with_client(mut config: Config, client: Client) -> Result<Self> {
        config.region = client.config().region().map(ToString::to_string);
        config.validate()?;
        Ok(Self { client, config: Arc::new(config) })
    }

    pub(crate) fn table(&self) -> &str {
        &self.config.table
    }

    /// Writes one put, unless its key is there. Repeating is harmless, so that the SDK may.
    async fn put(self, put: Put) -> Result<(), Error> {
        let version = next_version(None, &put.value);
        let request = self.client.put_item().table_name(self.table());
        let sent = request
            .set_item(Some(item::encode(&put.key, version, &put.value)))
            .condition_expression(format!("attribute_not_exists({KEY})"))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = sent else { return Ok(()) };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => match failed.item() {
                Some(held) if item::decode(self.table(), held)?.1.value == put.value => Ok(()),
                _ => Err(NotAdmitted::Rewritten { key: put.key }.into()),
            },
            // Whatever became of it: the root was not written, and a put that no root lists does not count.
            _ => Err(match sort(self.table(), "PutItem", &error) {
                Error::Unknown { table, doing, failure } => Error::NotApplied { table, doing, failure },
                error => error,
            }),
        }
    }

    async fn put_all(&self, puts: &[Put]) -> Result<(), Error> {
        let writes: Vec<_> = puts.iter().map(|put| self.clone().put(put.clone())).collect();
        stream::iter(writes).buffer_unordered(PUTS_IN_FLIGHT).try_collect::<()>().await
    }

    /// The one conditional write. It is sent once: only then does a refusal say that nothing was applied.
    async fn put_root(&self, root: &RootWrite) -> Result<Outcome, Error> {
        let version = next_version(root.expected, &root.value);
        let request = self.client.put_item().table_name(self.table());
        let request = match root.expected {
            None => request.condition_expression(format!("attribute_not_exists({KEY})")),
            Some(expected) => request
                .condition_expression(format!("{VERSION} = :expected"))
                .expression_attribute_values(":expected", item::number(expected.0)),
        };
        let once = ClientConfig::builder().retry_config(RetryConfig::disabled());
        let sent = request
            .set_item(Some(item::encode(&root.key, version, &root.value)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .customize()
            .config_override(once)
            .send()
            .await;
        let Err(error) = sent else { return Ok(Outcome::Applied(version)) };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                let held = failed.item().filter(|held| !held.is_empty());
                let held = held.map(|held| item::decode(self.table(), held)).transpose()?;
                Ok(Outcome::unexpected(held.map(|(_, held)| held), root))
            }
            _ => Err(sort(self.table(), "PutItem", &error)),
        }
    }
}

#[async_trait]
impl ConditionalStore for DynamoStore {
    async fn read(&self, keys: &[&str]) -> Result<Vec<Option<Versioned>>> {
        self.guarantees().admit_keys(keys)?;
        Ok(self.read_items(keys).await?)
    }

    async fn commit(&self, puts: &[Put], root: RootWrite) -> Result<Outcome> {
        self.guarantees().admit(puts, &root)?;
        if let Err(error) = self.put_all(puts).await {
            if let Error::NotAdmitted(NotAdmitted::Rewritten { .. }) = error {
                // A stale owner has to learn that it is stale, not that its put clashes.
                let held = self.read_items(&[&root.key]).await?.pop().flatten();
                if held.as_ref().map(|held| held.version) != root.expected {
                    return Ok(Outcome::unexpected(held, &root));
                }
            }
            return Err(error.into());
        }
        Ok(self.put_root(&root).await?)
    }

    async fn delete(&self, keys: &[&str]) -> Result<()> {
        self.guarantees().admit_keys(keys)?;
        Ok(self.delete_items(keys).await?)
    }

    async fn list(&self, prefix: &str, after: Option<&str>, max: usize) -> Result<Vec<String>> {
        Ok(self.list_keys(prefix, after, max).await?)
    }

    fn guarantees(&self) -> StoreGuarantees {
        StoreGuarantees {
            class: self.config.claimed(),
            linearizable: !matches!(self.config.regions, Regions::Eventual { .. }),
            shared: true,
            max_value_bytes: MAX_VALUE_BYTES,
            max_puts: MAX_PUTS,
        }
    }

    async fn attest(&self) -> Result<()> {
        Ok(self.attest_table().await?)
    }

    async fn health_check(&self, deadline: Duration) -> Result<()> {
        let answered = tokio::time::timeout(deadline, self.read_items(&["health"])).await;
        let table = || self.table().to_owned();
        let answered =
            answered.map_err(|_| Error::Slow { table: table(), deadline_ms: deadline.as_millis() })?;
        Ok(answered.map(|_| ())?)
    }
}

impl fmt::Debug for DynamoStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamoStore").field("table", &self.table()).finish_non_exhaustive()
    }
}
