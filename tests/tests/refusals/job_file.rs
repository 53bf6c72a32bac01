//! Mistakes in the job file.

use anyhow::Result;
use velostream_testkit::nemesis::{Job, run};

use crate::refusal::expect;

/// A sound job for clusters that nobody has to reach.
fn job(dir: &tempfile::TempDir) -> Job {
    Job::kafka("orders-dr", dir.path(), "127.0.0.1:1", "127.0.0.1:2", &["orders"])
}

/// Both `run` and `check` refuse it, in the same words.
fn expect_refused(job: &Job, places: &[&str]) -> Result<()> {
    let path = job.write()?;
    let path = path.to_string_lossy();
    let limit = std::time::Duration::from_secs(30);
    expect(&run(&["run", &path, "--until-caught-up"], limit)?, "VS-0001", 78, places)?;
    let checked = run(&["check", &path], limit)?;
    anyhow::ensure!(checked.code == Some(78), "{checked:?}");
    Ok(())
}

#[test]
fn unknown_field_is_refused_with_its_line() -> Result<()> {
    let dir = tempfile::tempdir()?;
    expect_refused(&job(&dir).top("colour: blue"), &["orders-dr.yaml:12", "colour"])
}

#[test]
fn misspelt_field_is_refused_with_the_field_that_was_meant() -> Result<()> {
    let dir = tempfile::tempdir()?;
    expect_refused(&job(&dir).sink("sesion_timeout: 9s"), &["sesion_timeout", "session_timeout", "yaml:"])
}

#[test]
fn wrong_type_is_refused_with_the_value_and_what_is_wanted() -> Result<()> {
    let dir = tempfile::tempdir()?;
    expect_refused(&job(&dir).top("lanes: several"), &["lanes", "several", "whole number", "yaml:12"])
}

#[test]
fn variable_that_is_not_set_is_refused_with_its_name() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let job = job(&dir).source("bootstrap_servers: \"${VELOSTREAM_NOT_SET_ANYWHERE}\"");
    expect_refused(&job, &["VELOSTREAM_NOT_SET_ANYWHERE", "yaml:5"])
}
