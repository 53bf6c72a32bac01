//! The error that crosses crate boundaries: one line that says what, where, why and what to do.

use std::error::Error as StdError;
use std::fmt;

use crate::{Code, Disposition};

/// Result of everything behind a trait of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error as it crosses a trait of this crate. The concrete error of the crate that raised it is the source.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    code: Code,
    disposition: Disposition,
    message: String,
    remedy: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What is behind an error, the nearest cause first, without those whose words were said already: many errors end with
/// the words of their source.
#[must_use]
pub fn causes(error: &(dyn StdError + 'static)) -> Vec<String> {
    let mut said = error.to_string();
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !said.contains(&words) {
            said.push('\n');
            said.push_str(&words);
            causes.push(words);
        }
        next = cause.source();
    }
    causes
}

impl Error {
    /// An error with its stable code, its disposition, and a message that names the place.
    #[must_use]
    pub fn new(code: Code, disposition: Disposition, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { code, disposition, message: message.into(), remedy: None, source: None }))
    }

    /// Says what the operator can do; without it the remedy of the code's page stands.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.0.remedy = Some(remedy.into());
        self
    }

    /// Says in which part of the job it happened, in front of what was said.
    #[must_use]
    pub fn within(mut self, place: &str) -> Self {
        self.0.message = format!("{place}: {}", self.0.message);
        self
    }

    /// Keeps the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.0.source = Some(Box::new(source));
        self
    }

    /// What is known about the effect.
    #[must_use]
    pub fn disposition(&self) -> Disposition {
        self.0.disposition
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// True where it brings a remedy of its own, and not that of its code.
    #[must_use]
    pub fn has_own_remedy(&self) -> bool {
        self.0.remedy.is_some()
    }

    /// What the operator can do.
    #[must_use]
    pub fn remedy(&self) -> &str {
        self.0.remedy.as_deref().unwrap_or_else(|| self.0.code.remedy())
    }

    /// True where only an operator can help: the job stops.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        matches!(self.0.disposition, Disposition::Reject | Disposition::Corrupt)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code, self.0.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|e| e as _)
    }
}

#[cfg(test)]
mod tests {
    use super::{Error, causes};
    use crate::{Code, Disposition};

    #[test]
    fn causes_leave_out_what_was_said_already() {
        let io = std::io::Error::other("no space left");
        let inner = Error::new(Code::Internal, Disposition::Retry, "commit").with_source(io);
        let outer =
            Error::new(Code::Internal, Disposition::Retry, format!("task a: {inner}")).with_source(inner);
        assert_eq!(causes(&outer), ["no space left"]);
    }
}
