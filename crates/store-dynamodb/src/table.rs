//! Creating the table.

use std::time::Duration;

use aws_sdk_dynamodb::client::Waiters as _;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use velostream_core::Result;

use crate::failure::{Failure, sort};
use crate::item::{KEY, PARTITION};
use crate::{DynamoStore, Error};

/// How long a new table may take to become usable; the service needs seconds.
const CREATED_WITHIN: Duration = Duration::from_secs(120);

impl DynamoStore {
    /// Creates the table in the client's region, billed by request, and waits until it can be used. One that exists is
    /// left as it is. Replicas in other regions are added by the operator: the service lets them be added later, or
    /// for strong consistency only while the table is empty.
    ///
    /// # Errors
    /// `Refused` -> Reject, `NotApplied` -> Retry, `Unknown` -> Reconcile; repeating is harmless.
    pub async fn create_table(&self) -> Result<()> {
        let mut request =
            self.client.create_table().table_name(self.table()).billing_mode(BillingMode::PayPerRequest);
        for (name, kind) in [(PARTITION, KeyType::Hash), (KEY, KeyType::Range)] {
            let key = KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
            let attribute = AttributeDefinition::builder()
                .attribute_name(name)
                .attribute_type(ScalarAttributeType::S)
                .build();
            let unbuilt = |_| Error::Corrupt { table: self.table().to_owned(), why: "a key without a name" };
            request =
                request.key_schema(key.map_err(unbuilt)?).attribute_definitions(attribute.map_err(unbuilt)?);
        }
        if let Err(error) = request.send().await
            && !error.as_service_error().is_some_and(|error| error.is_resource_in_use_exception())
        {
            return Err(sort(self.table(), "CreateTable", &error).into());
        }
        let exists =
            self.client.wait_until_table_exists().table_name(self.table()).wait(CREATED_WITHIN).await;
        exists.map(|_| ()).map_err(|_| {
            let failure = Failure::of("the table does not become active");
            Error::NotApplied { table: self.table().to_owned(), doing: "CreateTable", failure }.into()
        })
    }
}
