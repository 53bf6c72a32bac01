//! What every refusal has to be.

use anyhow::{Context as _, Result, ensure};
use velostream_testkit::load::settled_end_offsets;
use velostream_testkit::nemesis::{Ended, Job, Scene};

/// Checks code, places and exit code of a command that failed, and prints what it said.
pub(crate) fn expect(ended: &Ended, code: &str, exit: i32, places: &[&str]) -> Result<()> {
    let message = ended.message();
    println!("exit {:?}\n{message}\n", ended.code);
    ensure!(ended.code == Some(exit), "exit code {:?} instead of {exit}:\n{}", ended.code, ended.stderr);
    let line = ended.error_line().context("no line `error: VS-nnnn: ...`")?;
    ensure!(line.starts_with(&format!("error: {code}: ")), "{line}");
    for place in places {
        ensure!(message.contains(place), "the message does not name {place}:\n{message}");
    }
    let remedy = message.contains("remedy: ") || message.contains("help: ");
    ensure!(remedy, "the message does not say what to do:\n{message}");
    ensure!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    Ok(())
}

/// Runs a job that must be refused and leave the sink topic as it was.
pub(crate) fn expect_untouched(
    scene: &Scene,
    job: &Job,
    sink_topic: &str,
    code: &str,
    places: &[&str],
) -> Result<()> {
    let before = settled_end_offsets(&scene.sink, sink_topic)?;
    expect(&job.run_until_caught_up("w0")?, code, 1, places)?;
    let after = settled_end_offsets(&scene.sink, sink_topic)?;
    ensure!(before == after, "the sink topic went from {before:?} to {after:?}");
    Ok(())
}
