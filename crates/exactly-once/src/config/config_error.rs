//! A job file that is refused, with its text, so that each problem can be shown where it stands.

use std::fmt;
use std::sync::Arc;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode, SourceSpan};
use velostream_core::Code;

use super::problem::Problem;

/// A job file that is refused: everything that is wrong with it, in the order of the file.
#[derive(Clone)]
pub struct ConfigError {
    source: Option<Arc<NamedSource<String>>>,
    problems: Vec<Problem>,
}

impl ConfigError {
    /// `name` and `text` of the file; `problems` holds at least one.
    pub(crate) fn in_text(name: &str, text: &str, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|p| p.place);
        Self { source: Some(Arc::new(NamedSource::new(name, text.to_owned()))), problems }
    }

    /// Problems of a job that was not read from a text.
    pub(crate) const fn without_text(problems: Vec<Problem>) -> Self {
        Self { source: None, problems }
    }

    /// Name of the file, where there is one.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        self.source.as_deref().map(NamedSource::name)
    }

    /// What is wrong, in the order of the file.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Each problem with its place in the text, for a report handler of miette.
    pub fn diagnostics(&self) -> impl Iterator<Item = ProblemDiagnostic> {
        self.problems
            .iter()
            .map(|problem| ProblemDiagnostic { source: self.source.clone(), problem: problem.clone() })
    }

    fn line(&self, problem: &Problem) -> String {
        match (self.file(), problem.place) {
            (Some(file), Some(place)) => format!("{file}:{}:{}: {problem}", place.line, place.column),
            (Some(file), None) => format!("{file}: {problem}"),
            _ => problem.to_string(),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.problems.iter().map(|p| self.line(p)).collect();
        f.write_str(&lines.join("; "))
    }
}

/// As `Display`; the text of the file is left out.
impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ConfigError {}

/// One problem with its place in the text.
#[derive(Clone)]
pub struct ProblemDiagnostic {
    source: Option<Arc<NamedSource<String>>>,
    problem: Problem,
}

impl fmt::Display for ProblemDiagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
}

/// As `Display`; the text of the file is left out.
impl fmt::Debug for ProblemDiagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
}

impl std::error::Error for ProblemDiagnostic {}

impl Diagnostic for ProblemDiagnostic {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(Code::Config))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.problem.remedy.as_ref().map(|r| Box::new(r) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.problem.place?;
        self.source.as_deref().map(|s| s as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let place = self.problem.place?;
        let span = SourceSpan::from((place.offset, place.length));
        Some(Box::new(std::iter::once(LabeledSpan::new_primary_with_span(Some("here".to_owned()), span))))
    }
}
