//! Whether somebody alive holds the state of a job, where no lock of one host says it.

use tracing::info;
use velostream_core::{Clock, Code, ConditionalStore, Disposition, Error, InstanceName, Result};
use velostream_ledger::{LeaseWatch, Ledger, StateStore as _, TaskId};

use crate::config::JobFile;
use crate::settings::LEASE;

/// Looks in one lease.
const LOOKS: u32 = 18;

/// Returns once nobody but `me` holds the task: at once where it was given back or is held under this very name, since the
/// lock of a name proves its earlier process dead; else after a whole lease without a sign of life. Liveness only: who
/// claims fences whoever held the task before.
///
/// # Errors
/// `Reject` with [`Code::StoreInUse`] as soon as the holder shows life; as the store.
pub(crate) async fn await_gone(
    job: &JobFile,
    state: &Ledger<dyn ConditionalStore>,
    task: &TaskId,
    me: Option<&InstanceName>,
    clock: &dyn Clock,
) -> Result<()> {
    let mut watch = LeaseWatch::new(LEASE);
    let mut first = None;
    loop {
        let Some(found) = state.observe(task).await? else { return Ok(()) };
        let Some(owner) = found.owner.clone().filter(|owner| Some(owner) != me) else { return Ok(()) };
        if first.is_none() {
            info!(%task, %owner, seconds = LEASE.as_secs(), "the state of this job is held; waiting for a sign of life");
        }
        let life = (found.epoch, found.nonce, found.lease);
        if *first.get_or_insert(life) != life {
            let what = format!(
                "job {}: worker {owner} has its state in {} and works on it",
                job.job,
                super::place(job)
            );
            return Err(Error::new(Code::StoreInUse, Disposition::Reject, what));
        }
        if watch.has_run_out(&found, clock.monotonic()) {
            return Ok(());
        }
        clock.sleep(LEASE / LOOKS).await;
    }
}
