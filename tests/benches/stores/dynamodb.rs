//! DynamoDB Local, beside an item for each id in tables of their own.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, ConfigBag, Credentials, Intercept, Region, RuntimeComponents,
};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, KeysAndAttributes,
    PutRequest, ScalarAttributeType, WriteRequest,
};
use velostream_core::ConditionalStore;
use velostream_store_dynamodb::{Config, DynamoStore};
use velostream_testkit::services::DynamoDb;

use crate::keys::Keys;
use crate::subject::Subject;

const PACKED: &str = "velostream";

/// Most items of BatchWriteItem and of BatchGetItem (DynamoDB API reference).
const MOST: (usize, usize) = (25, 100);

/// Bytes that every item takes beside its content (Developer guide, "DynamoDB item sizes and formats").
const OVERHEAD: u64 = 100;

pub(crate) struct Dynamo {
    store: DynamoStore,
    client: Client,
    requests: Arc<AtomicU64>,
    // Ends behind its clients.
    _server: DynamoDb,
}

/// Counts requests.
#[derive(Debug)]
struct Counting(Arc<AtomicU64>);

impl Intercept for Counting {
    fn name(&self) -> &'static str {
        "counting"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

impl Dynamo {
    pub(crate) async fn open() -> Result<Self> {
        let server = tokio::task::spawn_blocking(DynamoDb::start).await??;
        let requests = Arc::<AtomicU64>::default();
        let client = |counted: bool| {
            let mut config = aws_sdk_dynamodb::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new("us-east-1"))
                .credentials_provider(Credentials::new("velostream", "only-for-tests", None, None, "bench"))
                .endpoint_url(server.url());
            if counted {
                config = config.interceptor(Counting(Arc::clone(&requests)));
            }
            Client::from_conf(config.build())
        };
        let store = DynamoStore::with_client(Config::new(PACKED), client(true))?;
        store.create_table().await?;
        let client = client(false);
        for keys in Keys::ALL {
            let (table, kind) = table(keys);
            let id = AttributeDefinition::builder().attribute_name("id").attribute_type(kind).build()?;
            let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash).build()?;
            let create = client.create_table().table_name(table).attribute_definitions(id).key_schema(key);
            create.billing_mode(BillingMode::PayPerRequest).send().await?;
        }
        Ok(Self { store, client, requests, _server: server })
    }

    async fn size(&self, table: &str) -> Result<u64> {
        let mut pages = self.client.scan().table_name(table).into_paginator().items().send();
        let mut bytes = 0;
        while let Some(item) = pages.next().await {
            bytes += item_bytes(&item?)?;
        }
        Ok(bytes)
    }
}

/// By the published rule: names and values, a number as two of its digits in a byte and one byte more.
fn item_bytes(item: &HashMap<String, AttributeValue>) -> Result<u64> {
    let mut bytes = OVERHEAD;
    for (name, value) in item {
        let value = match value {
            AttributeValue::S(text) => text.len(),
            AttributeValue::B(blob) => blob.as_ref().len(),
            AttributeValue::N(digits) => digits.len().div_ceil(2) + 1,
            other => anyhow::bail!("an attribute that nobody wrote: {other:?}"),
        };
        bytes += u64::try_from(name.len() + value)?;
    }
    Ok(bytes)
}

/// The table of these keys, and the type of its ids.
const fn table(keys: Keys) -> (&'static str, ScalarAttributeType) {
    match keys {
        Keys::Short => ("processed", ScalarAttributeType::B),
        Keys::Whole => ("processed_whole", ScalarAttributeType::S),
    }
}

fn attribute(keys: Keys, id: &[u8]) -> AttributeValue {
    match keys {
        Keys::Short => AttributeValue::B(Blob::new(id)),
        Keys::Whole => AttributeValue::S(String::from_utf8_lossy(id).into_owned()),
    }
}

#[async_trait]
impl Subject for Dynamo {
    fn name(&self) -> &'static str {
        "DynamoDB Local"
    }

    fn store(&self) -> Arc<dyn ConditionalStore> {
        Arc::new(self.store.clone())
    }

    fn requests(&self) -> Option<u64> {
        Some(self.requests.load(Ordering::Relaxed))
    }

    /// Few: each takes 40 requests for 1,000 ids, and sizes follow from a rule.
    fn naive_rounds(&self, ids: usize) -> usize {
        if ids > 1_000 { 1 } else { 5 }
    }

    async fn packed_bytes(&self) -> Result<Option<u64>> {
        self.size(PACKED).await.map(Some)
    }

    async fn naive_mark(&self, keys: Keys, ids: &[Vec<u8>]) -> Result<()> {
        let (table, _) = table(keys);
        for some in ids.chunks(MOST.0) {
            let write = |id: &Vec<u8>| -> Result<WriteRequest> {
                let put = PutRequest::builder()
                    .item("id", attribute(keys, id))
                    .item("expires", AttributeValue::N("1800000000".into()));
                Ok(WriteRequest::builder().put_request(put.build()?).build())
            };
            let writes = some.iter().map(write).collect::<Result<Vec<_>>>()?;
            let answer = self.client.batch_write_item().request_items(table, writes).send().await?;
            ensure!(answer.unprocessed_items().is_none_or(HashMap::is_empty), "the server is too slow");
        }
        Ok(())
    }

    async fn naive_check(&self, keys: Keys, ids: &[Vec<u8>]) -> Result<usize> {
        let ((table, _), mut found) = (table(keys), 0);
        for some in ids.chunks(MOST.1) {
            let asked =
                some.iter().map(|id| HashMap::from([("id".to_owned(), attribute(keys, id))])).collect();
            let asked = KeysAndAttributes::builder().set_keys(Some(asked)).consistent_read(true).build()?;
            let answer = self.client.batch_get_item().request_items(table, asked).send().await?;
            let items = answer.responses().and_then(|tables| tables.get(table)).context("no answer")?;
            found += items.len();
        }
        Ok(found)
    }

    async fn naive_bytes(&self, keys: Keys) -> Result<Option<u64>> {
        self.size(table(keys).0).await.map(Some)
    }
}
