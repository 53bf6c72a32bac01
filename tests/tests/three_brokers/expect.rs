//! What a worker that must not go on says.

use anyhow::{Context as _, Result, ensure};
use velostream_testkit::nemesis::Ended;

/// Fails where a worker did not stop with this code, or its message lacks a place.
pub(crate) fn refusal(ended: &Ended, code: &str, places: &[&str]) -> Result<()> {
    let message = ended.message();
    println!("{message}\n");
    ensure!(ended.code == Some(1), "exit code {:?}:\n{}", ended.code, ended.stderr);
    let line = ended.error_line().context("no line `error: VS-nnnn: ...`")?;
    ensure!(line.starts_with(&format!("error: {code}: ")), "{line}");
    for place in places {
        ensure!(message.contains(place), "the message does not name {place}:\n{message}");
    }
    Ok(())
}
