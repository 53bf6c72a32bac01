//! One reason for a level.

use serde::Serialize;

/// What a reason does to the level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// It gives the level.
    Gives,
    /// It takes exactly-once away.
    Lowers,
    /// It leaves the level, but an operator should know.
    Warns,
    /// It must be true of a server, a disk or a reader.
    Assumes,
}

/// One reason for a level.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Reason {
    /// What it does.
    pub role: Role,
    /// Path of the setting in the job file that it comes from, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub setting: Option<&'static str>,
    /// In one sentence.
    pub text: String,
}

impl Reason {
    pub(crate) fn new(role: Role, text: impl Into<String>) -> Self {
        Self { role, setting: None, text: text.into() }
    }

    pub(crate) const fn from(mut self, setting: &'static str) -> Self {
        self.setting = Some(setting);
        self
    }
}
