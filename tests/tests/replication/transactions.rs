//! Transactions at the source: only what was committed is delivered.

use anyhow::Result;
use velostream_testkit::load::{LoadPlan, produce};
use velostream_testkit::nemesis::{NO_EXPIRY, Scene};

/// Matching aborted data by producer alone would drop what the same producer commits afterwards.
#[test]
fn producer_that_aborts_then_commits_has_its_committed_records_delivered_and_no_other() -> Result<()> {
    let scene = Scene::new("aborts")?;
    scene.create(2, &NO_EXPIRY)?;
    let mut plan = LoadPlan::realistic(&scene.name, 2, 6_000, 41).transactional(200, 1);
    plan.codecs.truncate(1);
    let sent = produce(&scene.source, &plan)?;
    assert_eq!(sent.aborted, 6_000);
    scene.deliver(&scene.job())?;
    scene.expect_identical(&scene.name, 6_000)?;
    Ok(())
}
