//! Which topics: a name, or a regular expression between slashes.

use std::fmt;
use std::str::FromStr;

use regex::Regex;
use serde::{Deserialize, Serialize};

/// Longest topic name that Kafka accepts.
const MAX_TOPIC_NAME: usize = 249;

/// Bound of a compiled expression in bytes.
const MAX_REGEX_BYTES: usize = 1 << 20;

/// A topic, or all topics that an expression matches as a whole.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum TopicPattern {
    /// One topic.
    Name(String),
    /// `/orders\..*/`: all topics that the expression matches from the first to the last character.
    Regex(Regex),
}

impl PartialEq for TopicPattern {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Name(a), Self::Name(b)) => a == b,
            (Self::Regex(a), Self::Regex(b)) => a.as_str() == b.as_str(),
            _ => false,
        }
    }
}

impl Eq for TopicPattern {}

/// What is wrong with a topic pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTopic {
    /// Not a topic name.
    #[error(
        "not the name of a topic\nwrite letters, digits, `.`, `_` or `-`, at most 249; a regular expression stands between slashes: /orders\\..*/"
    )]
    Name,
    /// Not a regular expression.
    #[error("not a regular expression: {why}\nthe expression stands between slashes: /orders\\..*/")]
    Regex {
        /// What the parser says, on one line.
        why: String,
    },
}

impl FromStr for TopicPattern {
    type Err = InvalidTopic;

    fn from_str(text: &str) -> Result<Self, InvalidTopic> {
        let expression = text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
        let Some(expression) = expression else {
            return if is_topic_name(text) {
                Ok(Self::Name(text.to_owned()))
            } else {
                Err(InvalidTopic::Name)
            };
        };
        if expression.is_empty() {
            return Err(InvalidTopic::Regex { why: "it is empty".to_owned() });
        }
        regex::RegexBuilder::new(expression)
            .size_limit(MAX_REGEX_BYTES)
            .build()
            .map(Self::Regex)
            .map_err(|error| InvalidTopic::Regex { why: reason(&error) })
    }
}

/// The last line of the library's report says why; the lines before repeat the expression, which may be a secret.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or("");
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

/// True for a name that Kafka accepts.
pub(crate) fn is_topic_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= MAX_TOPIC_NAME
        && name != "."
        && name != ".."
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

impl TryFrom<String> for TopicPattern {
    type Error = InvalidTopic;

    fn try_from(text: String) -> Result<Self, InvalidTopic> {
        text.parse()
    }
}

impl From<TopicPattern> for String {
    fn from(pattern: TopicPattern) -> Self {
        pattern.to_string()
    }
}

impl fmt::Display for TopicPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Regex(regex) => write!(f, "/{}/", regex.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pattern_is_a_name_or_an_expression_between_slashes() {
        assert_eq!("orders".parse(), Ok(TopicPattern::Name("orders".to_owned())));
        let regex: TopicPattern = "/pay\\..*/".parse().unwrap();
        assert_eq!(regex.to_string(), "/pay\\..*/");
        for bad in ["", "a b", "/x", "x/", "/", "//", "/(/", "..", &"a".repeat(250), "/(a{999}){999}/"] {
            assert!(bad.parse::<TopicPattern>().is_err(), "{bad}");
        }
    }

    #[test]
    fn reason_of_a_bad_expression_does_not_repeat_it() {
        let Err(InvalidTopic::Regex { why }) = "/s3cret(/".parse::<TopicPattern>() else { panic!() };
        assert_eq!(why, "unclosed group");
    }
}
