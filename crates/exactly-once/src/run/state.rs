//! The state store of a job that needs one: the one place that knows which backends there are.

use std::sync::Arc;
use std::time::Duration;

use velostream_core::{
    Clock, Code, ConditionalStore, Disposition, Error, InstanceName, JobName, Nonce, Result,
};
use velostream_ledger::{Ledger, LedgerConfig, StateStore, TaskId};
use velostream_processor::Deduplication;
use velostream_record_id::{CompositeFields, RecordIdStrategy};

use crate::config::{JobFile, RecordIds};
use crate::settings;

/// Time buckets of a window: ids leave the store in steps of this part of it.
const BUCKETS: u32 = 24;

/// What the job's lane needs to tell records apart by what they hold; `None` where their place in the source does.
///
/// # Errors
/// `Reject`: [`Code::StoreInUse`] where another worker has the store, [`Code::Config`] where this program was built
/// without it; as the store.
pub(crate) async fn deduplication(
    job: &JobFile,
    owner: &InstanceName,
    clock: &Arc<dyn Clock>,
) -> Result<Option<Deduplication>> {
    let Some(strategy) = strategy(&job.exactly_once.record_id_strategy)? else { return Ok(None) };
    let store = open(job, clock).await?;
    store.health_check(HEALTH_DEADLINE).await?;
    Ok(Some(settings::deduplication(
        job,
        strategy,
        store,
        task(&job.job)?,
        owner.clone(),
        Nonce(rand::random()),
    )))
}

/// Longest wait for the first sign of life of a store.
const HEALTH_DEADLINE: Duration = Duration::from_secs(10);

/// The one task of a job: its only lane sees all records.
pub(crate) fn task(job: &JobName) -> Result<TaskId> {
    Ok(TaskId::new(&format!("{job}.lane-0"))?)
}

fn strategy(ids: &RecordIds) -> Result<Option<RecordIdStrategy>> {
    Ok(match ids {
        RecordIds::SourcePosition => None,
        RecordIds::ContentHash => Some(RecordIdStrategy::ContentHash),
        RecordIds::Composite(composite) => {
            Some(RecordIdStrategy::Composite { fields: CompositeFields::parse(&composite.fields)? })
        }
    })
}

/// The state of a job in its store.
///
/// # Errors
/// As [`deduplication`].
async fn open(job: &JobFile, clock: &Arc<dyn Clock>) -> Result<Arc<dyn StateStore>> {
    Ok(Arc::new(ledger(job, backend(job).await?, clock)))
}

/// The state of a job in a store that is open.
pub(crate) fn ledger(
    job: &JobFile,
    backend: Arc<dyn ConditionalStore>,
    clock: &Arc<dyn Clock>,
) -> Ledger<dyn ConditionalStore> {
    let mut config = LedgerConfig::default();
    config.bucket_width = (job.exactly_once.deduplication_window / BUCKETS).max(Duration::from_millis(1));
    Ledger::new(backend, Arc::clone(clock), config)
}

/// Opens the store of a job. A new backend gets its line here and in [`StateStoreConfig`](crate::config::StateStoreConfig).
///
/// # Errors
/// As [`deduplication`].
pub(crate) async fn backend(job: &JobFile) -> Result<Arc<dyn ConditionalStore>> {
    match job.state_store() {
        #[cfg(feature = "store-redb")]
        crate::config::StateStoreConfig::Redb(redb) => {
            let config = velostream_store_redb::Config::new(redb.path());
            Ok(Arc::new(velostream_store_redb::RedbStore::open(config).await?))
        }
        #[cfg(feature = "store-memory")]
        crate::config::StateStoreConfig::Memory(_) => {
            Ok(Arc::new(velostream_store_memory::MemoryStore::new()))
        }
        #[allow(unreachable_patterns, reason = "reachable where a store is not compiled in")]
        _ => Err(Error::new(
            Code::Config,
            Disposition::Reject,
            format!("job {}: this program was built without the state store that it names", job.job),
        )),
    }
}
