//! What a suite says of each of its tests.

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

use anyhow::{Context, Result, anyhow};

/// One test and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Its path in front of the name: which variant of the store it ran on.
    pub(super) place: String,
    pub(super) name: String,
    pub(super) outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Passed,
    Failed,
    NotApplicable(String),
}

impl Found {
    pub(super) fn has_failed(&self) -> bool {
        self.outcome == Outcome::Failed
    }

    /// As the suite says it.
    pub(super) fn path(&self) -> String {
        if self.place.is_empty() { self.name.clone() } else { format!("{}::{}", self.place, self.name) }
    }

    /// A line such as `test single::case ... ok`.
    fn from_line(line: &str) -> Option<Self> {
        let (path, end) = line.strip_prefix("test ")?.split_once(" ... ")?;
        let end = end.trim();
        let outcome = if end == "ok" {
            Outcome::Passed
        } else if end.starts_with("FAILED") {
            Outcome::Failed
        } else {
            let why = end.strip_prefix("ignored")?.trim_matches([' ', ',', '(', ')']);
            Outcome::NotApplicable(if why.is_empty() { "ignored".to_owned() } else { why.to_owned() })
        };
        let path = path.trim();
        let (place, name) = path.rsplit_once("::").unwrap_or(("", path));
        Some(Self { place: place.to_owned(), name: name.to_owned(), outcome })
    }
}

/// Runs a `cargo test`, passes on what it prints, and gathers what it says.
pub(super) fn read(command: &mut Command) -> Result<(Vec<Found>, ExitStatus)> {
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().context("cannot start cargo")?;
    let said = child.stderr.take().context("stderr is piped")?;
    let said = thread::spawn(move || -> Result<Vec<(String, String)>> {
        let mut reasons = Vec::new();
        for line in BufReader::new(said).lines() {
            let line = line.context("cannot read cargo's output")?;
            reasons.extend(reason(&line));
            eprintln!("{line}");
        }
        Ok(reasons)
    });
    let mut found = Vec::new();
    for line in BufReader::new(child.stdout.take().context("stdout is piped")?).lines() {
        let line = line.context("cannot read cargo's output")?;
        println!("{line}");
        found.extend(Found::from_line(&line));
    }
    let reasons = said.join().map_err(|_| anyhow!("the reader panicked"))??;
    let status = child.wait().context("cannot wait for cargo")?;
    explain(&mut found, &reasons);
    Ok((found, status))
}

/// A case of the contract that does not apply passes as a test and says why beside it.
fn explain(found: &mut [Found], reasons: &[(String, String)]) {
    for one in found.iter_mut().filter(|one| one.outcome == Outcome::Passed) {
        if let Some((_, why)) = reasons.iter().find(|(name, _)| *name == one.name) {
            one.outcome = Outcome::NotApplicable(why.clone());
        }
    }
}

fn reason(line: &str) -> Option<(String, String)> {
    // Behind the name of a test that is being printed at the same time.
    let (_, rest) = line.split_once("not run: ")?;
    let (name, why) = rest.split_once(": ")?;
    Some((name.to_owned(), why.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{Found, Outcome, explain, reason};

    fn found(line: &str) -> Option<(String, String, Outcome)> {
        Found::from_line(line).map(|found| (found.place, found.name, found.outcome))
    }

    #[test]
    fn line_of_a_test_gives_place_name_and_end() {
        let of = |place: &str, name: &str, outcome| Some((place.to_owned(), name.to_owned(), outcome));
        assert_eq!(found("test a::b::case   ... ok"), of("a::b", "case", Outcome::Passed));
        assert_eq!(found("test case ... FAILED"), of("", "case", Outcome::Failed));
        let why = Outcome::NotApplicable("no disk".into());
        assert_eq!(found("test x::case ... ignored (no disk)"), of("x", "case", why.clone()));
        assert_eq!(found("test x::case ... ignored, no disk"), of("x", "case", why));
        assert_eq!(found("test result: ok. 3 passed; 0 failed"), None);
        assert_eq!(found("testing ... ok"), None);
    }

    #[test]
    fn case_that_passes_and_says_it_was_not_run_does_not_apply() {
        let mut all: Vec<Found> =
            ["test a::case ... ok", "test other ... ok"].iter().filter_map(|l| Found::from_line(l)).collect();
        explain(&mut all, &[reason("not run: case: the store claims nothing: so").unwrap()]);
        let ends: Vec<_> = all.into_iter().map(|one| one.outcome).collect();
        assert_eq!(ends, [Outcome::NotApplicable("the store claims nothing: so".into()), Outcome::Passed]);
    }
}
