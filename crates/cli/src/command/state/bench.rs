//! `state bench`: what a batch of ids costs in the store of a job.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::Args;
use exactly_once::JobState;
use exactly_once::config::JobFile;
use exactly_once::job_state::{BenchPlan, Benched, Spread};

use crate::failure::Failure;
use crate::output;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct BenchArguments {
    /// The job file whose `state_store` is measured
    #[arg(long, value_name = "JOB.yaml")]
    store_of: PathBuf,
    /// Batches that begin and are committed, and as many again in the steady state
    #[arg(long, value_name = "N", default_value = "100")]
    batches: NonZeroU32,
    /// Ids of a batch
    #[arg(long, value_name = "N", default_value = "1000")]
    ids: NonZeroU32,
}

const EXAMPLES: &str = "\
Examples:
  velostream state bench --store-of orders-dr.yaml
  velostream state bench --store-of orders-dr.yaml --batches 20 --ids 10000 -o json

Nothing of the job is touched: ids are written under the task JOB.bench, which is deleted at the end; in place of a file
one beside it is used. A server has the load all the same. Another bench of the same job that is at work is not
disturbed (VS-0055), and what one left behind that was killed is deleted after 9 seconds without a sign of life.";

pub(super) async fn run(arguments: &BenchArguments) -> Result<Benched, Failure> {
    let plan = BenchPlan { batches: arguments.batches, ids: arguments.ids };
    Ok(JobState::bench(&JobFile::load(&arguments.store_of)?, plan).await?)
}

pub(super) fn table(done: &Benched) -> String {
    let spread = |what: &str, Spread { p50_ms, p99_ms, .. }: Spread| {
        vec![what.to_owned(), format!("{p50_ms:.2}"), format!("{p99_ms:.2}")]
    };
    let times = output::columns(
        &["ms", "p50", "p99"],
        [
            spread("begin + commit", done.begin_and_commit),
            spread("commit + next begin", done.commit_and_next_begin),
            spread("claim", done.claim),
        ],
    );
    format!(
        "{}, class {}: {} batches of {} ids, and as many in the steady state\n\n{times}\n{:.2} calls of the store per batch in \
         the steady state (commit + next begin)\n{:.1} ms until a new owner has read {} ids\n",
        done.store,
        done.class,
        done.batches,
        done.ids_per_batch,
        done.calls_per_batch,
        done.read_by_new_owner_ms,
        done.tracked_records,
    )
}
