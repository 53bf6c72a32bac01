//! One difference between source and sink.

use std::fmt;

use serde::Serialize;

/// How a record differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A source record that the sink does not hold.
    Missing,
    /// A source record that the sink holds once more.
    Duplicated,
    /// A source record that stands at another place in the sink's order.
    Reordered,
    /// A source record whose key, value, headers or timestamp differ at the sink.
    Changed,
    /// A sink record that is no source record: of an aborted transaction, of another writer, or a duplicate of a
    /// record outside the compared range.
    Unexpected,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::Missing, Self::Duplicated, Self::Reordered, Self::Changed, Self::Unexpected];

    /// The name in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Duplicated => "duplicated",
            Self::Reordered => "reordered",
            Self::Changed => "changed",
            Self::Unexpected => "unexpected",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How many records differ, by kind. Always exact in sum: source = matched + missing + reordered + changed, sink =
/// matched + duplicated + unexpected + reordered + changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Source records that stand in the sink, in order and unchanged.
    pub matched: u64,
    /// See [`Kind::Missing`].
    pub missing: u64,
    /// See [`Kind::Duplicated`].
    pub duplicated: u64,
    /// See [`Kind::Reordered`].
    pub reordered: u64,
    /// See [`Kind::Changed`].
    pub changed: u64,
    /// See [`Kind::Unexpected`].
    pub unexpected: u64,
}

impl Counts {
    /// The count of a kind.
    #[must_use]
    pub const fn of(&self, kind: Kind) -> u64 {
        match kind {
            Kind::Missing => self.missing,
            Kind::Duplicated => self.duplicated,
            Kind::Reordered => self.reordered,
            Kind::Changed => self.changed,
            Kind::Unexpected => self.unexpected,
        }
    }

    pub(crate) const fn of_mut(&mut self, kind: Kind) -> &mut u64 {
        match kind {
            Kind::Missing => &mut self.missing,
            Kind::Duplicated => &mut self.duplicated,
            Kind::Reordered => &mut self.reordered,
            Kind::Changed => &mut self.changed,
            Kind::Unexpected => &mut self.unexpected,
        }
    }

    /// Records that differ, of any kind.
    #[must_use]
    pub fn differences(&self) -> u64 {
        Kind::ALL.into_iter().map(|kind| self.of(kind)).sum()
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.matched += other.matched;
        for kind in Kind::ALL {
            *self.of_mut(kind) += other.of(kind);
        }
    }
}

/// One difference, with its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What is wrong.
    pub kind: Kind,
    /// The source's topic.
    pub topic: String,
    /// The partition, the same on both sides.
    pub partition: i32,
    /// Offset of the source record, where there is one.
    pub source_offset: Option<i64>,
    /// Offset of the sink record, where there is one.
    pub sink_offset: Option<i64>,
    /// A sentence for people.
    pub what: String,
}
