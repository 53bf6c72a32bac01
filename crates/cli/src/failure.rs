//! The error printer: what, why, and what to do.

use std::error::Error as _;
use std::io::{self, IsTerminal as _, Write as _};

use exactly_once::config::{ConfigError, Problem};
use exactly_once::core::{Code, Disposition, Error, causes};
use miette::{GraphicalReportHandler, GraphicalTheme};

use crate::arguments::{Global, LogForm};
use crate::exit::Exit;

/// Why a command did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An error with its code.
    Error(Error),
    /// The reader of stdout went away: nobody is left to tell.
    Closed,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<exactly_once::Error> for Failure {
    fn from(error: exactly_once::Error) -> Self {
        Self::Error(error.into())
    }
}

impl Failure {
    /// Writing to stdout failed.
    pub(crate) fn output(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::Closed;
        }
        Self::Error(
            Error::new(Code::FileIo, Disposition::Reject, "the output cannot be written").with_source(error),
        )
    }

    /// A value of ours has no JSON.
    pub(crate) fn json(error: serde_json::Error) -> Self {
        Self::Error(
            Error::new(Code::Internal, Disposition::Reject, "the output cannot be written as JSON")
                .with_source(error),
        )
    }

    /// The arguments contradict each other in a way that clap does not know of.
    pub(crate) fn usage(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Error(Error::new(Code::Usage, Disposition::Reject, message).with_remedy(remedy))
    }

    /// Tells people, or programs, on stderr. That stderr may be closed too is nobody's concern.
    pub(crate) fn report(&self, global: &Global) -> Exit {
        let Self::Error(error) = self else { return Exit::Done };
        let text = match global.log_format {
            LogForm::Json => json_line(error),
            LogForm::Text => people(error),
        };
        drop(io::stderr().lock().write_all(text.as_bytes()));
        Exit::of(error)
    }
}

/// The refused job file behind an error.
pub(crate) fn config_error(error: &Error) -> Option<&ConfigError> {
    match error.source()?.downcast_ref::<exactly_once::Error>()? {
        exactly_once::Error::Config { source } => Some(source),
        _ => None,
    }
}

fn people(error: &Error) -> String {
    match config_error(error) {
        Some(config) if config.file().is_some() => return snippets(config),
        Some(config) => return plain(error.code(), config),
        None => {}
    }
    let mut text = format!("error: {error}\n");
    for cause in causes(error) {
        text.push_str(&format!("  cause: {cause}\n"));
    }
    text.push_str(&format!("  remedy: {}\n", error.remedy()));
    text
}

/// Problems of a job that came from options: there is no text to show.
fn plain(code: Code, config: &ConfigError) -> String {
    let line = |problem: &Problem| {
        let remedy = problem.remedy.as_deref().unwrap_or_else(|| code.remedy());
        format!("error: {code}: {problem}\n  remedy: {remedy}\n")
    };
    config.problems().iter().map(line).collect()
}

fn snippets(config: &ConfigError) -> String {
    let colors = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let theme = if colors { GraphicalTheme::unicode() } else { GraphicalTheme::none() };
    let handler = GraphicalReportHandler::new_themed(theme).with_links(false).with_width(110);
    let mut text = String::new();
    for diagnostic in config.diagnostics() {
        if handler.render_report(&mut text, &diagnostic).is_err() {
            text.push_str(&format!("error: {diagnostic}\n"));
        }
    }
    let count = config.problems().len();
    let problems = if count == 1 { "1 problem".to_owned() } else { format!("{count} problems") };
    text.push_str(&format!("error: {}: {}: {problems}\n", Code::Config, config.file().unwrap_or("job file")));
    text
}

fn json_line(error: &Error) -> String {
    let line = serde_json::json!({
        "level": "ERROR",
        "code": error.code().to_string(),
        "message": error.to_string(),
        "causes": causes(error),
        "remedy": error.remedy(),
    });
    format!("{line}\n")
}
