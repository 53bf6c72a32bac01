//! A section of docs/TEST-REPORT.md.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use velostream_testkit::proxy::{Api, Cut};
use velostream_testkit::services::repository_root;

use super::goals::held_or_doubled;
use super::progress::Progress;

/// How much of what is missing a section names.
const SHOWN: usize = 12;

const TITLE: &str =
    "# Test report\n\nWhat long runs have found, each appended by the command that it names.\n";

/// The section about this run, and about all of the seed so far.
pub(crate) fn section(
    seed: u64,
    progress: &Progress,
    first: u64,
    elapsed: Duration,
    missing: &[String],
    outcome: &Result<()>,
) -> Result<String> {
    let tally = &progress.tally;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let verdict = match outcome {
        Err(error) => format!("FAILED: {}", format!("{error:#}").lines().next().unwrap_or_default()),
        Ok(()) if missing.is_empty() => "everything asked was reached, nothing was wrong".to_owned(),
        Ok(()) => format!("nothing was wrong; not reached: {}", some_of(missing)),
    };
    let wrong = (tally.lost, tally.doubled, tally.reordered);
    let mut rows = vec![
        ("rounds", format!("{first} to {} in {} s", progress.next.saturating_sub(1), elapsed.as_secs())),
        (
            "rounds so far",
            format!("{} with transaction.version 2, {} with 0", tally.rounds_v2, tally.rounds_v1),
        ),
        ("rounds that failed", format!("{:?}", progress.failed)),
        ("seconds so far", progress.seconds.to_string()),
        ("records", tally.records.to_string()),
        ("lost / doubled / reordered", format!("{} / {} / {}", wrong.0, wrong.1, wrong.2)),
        ("kill -9 of workers", tally.kills.to_string()),
        ("pauses past the session", format!("{}, of which {} zombies noticed", tally.pauses, tally.zombies)),
        (
            "broker restarts",
            format!(
                "{} ({} by kill -9, {} in order)",
                tally.restarts(),
                tally.broker_kills,
                tally.broker_stops
            ),
        ),
        ("workers that gave up at their start", tally.gave_up.to_string()),
        ("faults whose worker was never in the state", tally.missed.to_string()),
    ];
    for (what, cut) in [
        ("cuts both ways", Cut::Both),
        ("cuts of requests", Cut::ToBroker),
        ("cuts of replies", Cut::FromBroker),
    ] {
        rows.push((what, tally.cuts(Some(cut)).to_string()));
    }
    for (what, api) in [
        ("held or doubled Produce", Api::Produce),
        ("held or doubled TxnOffsetCommit", Api::TxnOffsetCommit),
        ("held or doubled EndTxn", Api::EndTxn),
    ] {
        rows.push((what, held_or_doubled(tally, api).to_string()));
    }
    let table: String = rows.iter().map(|(what, count)| format!("| {what} | {count} |\n")).collect();
    Ok(format!(
        "## Torture, seed {seed}, {date}\n\n`cargo xtask {command}` at commit {commit}, on {machine}: {verdict}.\n\n| what | count |\n|---|---|\n{table}\nFaults by what the worker was doing:\n\n```text\n{states}\n```\n\nFaults of frames by request:\n\n```text\n{frames}\n```\n",
        date = now()?,
        command = arguments.join(" "),
        commit = commit()?,
        machine = machine(),
        states = tally.states,
        frames = tally.frames,
    ))
}

/// Adds it to the page.
///
/// # Errors
/// When the page cannot be written.
pub(crate) fn append(section: &str) -> Result<()> {
    let path = repository_root().join("docs/TEST-REPORT.md");
    let is_new = !path.exists();
    let mut file = fs::File::options()
        .create(true)
        .append(true)
        .open(&path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    if is_new {
        file.write_all(TITLE.as_bytes())?;
    }
    file.write_all(format!("\n{section}").as_bytes())?;
    Ok(())
}

/// The first few, and how many more.
fn some_of(missing: &[String]) -> String {
    let shown = missing.get(..SHOWN.min(missing.len())).unwrap_or_default().join("; ");
    match missing.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown}; and {more} more"),
    }
}

/// The time as a section shows it.
///
/// # Errors
/// When there is no `date`.
pub(crate) fn now() -> Result<String> {
    said("date", &["-u", "+%Y-%m-%d %H:%M UTC"])
}

/// The commit that is tried.
///
/// # Errors
/// When there is no `git`.
pub(crate) fn commit() -> Result<String> {
    let head = said("git", &["rev-parse", "--short", "HEAD"])?;
    let changed = !said("git", &["status", "--porcelain", "--untracked-files=no"])?.is_empty();
    Ok(if changed { format!("{head} with changes") } else { head })
}

/// What it ran on.
pub(crate) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = fs::read_to_string(PathBuf::from("/proc/meminfo")).unwrap_or_default();
    let kib = memory.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib: u64 = kib.and_then(|text| text.split_whitespace().next()?.parse().ok()).unwrap_or_default();
    format!("{cores} cores and {} GB", kib / 1_000_000)
}

fn said(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(repository_root())
        .output()
        .with_context(|| format!("cannot start {program}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
