//! What the liar remembers of the calls before.

use std::collections::{BTreeMap, BTreeSet};

use velostream_core::{Member, SharedId, Turn};

/// All names as the honest store knows them.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The turn that stands.
    pub(super) turns: BTreeMap<Member, Turn>,
    /// In which turn a member promised last.
    pub(super) promised: BTreeMap<Member, Turn>,
    /// Which turn the last settlement that delivered began.
    pub(super) settled: BTreeMap<Member, Turn>,
    /// Members whose last settlement was a release.
    pub(super) released: BTreeSet<Member>,
    /// Members that left.
    pub(super) left: BTreeSet<Member>,
    /// Who holds an id of a set.
    pub(super) holders: BTreeMap<(String, SharedId), String>,
    /// When an id of a set was delivered last.
    pub(super) times: BTreeMap<(String, SharedId), i64>,
    /// The last taking of a member.
    pub(super) last: BTreeMap<Member, Vec<SharedId>>,
    /// How many ids a member asked for.
    pub(super) asked: BTreeMap<Member, u64>,
    /// The total that was answered last.
    pub(super) total: u64,
    /// What expiry has removed so far.
    pub(super) removed: u64,
}

impl Memory {
    /// Ids that a member holds are its own no longer.
    pub(super) fn settle(&mut self, member: &Member, at_ms: Option<i64>) {
        let held = |key: &(String, SharedId), by: &String| key.0 == member.set() && by == member.name();
        if let Some(at_ms) = at_ms {
            let delivered: Vec<_> =
                self.holders.iter().filter(|(key, by)| held(key, by)).map(|(key, _)| key.clone()).collect();
            self.times.extend(delivered.into_iter().map(|key| (key, at_ms)));
        }
        self.holders.retain(|key, by| !held(key, by));
    }

    /// How many ids of a set were delivered by then.
    pub(super) fn delivered_by(&self, set: &str, until_ms: i64) -> usize {
        self.times.iter().filter(|((of, _), at_ms)| of == set && **at_ms <= until_ms).count()
    }
}
