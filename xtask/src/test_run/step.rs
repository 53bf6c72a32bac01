//! The steps of a test run: each is announced, timed and remembered.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::reports::Reports;
use super::tally::Tally;

/// A cargo command in the repository's root.
pub(crate) fn cargo<const N: usize>(arguments: [&str; N]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(velostream_testkit::services::repository_root()).stdin(Stdio::null());
    command
}

#[derive(Debug)]
enum Outcome {
    Done(Duration),
    Failed(Duration),
    NotRun(String),
}

/// What has been run so far.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    done: Vec<(String, Outcome, Tally)>,
    /// Tests that one step ignored and another ran; the same ones when they ran more than once.
    ran_after_all: u64,
    reports: Reports,
}

impl Steps {
    /// A step that succeeds or fails as a whole.
    pub(crate) fn check(&mut self, name: &str, work: impl FnOnce() -> Result<()>) {
        self.run(name, |_| work());
    }

    /// A command that succeeds or fails as a whole.
    pub(crate) fn command(&mut self, name: &str, command: &mut Command) {
        self.run(name, |_| {
            let status = command.status().context("cannot start cargo")?;
            if status.success() { Ok(()) } else { bail!("{name} ended with {status}") }
        });
    }

    /// A `cargo test` command: its output is passed on and counted.
    pub(crate) fn tests(&mut self, name: &str, command: &mut Command) {
        let mut reports = std::mem::take(&mut self.reports);
        self.run(name, |tally| {
            let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start cargo")?;
            let output = child.stdout.take().context("the output is piped")?;
            for line in BufReader::new(output).split(b'\n') {
                let line = line.context("cannot read cargo's output")?;
                let line = String::from_utf8_lossy(&line);
                println!("{line}");
                tally.add_line(&line);
                reports.add_line(&line);
            }
            let status = child.wait().context("cannot wait for cargo")?;
            match (status.success(), tally.failed) {
                (true, 0) if tally.passed == 0 => bail!("{name} ran no test"),
                (true, 0) => Ok(()),
                (_, failed) => bail!("{name} ended with {status}, {failed} tests failed"),
            }
        });
        self.reports = reports;
    }

    /// What failed tests said.
    pub(crate) fn reports(&self) -> String {
        self.reports.text()
    }

    /// A `cargo test .. -- --ignored` command: it runs what another step counted as ignored.
    pub(crate) fn ignored_tests(&mut self, name: &str, command: &mut Command) {
        self.tests(name, command);
        if let Some((_, _, tally)) = self.done.last() {
            self.ran_after_all = self.ran_after_all.max(tally.passed + tally.failed);
        }
    }

    /// A step that was left out: shown as such, never as passed.
    pub(crate) fn not_run(&mut self, name: &str, why: &str) {
        self.done.push((name.to_owned(), Outcome::NotRun(why.to_owned()), Tally::default()));
    }

    /// Failed tests, and each step that failed without one.
    pub(crate) fn failed(&self) -> u64 {
        self.done
            .iter()
            .map(|(_, outcome, tally)| match outcome {
                Outcome::Failed(_) => tally.failed.max(1),
                Outcome::Done(_) | Outcome::NotRun(_) => tally.failed,
            })
            .sum()
    }

    /// `N passed, M failed`, with the ignored ones where there are any.
    pub(crate) fn closing_line(&self) -> String {
        let sum =
            |count: fn(&Tally) -> u64| -> u64 { self.done.iter().map(|(_, _, tally)| count(tally)).sum() };
        let ignored = sum(|tally| tally.ignored).saturating_sub(self.ran_after_all);
        let skipped = if ignored > 0 { format!(", {ignored} skipped") } else { String::new() };
        format!("{} passed, {} failed{skipped}", sum(|tally| tally.passed), self.failed())
    }

    /// A table of steps with their times.
    pub(crate) fn summary(&self) -> String {
        let line = |(name, outcome, tally): &(String, Outcome, Tally)| {
            let (word, time) = match outcome {
                Outcome::Done(time) => ("ok", format!("{:.1} s", time.as_secs_f64())),
                Outcome::Failed(time) => ("FAILED", format!("{:.1} s", time.as_secs_f64())),
                Outcome::NotRun(why) => ("not run", why.clone()),
            };
            let counts = match (tally.passed, tally.failed) {
                (0, 0) => String::new(),
                (passed, failed) => format!("  ({passed} of {} tests passed)", passed + failed),
            };
            format!("{name:<20} {word:<8} {time}{counts}\n")
        };
        self.done.iter().map(line).collect()
    }

    fn run(&mut self, name: &str, work: impl FnOnce(&mut Tally) -> Result<()>) {
        println!("\n== {name}");
        let started = Instant::now();
        let mut tally = Tally::default();
        let outcome = match work(&mut tally) {
            Ok(()) => Outcome::Done(started.elapsed()),
            Err(error) => {
                println!("{name} FAILED: {error:#}");
                Outcome::Failed(started.elapsed())
            }
        };
        self.done.push((name.to_owned(), outcome, tally));
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use anyhow::bail;

    use super::Steps;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    const THREE: &str = "echo 'test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out'";

    #[test]
    fn run_without_failure_counts_its_tests() {
        let mut steps = Steps::default();
        steps.check("a check", || Ok(()));
        steps.tests("tests", &mut shell(THREE));
        assert_eq!(steps.closing_line(), "3 passed, 0 failed");
    }

    #[test]
    fn failed_check_shows_in_the_closing_line() {
        let mut steps = Steps::default();
        steps.tests("tests", &mut shell(THREE));
        steps.check("a check", || bail!("no"));
        steps.command("a command", &mut shell("exit 3"));
        assert_eq!(steps.closing_line(), "3 passed, 2 failed");
    }

    #[test]
    fn tests_ignored_by_one_step_and_run_by_another_are_not_skipped() {
        let mut steps = Steps::default();
        steps.tests("tests", &mut shell("echo 'test result: ok. 5 passed; 0 failed; 4 ignored; 0 measured'"));
        assert_eq!(steps.closing_line(), "5 passed, 0 failed, 4 skipped");
        steps.ignored_tests("servers", &mut shell(THREE));
        steps.ignored_tests("servers once more", &mut shell(THREE));
        assert_eq!(steps.closing_line(), "11 passed, 0 failed, 1 skipped");
    }

    #[test]
    fn suite_that_dies_or_runs_nothing_has_failed() {
        let mut steps = Steps::default();
        steps.tests("dies", &mut shell(&format!("{THREE}; exit 101")));
        steps.tests("empty", &mut shell("true"));
        assert_eq!(steps.closing_line(), "3 passed, 2 failed");
    }

    #[test]
    fn step_left_out_is_never_called_passed() {
        let mut steps = Steps::default();
        steps.not_run("tests with servers", "no Java");
        assert!(steps.summary().contains("not run"));
        assert!(!steps.summary().contains("ok"));
    }
}
