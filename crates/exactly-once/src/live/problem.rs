//! What is wrong with an end of a job.

use std::error::Error as StdError;
use std::fmt;

use serde::{Serialize, Serializer};
use velostream_core::{Code, Error, causes};

/// Where a problem lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Side {
    /// The source.
    Source,
    /// The sink.
    Sink,
    /// The state store.
    Store,
    /// This host.
    Host,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Sink => "sink",
            Self::Store => "state store",
            Self::Host => "host",
        })
    }
}

/// What a problem means for the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Severity {
    /// It would not run.
    Blocks,
    /// It runs, but an operator should know.
    Warns,
}

/// What is wrong with an end of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LiveProblem {
    /// What it means.
    pub severity: Severity,
    /// Where.
    pub side: Side,
    /// The code that the job itself would stop with.
    #[serde(serialize_with = "as_text")]
    pub code: Code,
    /// What is wrong, with its causes.
    pub text: String,
    /// What to do.
    pub remedy: String,
}

fn as_text<S: Serializer>(code: &Code, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(code)
}

/// Problems as they are found.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<LiveProblem>);

impl Problems {
    /// The job would not run.
    pub(super) fn blocks(&mut self, side: Side, code: Code, text: impl Into<String>) {
        self.add(Severity::Blocks, side, code, text.into(), code.remedy().to_owned());
    }

    /// An error that the job itself would stop with.
    pub(super) fn error(&mut self, side: Side, code: Code, error: &(dyn StdError + 'static)) {
        self.blocks(side, code, with_causes(error));
    }

    /// The same, where the error brings its own remedy.
    pub(super) fn carried(&mut self, side: Side, error: &Error) {
        let text = with_causes(error);
        // The code has a place of its own.
        let code = format!("{}: ", error.code());
        let text = text.strip_prefix(&code).unwrap_or(&text).to_owned();
        self.add(Severity::Blocks, side, error.code(), text, error.remedy().to_owned());
    }

    /// The job runs all the same.
    pub(super) fn warns(
        &mut self,
        side: Side,
        code: Code,
        text: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(Severity::Warns, side, code, text.into(), remedy.into());
    }

    fn add(&mut self, severity: Severity, side: Side, code: Code, text: String, remedy: String) {
        self.0.push(LiveProblem { severity, side, code, text, remedy });
    }

    /// What blocks first, and of that what makes everything else unknown.
    pub(super) fn sorted(mut self) -> Vec<LiveProblem> {
        self.0.sort_by_key(|p| (p.severity, p.code != Code::Unreachable, p.side));
        self.0
    }
}

/// An error and its causes on one line.
fn with_causes(error: &(dyn StdError + 'static)) -> String {
    [vec![error.to_string()], causes(error)].concat().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_the_rest_unknown_comes_first_and_warnings_last() {
        let mut problems = Problems::default();
        problems.warns(Side::Source, Code::SinkTopicConfig, "w", "r");
        problems.blocks(Side::Source, Code::TopicMissing, "t");
        problems.blocks(Side::Sink, Code::Unreachable, "u");
        let order: Vec<_> = problems.sorted().into_iter().map(|p| p.text).collect();
        assert_eq!(order, ["u", "t", "w"]);
    }
}
