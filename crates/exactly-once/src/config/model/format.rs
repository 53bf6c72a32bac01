//! How records stand in a file.

use serde::{Deserialize, Serialize};

/// How records stand in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Format {
    /// One record per line: its value and a line feed. Keys, headers and timestamps have no place in it.
    #[default]
    Lines,
}

pub(crate) fn not_empty(path: &str, (): &()) -> garde::Result {
    if path.is_empty() { Err(garde::Error::new("empty\nwrite a path")) } else { Ok(()) }
}
