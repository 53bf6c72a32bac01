//! File to file.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use velostream_testkit::load::Random;
use velostream_testkit::nemesis::{PATIENCE, ends_well, until};
use velostream_testkit::states::{Lines, StateServer};

use crate::{IDS, TRANSACTION_BYTES};

const KILLS: u32 = 5;
const DIFFERENT: usize = 40_000;

/// A worker that is killed five times in the middle of its work, and then may end. Where it is done too early it gets more
/// to do: only a kill that it meets at work counts.
pub(crate) fn killed(server: &StateServer) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let lines = Lines::new(dir.path(), DIFFERENT, 7)?;
    let job = server.give(lines.job(&format!("files-{}", server.kind())).top(IDS))?;
    let mut random = Random::new(7, 3);
    let mut kills = 0;
    for attempt in 0.. {
        ensure!(attempt < KILLS * 10, "it is always done before it can be killed");
        let mut worker = lines.at_work(&job)?;
        sleep(Duration::from_millis(random.below(15)));
        if worker.is_running()? {
            worker.kill()?;
            kills += 1;
        } else {
            ends_well(&worker.wait(PATIENCE)?)?;
            let more = (0..DIFFERENT / 4).map(|n| format!("line {attempt} of those after all {n}"));
            lines.add(&format!("5{attempt:02}"), &more.collect::<Vec<_>>())?;
        }
        if kills == KILLS {
            break;
        }
    }
    ends_well(&job.run_until_caught_up("w0")?)?;
    lines.expect_each_once()?;
    // Whatever comes later and was delivered before any of the kills is recognised.
    let again = lines.expected()?.into_iter().step_by(7).chain(["fresh".to_owned()]);
    lines.add("9", &again.collect::<Vec<_>>())?;
    ends_well(&job.run_until_caught_up("w0")?)?;
    lines.expect_each_once()
}

/// A worker whose state store is killed under it and comes back with what it has acknowledged. It waits for more lines, and
/// gets some while the store is away: however busy the machine is, it cannot be done before.
pub(crate) fn server_killed(server: &mut StateServer) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let lines = Lines::new(dir.path(), DIFFERENT / 4, 8)?;
    let job = server.give(lines.job("away").source("follow: true").top(IDS))?;
    let mut worker = lines.at_work(&job)?;
    server.kill()?;
    let more: Vec<String> = (0..DIFFERENT / 4).map(|n| format!("line of those after the kill {n}")).collect();
    lines.add("9", &more)?;
    worker.await_log("will recover", StateServer::PATIENCE)?;
    server.restart()?;
    // More than one transaction holds: the same worker goes on.
    let held = lines.written();
    until(|| lines.written() > held + 3 * TRANSACTION_BYTES).with_context(|| worker.log())?;
    ends_well(&worker.terminate(PATIENCE)?)?;
    ends_well(&job.run_until_caught_up("w0")?)?;
    lines.expect_each_once_in_any_order()
}
