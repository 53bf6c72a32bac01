//! Settings of the DynamoDB store.

use velostream_store_dynamodb as store;

use crate::config::{AwsCredentials, DynamoDbStateConfig, Secret, StoreClass, TableRegions};

/// Settings of the store.
#[must_use]
pub fn store(dynamodb: &DynamoDbStateConfig) -> store::Config {
    let mut settings = store::Config::new(dynamodb.table.as_str());
    settings.region.clone_from(&dynamodb.region);
    settings.endpoint_url.clone_from(&dynamodb.endpoint_url);
    settings.credentials = dynamodb.credentials.as_ref().map(credentials);
    settings.regions = match &dynamodb.regions {
        TableRegions::One => store::Regions::One,
        TableRegions::Eventual(eventual) => store::Regions::Eventual { home: eventual.home.clone() },
        TableRegions::Strong(strong) => {
            store::Regions::Strong { replicas: strong.replicas.clone(), witness: strong.witness.clone() }
        }
    };
    settings.class = dynamodb.class.map(StoreClass::durability);
    settings.connect_timeout = dynamodb.connect_timeout;
    settings.request_timeout = dynamodb.request_timeout;
    settings
}

fn credentials(keys: &AwsCredentials) -> store::Credentials {
    let plain = |secret: &Secret| secret.expose().to_owned();
    store::Credentials {
        access_key_id: plain(&keys.access_key_id),
        secret_access_key: plain(&keys.secret_access_key),
        session_token: keys.session_token.as_ref().map(plain),
    }
}

/// What the store refuses without a server: the setting, and why.
pub(crate) fn refusal(dynamodb: &DynamoDbStateConfig) -> Option<(&'static str, String)> {
    match store(dynamodb).validate() {
        Ok(()) => None,
        Err(store::Error::Config { setting, why }) => Some((setting, why.to_owned())),
        Err(store::Error::Weak { setting, why, .. }) => Some((setting, why)),
        Err(error) => Some(("table", error.to_string())),
    }
}
