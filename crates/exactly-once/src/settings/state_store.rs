//! What a state store refuses of its settings, without a server.

use crate::config::StateStoreConfig;

/// The setting and why it is refused; `None` where nothing is, or where this program was built without the store.
pub(crate) fn refusal(store: &StateStoreConfig) -> Option<(&'static str, String)> {
    match store {
        #[cfg(feature = "store-redis")]
        StateStoreConfig::Redis(redis) => super::redis::refusal(redis),
        #[cfg(feature = "store-postgres")]
        StateStoreConfig::Postgres(postgres) => super::postgres::refusal(postgres),
        #[cfg(feature = "store-dynamodb")]
        StateStoreConfig::DynamoDb(dynamodb) => super::dynamodb::refusal(dynamodb),
        _ => None,
    }
}
