//! One worker from its start to its end.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use exactly_once::connector_file::Manifest;
use exactly_once::core::{Clock as _, Code, Disposition, Error, SourcePosition};
use exactly_once::processor::SystemClock;
use serde::Serialize;

use super::input::{Input, JOB};
use super::schedule::Moment;
use super::unwritable;
use crate::failure::Failure;

/// Pause between two looks at what is committed.
const LOOK: Duration = Duration::from_millis(2);

/// How a worker ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum End {
    /// With -9.
    Killed,
    /// Everything was delivered.
    ByItself,
}

/// What one worker came to.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Life {
    /// From 1.
    pub(crate) life: u32,
    pub(crate) end: End,
    /// From the start of the process, milliseconds.
    pub(crate) lived_ms: u64,
    /// Records committed at its end, over all lives.
    pub(crate) committed_records: u64,
    /// Bytes that it wrote and did not commit: the next one takes them back.
    pub(crate) uncommitted_bytes: u64,
}

/// A process that does not outlive the demo.
struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        // It may be gone already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Life {
    /// Starts a worker and kills it at the given moment; without one it ends by itself. A worker that ends before
    /// its moment has done all the work.
    pub(crate) fn live(
        input: &Input,
        life: u32,
        moment: Option<Moment>,
        stall: Duration,
    ) -> Result<Self, Failure> {
        let log = input.directory.join(format!("worker-{life}.log"));
        let clock = SystemClock::new();
        let mut worker = start(input, &log)?;
        let end = watch(&mut worker.0, input, &log, moment, stall, &clock)?;
        // Only what the process can no longer change is counted.
        drop(worker);
        let lived_ms = u64::try_from(clock.monotonic().as_millis()).unwrap_or(u64::MAX);
        let manifest = manifest(input)?;
        Ok(Self {
            life,
            end,
            lived_ms,
            committed_records: manifest.as_ref().map_or(0, records),
            uncommitted_bytes: uncommitted(input, manifest.as_ref())?,
        })
    }
}

fn start(input: &Input, log: &Path) -> Result<Worker, Failure> {
    let program = std::env::current_exe().map_err(|e| unwritable(Path::new("velostream"), e))?;
    let stderr = File::create(log).map_err(|e| unwritable(log, e))?;
    let child = Command::new(&program)
        .args(["run", JOB, "--no-progress", "--instance", "demo"])
        .current_dir(&input.directory)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(stderr)
        .spawn();
    child.map(Worker).map_err(|e| unwritable(&program, e))
}

/// Waits for the moment of the kill, or for the end.
fn watch(
    child: &mut Child,
    input: &Input,
    log: &Path,
    moment: Option<Moment>,
    stall: Duration,
    clock: &SystemClock,
) -> Result<End, Failure> {
    let mut seen = None;
    let mut seen_at = clock.monotonic();
    loop {
        if let Some(status) = child.try_wait().map_err(|e| unwritable(log, e))? {
            return if status.success() { Ok(End::ByItself) } else { Err(failed(log, &status.to_string())) };
        }
        let now = clock.monotonic();
        let committed = manifest(input)?.as_ref().map_or(0, records);
        if seen != Some(committed) {
            (seen, seen_at) = (Some(committed), now);
        }
        match moment {
            Some(Moment::AfterStart(after)) if now >= after => break,
            Some(Moment::AfterRecords(records, after)) if committed >= records => {
                thread::sleep(after);
                break;
            }
            _ if now.saturating_sub(seen_at) >= stall => return Err(failed(log, "no progress")),
            _ => thread::sleep(LOOK),
        }
    }
    // SIGKILL: the process gets no chance to tidy up. One that ended meanwhile did all its work.
    let ended = child.kill().and_then(|()| child.wait()).map_err(|e| unwritable(log, e))?;
    Ok(if ended.success() { End::ByItself } else { End::Killed })
}

fn failed(log: &Path, how: &str) -> Failure {
    let said = fs::read_to_string(log).unwrap_or_default();
    let last = said.lines().rfind(|line| line.starts_with("error:")).unwrap_or("it said nothing");
    let text = format!("a worker of the demo failed ({how}): {last}");
    Error::new(Code::Internal, Disposition::Reject, text)
        .with_remedy(format!("Its log is {}.", log.display()))
        .into()
}

fn manifest(input: &Input) -> Result<Option<Manifest>, Failure> {
    Ok(Manifest::newest(&input.output()).map_err(Error::from)?)
}

/// A position of a file counts the lines in front of it.
fn records(manifest: &Manifest) -> u64 {
    let lines = |position: &SourcePosition| match position {
        SourcePosition::File { line, .. } => *line,
        _ => 0,
    };
    manifest.splits.values().map(|split| lines(&split.position)).sum()
}

fn uncommitted(input: &Input, manifest: Option<&Manifest>) -> Result<u64, Failure> {
    let output = input.output();
    let entries = match fs::read_dir(&output) {
        Ok(entries) => entries,
        // Killed before it had made the directory.
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(e) => return Err(unwritable(&output, e)),
    };
    let mut written = 0;
    for entry in entries {
        let metadata = entry.and_then(|e| e.metadata()).map_err(|e| unwritable(&output, e))?;
        if metadata.is_file() {
            written += metadata.len();
        }
    }
    let committed: u64 = manifest.iter().flat_map(|m| &m.files).map(|file| file.bytes).sum();
    Ok(written.saturating_sub(committed))
}
