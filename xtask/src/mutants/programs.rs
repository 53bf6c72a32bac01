//! Test programs: built once, run with and without a deliberate defect.

use std::io::BufReader;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use cargo_metadata::{Message, TargetKind};

use crate::test_run::cargo;

/// The environment variable that chooses a defect.
const CHOICE: &str = "VELOSTREAM_MUTANT";

/// Signals by which somebody else ends a program: no verdict of its tests.
const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;

/// How often a running program is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// One test program.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    /// Directory of its crate below `crates`.
    pub(crate) home: String,
    /// Name of the target: a file below `tests`, or the library.
    pub(crate) target: String,
    /// The library's own unit tests.
    pub(crate) is_lib: bool,
    path: PathBuf,
    directory: PathBuf,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    Passed,
    /// The first test that failed; without one, what became of the program.
    Failed(String),
}

/// Builds the test programs of these crates with the defects inside.
///
/// # Errors
/// When something does not build.
pub(crate) fn build(crates: &[&str], target: &std::path::Path) -> Result<Vec<Program>> {
    let mut command =
        cargo(["test", "--no-run", "--lib", "--tests", "--message-format", "json-render-diagnostics"]);
    command.args(["--features", "velostream-core/mutants", "--package", "velostream-core"]);
    for one in crates {
        command.args(["--package", &format!("velostream-{one}")]);
    }
    let built = built(command.env("CARGO_TARGET_DIR", target))?;
    let mut programs = Vec::new();
    for (artifact, path) in built {
        let directory = artifact.manifest_path.parent().context("a package without a directory")?;
        let home = directory.file_name().unwrap_or_default().to_owned();
        let is_lib = artifact.target.kind.contains(&TargetKind::Lib);
        let target = artifact.target.name;
        programs.push(Program { home, target, is_lib, path, directory: directory.into() });
    }
    Ok(programs)
}

/// Builds the product's program with the defects inside.
///
/// # Errors
/// When it does not build.
pub(crate) fn build_product(target: &std::path::Path) -> Result<PathBuf> {
    let mut command = cargo(["build", "--message-format", "json-render-diagnostics"]);
    command.args(["--package", "velostream-core", "--package", "velostream-cli"]);
    command.args(["--features", "velostream-core/mutants"]);
    let built = built(command.env("CARGO_TARGET_DIR", target))?;
    let program = built.into_iter().find(|(artifact, _)| artifact.target.kind.contains(&TargetKind::Bin));
    Ok(program.context("cargo names no program")?.1)
}

/// Builds a suite on real servers. The defects are in the program that it starts, not in the suite itself.
///
/// # Errors
/// When it does not build.
pub(crate) fn build_suites(suites: &[&str]) -> Result<Vec<Program>> {
    let mut command = cargo(["test", "--no-run", "--message-format", "json-render-diagnostics"]);
    command.args(["--package", "velostream-testkit", "--features", "servers"]);
    for suite in suites {
        command.args(["--test", suite]);
    }
    let programs = built(&mut command)?.into_iter().map(|(artifact, path)| {
        let directory = artifact.manifest_path.parent().map(Into::into).unwrap_or_default();
        Program { home: "tests".into(), target: artifact.target.name, is_lib: false, path, directory }
    });
    Ok(programs.collect())
}

fn built(command: &mut Command) -> Result<Vec<(cargo_metadata::Artifact, PathBuf)>> {
    let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start cargo")?;
    let output = child.stdout.take().context("the output is piped")?;
    let mut found = Vec::new();
    for message in Message::parse_stream(BufReader::new(output)) {
        if let Message::CompilerArtifact(artifact) = message?
            && let Some(path) = artifact.executable.clone()
        {
            found.push((artifact, path.into()));
        }
    }
    if !child.wait()?.success() {
        bail!("the test programs do not build");
    }
    Ok(found)
}

impl Program {
    /// The name that people know it by.
    pub(crate) fn name(&self) -> String {
        if self.is_lib { format!("{} (unit)", self.home) } else { format!("{} {}", self.home, self.target) }
    }

    /// Runs its tests, all or those that a filter names, with or without a defect. A defect may make a test hang: after
    /// `limit` the program is ended and has failed.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn run(
        &self,
        mutant: Option<&str>,
        filter: &[&str],
        environment: &[(&str, String)],
        limit: Duration,
    ) -> Result<Ended> {
        let mut command = Command::new(&self.path);
        command.args(filter).current_dir(&self.directory).stdin(Stdio::null());
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        // What a property test finds here must not become a regression of the real code.
        command.env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "true").env_remove(CHOICE);
        if let Some(mutant) = mutant {
            command.env(CHOICE, mutant);
        }
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().context("test program")?;
        let output = child.stdout.take().context("the output is piped")?;
        let reading = std::thread::spawn(move || first_failure(BufReader::new(output)));
        let began = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break Some(status);
            }
            if began.elapsed() > limit {
                child.kill()?;
                child.wait()?;
                break None;
            }
            std::thread::sleep(LOOK);
        };
        let failure = reading.join().unwrap_or_default();
        if let Some(signal @ (SIGKILL | SIGTERM)) = status.and_then(|status| status.signal()) {
            bail!("{} was ended from outside, by signal {signal}", self.name());
        }
        Ok(match (status, failure) {
            (Some(status), None) if status.success() => Ended::Passed,
            (_, Some(test)) => Ended::Failed(test),
            (Some(status), None) => Ended::Failed(format!("the program ended with {status}")),
            (None, None) => Ended::Failed(format!("nothing within {} s", limit.as_secs())),
        })
    }
}

/// The first test that failed, by the lines of a test program.
fn first_failure(lines: impl std::io::BufRead) -> Option<String> {
    let mut first = None;
    for line in lines.lines().map_while(std::result::Result::ok) {
        let test = line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED"));
        if let Some(test) = test {
            first.get_or_insert_with(|| test.to_owned());
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use super::first_failure;

    #[test]
    fn first_failure_is_named_and_none_where_all_passed() {
        let text = "test a ... ok\ntest b::c ... FAILED\ntest d ... FAILED\n";
        assert_eq!(first_failure(text.as_bytes()).as_deref(), Some("b::c"));
        assert_eq!(first_failure("test a ... ok\n".as_bytes()), None);
    }
}
