//! Names and counters as types, so that an epoch is never passed where a batch number is meant.

use std::fmt;
use std::sync::Arc;

macro_rules! counter {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub u64);

        impl $name {
            /// The next value. Saturates: 2^64 steps do not happen.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

counter! {
    /// How many times a task was claimed. A higher epoch fences every lower one.
    Epoch
}
counter! {
    /// Number of a delivery: what one transaction did for one split. Dense, starts at 1; 0 means "none yet".
    BatchId
}
counter! {
    /// Version of the value that a [`Membership`](crate::Membership) publishes. Grows with every publication.
    AssignmentVersion
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps a name as it is; where a grammar applies, the configuration has checked it.
            #[must_use]
            pub fn new(name: impl Into<Arc<str>>) -> Self {
                Self(name.into())
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }
    };
}

name! {
    /// Name of a job; unique per sink system. Part of topic names, group names and transactional ids.
    JobName
}
name! {
    /// Name of one worker of a job. At most one process uses it at a time.
    InstanceName
}
name! {
    /// Unit of order and ownership: a topic-partition, a file, a table shard. Cheap to clone.
    SplitId
}

/// Number of a lane inside its worker, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LaneIndex(pub u16);

impl fmt::Display for LaneIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Random value that tells two owners apart which a lossy store has given the same epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Nonce(pub u64);
