//! The SDK's client, from the settings.

use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Credentials;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;

use crate::Config;

/// Builds a client; nothing is sent to the table yet.
pub(crate) async fn client(config: &Config) -> Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(config.connect_timeout)
        .operation_attempt_timeout(config.request_timeout)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts);
    if let Some(region) = &config.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(url) = &config.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    if let Some(keys) = &config.credentials {
        let (id, secret) = (keys.access_key_id.clone(), keys.secret_access_key.clone());
        let credentials = Credentials::new(id, secret, keys.session_token.clone(), None, "velostream");
        loader = loader.credentials_provider(credentials);
    }
    Client::new(&loader.load().await)
}
