//! The state store of a job, as it answers.

use std::sync::Arc;

use serde::Serialize;
use velostream_core::{Clock, Code, Result};
use velostream_ledger::StateStore as _;
use velostream_processor::SystemClock;

use super::problem::{Problems, Side};
use crate::config::{JobFile, StateStoreConfig};
use crate::run::state;

/// The state store of a job that needs one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StoreSeen {
    /// Its key in the job file.
    pub store: &'static str,
    /// What the job file claims of it.
    pub class: String,
    /// True where the server was asked and keeps it; a file or memory is not asked.
    pub attested: bool,
    /// The worker that holds the job's ids, or held them when it died.
    pub owner: Option<String>,
    /// Ids that are remembered, where the server was asked.
    pub tracked_records: Option<u64>,
}

/// `None` where the job needs none. A file is left alone: a worker may have it open.
pub(super) async fn look(job: &JobFile, problems: &mut Problems) -> Option<StoreSeen> {
    if !job.exactly_once.record_id_strategy.are_tracked() {
        return None;
    }
    let store = job.state_store();
    let mut seen = StoreSeen {
        store: store.key(),
        class: store.class().to_string(),
        attested: false,
        owner: None,
        tracked_records: None,
    };
    if let StateStoreConfig::Redb(redb) = &store
        && let Some(directory) = redb.path().parent().filter(|_| job.state_store.is_some())
        && !directory.as_os_str().is_empty()
        && !directory.is_dir()
    {
        problems.blocks(Side::Store, Code::StateIo, format!("{} is not a directory", directory.display()));
    }
    if store.is_shared()
        && let Err(error) = ask(job, &mut seen).await
    {
        problems.carried(Side::Store, &error);
    }
    if let Some(owner) = &seen.owner {
        let text = format!("worker {owner} holds the ids of the job, or held them when it died");
        problems.warns(
            Side::Store,
            Code::StoreInUse,
            text,
            "Nothing, if it is the one that will run; else stop it.",
        );
    }
    Some(seen)
}

async fn ask(job: &JobFile, seen: &mut StoreSeen) -> Result<()> {
    let store = state::attested(job).await?.store;
    seen.attested = true;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let found = state::ledger(job, store, &clock).observe(&state::task(&job.job)?).await?;
    seen.owner = found.as_ref().and_then(|task| task.owner.as_ref()).map(ToString::to_string);
    seen.tracked_records = Some(found.map_or(0, |task| task.tracked_records));
    Ok(())
}
