//! What the service or the way to it said, without anything secret, and what that means for the request.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::Error;

/// Longest text taken over from the service, in characters.
const MAX_TEXT_CHARS: usize = 300;

/// Why a request failed: the service's error code and the first line of what it said. Later lines are left out, since
/// the answer to a wrong signature repeats the request's headers with their session token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    code: Option<String>,
    text: String,
}

impl Failure {
    pub(crate) fn of(text: &str) -> Self {
        Self { code: None, text: text.to_owned() }
    }

    /// The service's error code, `ThrottlingException` for example.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// What the operator can do about a refusal.
    pub(crate) fn remedy(&self) -> Option<&'static str> {
        Some(match self.code()? {
            "ResourceNotFoundException" => "Create the table, or correct its name or region.",
            "AccessDeniedException" => "Grant what the crate's iam-policy.json lists.",
            "UnrecognizedClientException" | "InvalidSignatureException" | "MissingAuthenticationToken" => {
                "Correct the credentials."
            }
            _ => return None,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) if self.text.is_empty() => f.write_str(code),
            Some(code) => write!(f, "{code}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

/// What is known of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    None,
    Unknown,
    Refused,
}

/// Sorts an error of one attempt.
pub(crate) fn sort<E>(table: &str, doing: &'static str, error: &SdkError<E, HttpResponse>) -> Error
where
    E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
{
    let (effect, failure) = match error {
        SdkError::ServiceError(context) => {
            let code = context.err().code().map(str::to_owned);
            let text = first_line(context.err().message().unwrap_or_default());
            let status = context.raw().status().as_u16();
            (of_service(code.as_deref(), status), Failure { code, text })
        }
        SdkError::ConstructionFailure(_) => (Effect::None, plain(error)),
        SdkError::DispatchFailure(failure) if failure.is_user() || was_refused(error) => {
            (Effect::None, plain(error))
        }
        _ => (Effect::Unknown, plain(error)),
    };
    let table = table.to_owned();
    match effect {
        Effect::None => Error::NotApplied { table, doing, failure },
        Effect::Unknown => Error::Unknown { table, doing, failure },
        Effect::Refused => Error::Refused { table, doing, failure },
    }
}

/// By the error codes of the DynamoDB API reference, "Common errors" and "PutItem". An error of the server itself, or
/// one that is not listed, may have come after the write.
fn of_service(code: Option<&str>, status: u16) -> Effect {
    match code {
        Some(
            "ProvisionedThroughputExceededException"
            | "ThrottlingException"
            | "RequestLimitExceeded"
            | "LimitExceededException"
            | "TransactionConflictException"
            // "The request was rejected because .. items in the request are being modified by a request in another
            // Region."
            | "ReplicatedWriteConflictException"
            | "ConditionalCheckFailedException"
            | "ExpiredTokenException"
            | "ResourceInUseException",
        ) => Effect::None,
        Some(
            "ResourceNotFoundException"
            | "AccessDeniedException"
            | "UnrecognizedClientException"
            | "InvalidSignatureException"
            | "IncompleteSignatureException"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException"
            | "ItemCollectionSizeLimitExceededException"
            | "SerializationException"
            | "ValidationException",
        ) if status < 500 => Effect::Refused,
        _ => Effect::Unknown,
    }
}

/// True where no connection came about.
fn was_refused(error: &dyn StdError) -> bool {
    chain(error)
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::ConnectionRefused)
}

fn plain(error: &dyn StdError) -> Failure {
    let mut text = error.to_string();
    if let Some(root) = chain(error).last() {
        text = format!("{text}: {root}");
    }
    Failure { code: None, text: first_line(&text) }
}

fn chain<'a>(error: &'a dyn StdError) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(error.source(), |cause: &&'a (dyn StdError + 'static)| (*cause).source())
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(MAX_TEXT_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_answers_that_say_so_count_as_not_applied() {
        assert_eq!(of_service(Some("ReplicatedWriteConflictException"), 400), Effect::None);
        assert_eq!(of_service(Some("ThrottlingException"), 400), Effect::None);
        assert_eq!(of_service(Some("AccessDeniedException"), 400), Effect::Refused);
        assert_eq!(of_service(Some("InternalServerError"), 500), Effect::Unknown);
        assert_eq!(of_service(Some("SomethingNew"), 400), Effect::Unknown);
        assert_eq!(of_service(None, 503), Effect::Unknown);
    }

    #[test]
    fn text_of_the_service_ends_with_its_first_line() {
        assert_eq!(first_line("does not match.\n\nx-amz-security-token:canary"), "does not match.");
        assert_eq!(first_line(&"x".repeat(5000)).len(), MAX_TEXT_CHARS);
    }
}
