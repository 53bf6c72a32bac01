//! Making what a store needs before its first use.

use velostream_core::{Code, Disposition, Error, Result};

use super::{attested, explained, place};
use crate::config::{JobFile, StateStoreConfig};

/// Makes tables where the job's store needs some, and checks that the server keeps its class. What is there stays.
///
/// # Errors
/// `Reject` with [`Code::Config`] where the job keeps its state in memory; as the store.
///
/// # Crash safety
/// May be repeated.
pub(crate) async fn prepare(job: &JobFile) -> Result<()> {
    let made = match job.state_store() {
        StateStoreConfig::Memory(_) => {
            let what = format!("job {}: its state ends with its process", job.job);
            return Err(Error::new(Code::Config, Disposition::Reject, what)
                .with_remedy("Name a store in `state_store` that keeps it."));
        }
        #[cfg(feature = "store-postgres")]
        StateStoreConfig::Postgres(postgres) => {
            velostream_store_postgres::migrate(&crate::settings::postgres::store(&postgres)).await
        }
        #[cfg(feature = "store-dynamodb")]
        StateStoreConfig::DynamoDb(dynamodb) => {
            let config = crate::settings::dynamodb::store(&dynamodb);
            match velostream_store_dynamodb::DynamoStore::connect(config).await {
                Ok(store) => store.create_table().await,
                Err(error) => Err(error),
            }
        }
        // Nothing to make, or made when it is opened.
        _ => Ok(()),
    };
    made.map_err(|error| explained(&place(job), error))?;
    attested(job).await.map(|_| ())
}
