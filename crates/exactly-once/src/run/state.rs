//! The state store of a job that needs one: the one place that knows which backends there are.

mod holder;
mod prepare;

use std::sync::Arc;
use std::time::Duration;

use velostream_core::{
    Clock, Code, ConditionalStore, Disposition, Error, InstanceName, JobName, Member, Nonce, Result,
    SharedIds,
};
use velostream_ledger::{Ledger, LedgerConfig, ObservedStore, TaskId};
use velostream_processor::{Deduplication, ExactlyOnceMetrics, Sharing};
use velostream_record_id::{CompositeFields, RecordIdStrategy};

use crate::config::{JobFile, RecordIds};
use crate::settings;

pub(crate) use holder::await_gone;
pub(crate) use prepare::prepare;

/// Time buckets of a window: ids leave the store in steps of this part of it.
const BUCKETS: u32 = 24;

/// What the job's lane needs to tell records apart by what they hold; `None` where their place in the source does.
///
/// The store is opened, its settings are checked against the class that the job file claims, and nobody else may hold the
/// job's task.
///
/// # Errors
/// `Reject`: [`Code::StoreInUse`] where another worker has the store, [`Code::StoreWeak`] where it does not keep its class,
/// [`Code::Config`] where this program was built without it; as the store.
pub(crate) async fn deduplication(
    job: &JobFile,
    owner: &InstanceName,
    clock: &Arc<dyn Clock>,
    metrics: &ExactlyOnceMetrics,
) -> Result<Option<Deduplication>> {
    let Some(strategy) = strategy(&job.exactly_once.record_id_strategy)? else { return Ok(None) };
    let backend = attested(job).await?.observed(clock, metrics);
    let state = ledger(job, Arc::clone(&backend.store), clock);
    let task = task(&job.job)?;
    let sharing = sharing(job, &backend)?;
    if job.state_store().is_shared() {
        await_gone(job, &state, &task, Some(owner), clock.as_ref()).await.map_err(|error| {
            // The first call that touches the job's own keys: what the rights do not cover shows here.
            if error.code() == Code::StoreUnavailable { explained(&place(job), error) } else { error }
        })?;
    }
    Ok(Some(settings::deduplication(
        job,
        strategy,
        Arc::new(state),
        task,
        owner.clone(),
        Nonce(rand::random()),
        sharing,
    )))
}

/// The set of ids that the job shares with others, and its member there; `None` where its ids are its own.
pub(crate) fn sharing(job: &JobFile, backend: &Backend) -> Result<Option<Sharing>> {
    let Some(set) = &job.exactly_once.shared_ids else { return Ok(None) };
    let member = Member::new(set, task(&job.job)?.as_str())?;
    let ids = backend.ids.clone().ok_or_else(|| {
        let what = format!("{}: this store has no sets of ids that jobs share", place(job));
        Error::new(Code::Config, Disposition::Reject, what)
    })?;
    Ok(Some(Sharing { ids, member }))
}

/// A store that is open.
#[derive(Debug, Clone)]
pub(crate) struct Backend {
    pub(crate) store: Arc<dyn ConditionalStore>,
    /// Its sets of ids that jobs share, where it has some.
    pub(crate) ids: Option<Arc<dyn SharedIds>>,
}

impl Backend {
    #[allow(dead_code, reason = "used by each store that is compiled in")]
    fn plain(store: impl ConditionalStore + 'static) -> Self {
        Self { store: Arc::new(store), ids: None }
    }

    #[allow(dead_code, reason = "used by each store that is compiled in")]
    fn with_ids(store: impl ConditionalStore + SharedIds + 'static) -> Self {
        let store = Arc::new(store);
        Self { ids: Some(Arc::clone(&store) as _), store }
    }

    /// Its calls show in the metrics.
    fn observed(self, clock: &Arc<dyn Clock>, metrics: &ExactlyOnceMetrics) -> Self {
        let observer = || Arc::new(metrics.clone());
        let ids = self.ids.map(|ids| ObservedStore::new(ids, Arc::clone(clock), observer()));
        let store = ObservedStore::new(self.store, Arc::clone(clock), observer());
        Self { store: Arc::new(store), ids: ids.map(|ids| Arc::new(ids) as _) }
    }
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

/// The store of a job, open, whose server keeps what the job file claims.
///
/// # Errors
/// As [`deduplication`].
pub(crate) async fn attested(job: &JobFile) -> Result<Backend> {
    let backend = backend(job).await?;
    let store = &backend.store;
    let place = place(job);
    store.attest().await.map_err(|error| explained(&place, error))?;
    store.health_check(HEALTH_DEADLINE).await.map_err(|error| explained(&place, error))?;
    Ok(backend)
}

/// Opens the store of a job. A new backend gets its line here and in [`StateStoreConfig`](crate::config::StateStoreConfig).
///
/// # Errors
/// As [`deduplication`].
pub(crate) async fn backend(job: &JobFile) -> Result<Backend> {
    #[allow(unused_imports, reason = "used by each store that is compiled in")]
    use crate::config::StateStoreConfig;
    let place = place(job);
    let opened: Result<Backend> = match job.state_store() {
        #[cfg(feature = "store-redb")]
        StateStoreConfig::Redb(redb) => {
            let config = velostream_store_redb::Config::new(redb.path());
            // It names its file, which is what people look for.
            return Ok(Backend::plain(velostream_store_redb::RedbStore::open(config).await?));
        }
        #[cfg(feature = "store-memory")]
        StateStoreConfig::Memory(_) => Ok(Backend::plain(velostream_store_memory::MemoryStore::new())),
        #[cfg(feature = "store-redis")]
        StateStoreConfig::Redis(redis) => {
            let opened = velostream_store_redis::RedisStore::open(settings::redis::store(&redis)).await;
            opened.map(Backend::with_ids)
        }
        #[cfg(feature = "store-postgres")]
        StateStoreConfig::Postgres(postgres) => {
            let config = settings::postgres::store(&postgres);
            let opened = velostream_store_postgres::PostgresStore::open(config).await;
            opened.map(Backend::with_ids)
        }
        #[cfg(feature = "store-dynamodb")]
        StateStoreConfig::DynamoDb(dynamodb) => {
            let config = settings::dynamodb::store(&dynamodb);
            let opened = velostream_store_dynamodb::DynamoStore::connect(config).await;
            opened.map(Backend::plain)
        }
        #[allow(unreachable_patterns, reason = "reachable where a store is not compiled in")]
        _ => Err(Error::new(
            Code::Config,
            Disposition::Reject,
            format!("job {}: this program was built without the state store that it names", job.job),
        )),
    };
    opened.map_err(|error| explained(&place, error))
}

/// Where the store stands in the job file.
pub(crate) fn place(job: &JobFile) -> String {
    format!("state_store.{}", job.state_store().key())
}

/// A store's own words, with the place in the job file and what to do there.
pub(crate) fn explained(place: &str, error: Error) -> Error {
    let own = error.has_own_remedy();
    let (code, disposition) = (error.code(), error.disposition());
    let error = error.within(place);
    match (code, disposition) {
        _ if own => error,
        (Code::StoreUnavailable, Disposition::Reject) => error.with_remedy(format!(
            "Correct in {place} what the server refuses: user, password, rights, database, table. \
             `velostream state init JOB.yaml` makes what a store needs."
        )),
        (Code::StoreUnavailable, _) => error.with_remedy(format!(
            "Start the server, or correct its address in {place}; `velostream check JOB.yaml --live` asks it."
        )),
        _ => error,
    }
}
