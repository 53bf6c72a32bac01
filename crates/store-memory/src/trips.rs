//! Round trips, counted.

/// How many calls were made, whatever came of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Trips {
    /// Calls of `read`.
    pub reads: u64,
    /// Calls of `commit`.
    pub commits: u64,
    /// Calls of `delete`.
    pub deletes: u64,
    /// Calls of `list`.
    pub lists: u64,
    /// Calls on shared ids.
    pub shared: u64,
}

impl Trips {
    /// All calls.
    #[must_use]
    pub const fn total(&self) -> u64 {
        let kept = self.reads.saturating_add(self.commits).saturating_add(self.deletes);
        kept.saturating_add(self.lists).saturating_add(self.shared)
    }
}
