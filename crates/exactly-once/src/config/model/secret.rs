//! A value that nobody is shown.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A password, a key, or a URL that may hold one. `Debug` shows nothing of it and no error does; in a job file it comes from
/// a variable: `"${NAME}"` or `"${file:PATH}"`.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Keeps `value`.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value, for whoever has to send it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl From<&str> for Secret {
    fn from(value: &str) -> Self {
        Self::new(value)
    }
}

/// A check that a URL has one of these schemes and something behind it. The URL itself is never quoted.
pub(crate) fn url_of(
    schemes: &'static [&'static str],
    example: &'static str,
) -> impl Fn(&Secret, &()) -> garde::Result {
    move |url, ()| {
        let host = url.0.split_once("://").filter(|(scheme, _)| schemes.contains(scheme));
        match host {
            Some((_, rest)) if !rest.is_empty() && !rest.chars().any(char::is_whitespace) => Ok(()),
            _ => Err(garde::Error::new(format!("not a URL of such a server\nwrite for example {example}"))),
        }
    }
}

/// A check that there is one.
pub(crate) fn not_empty(secret: &Secret, (): &()) -> garde::Result {
    if secret.0.is_empty() {
        Err(garde::Error::new("empty\nset the variable that it comes from"))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_of_a_secret_shows_nothing_of_it() {
        assert_eq!(format!("{:?}", Secret::new("canary")), "Secret(..)");
    }

    #[test]
    fn url_needs_a_known_scheme_and_a_host() {
        let check = url_of(&["redis", "rediss"], "redis://host:6379");
        for good in ["redis://h", "rediss://u:p@h:1/0"] {
            check(&Secret::new(good), &()).unwrap();
        }
        for bad in ["", "h:6379", "redis://", "http://h", "redis:h", "redis://a b"] {
            let said = check(&Secret::new(bad), &()).unwrap_err().to_string();
            assert_eq!(said, "not a URL of such a server\nwrite for example redis://host:6379", "{bad}");
        }
    }
}
