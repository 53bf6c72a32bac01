//! Which state stores there are.

use std::fmt;
use std::str::FromStr;

/// A state store of a job file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StoreKind {
    /// `memory`.
    Memory,
    /// `redb`.
    Redb,
    /// `redis`.
    Redis,
    /// `postgres`.
    Postgres,
    /// `dynamodb`.
    DynamoDb,
}

impl StoreKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Memory, Self::Redb, Self::Redis, Self::Postgres, Self::DynamoDb];

    /// As job files name it.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Redb => "redb",
            Self::Redis => "redis",
            Self::Postgres => "postgres",
            Self::DynamoDb => "dynamodb",
        }
    }
}

impl fmt::Display for StoreKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

impl FromStr for StoreKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || Self::ALL.map(Self::key).join(", ");
        let found = Self::ALL.into_iter().find(|kind| kind.key() == text);
        found.ok_or_else(|| format!("there is no such store; there are {}", known()))
    }
}
