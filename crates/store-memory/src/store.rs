//! The model.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use velostream_core::{
    ConditionalStore, DurabilityClass, NotAdmitted, Outcome, Put, Result, RootVersion, RootWrite,
    StoreGuarantees, Versioned,
};

use crate::shared::Sets;
use crate::{Error, Fault, Trips};

/// A conditional store in memory. Clones share one store.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
    guarantees: StoreGuarantees,
}

/// Everything that a store held at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<String, Versioned>, Sets);

#[derive(Debug, Default)]
pub(crate) struct State {
    entries: BTreeMap<String, Versioned>,
    pub(crate) sets: Sets,
    delayed: VecDeque<(Vec<Put>, RootWrite)>,
    pub(crate) commits: VecDeque<Fault>,
    pub(crate) reads: VecDeque<Fault>,
    pub(crate) trips: Trips,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// An empty store: class G0, values up to 64 MiB, up to 1,024 puts.
    #[must_use]
    pub fn new() -> Self {
        Self::with_guarantees(StoreGuarantees {
            class: DurabilityClass::Process,
            linearizable: true,
            shared: false,
            max_value_bytes: 64 * 1024 * 1024,
            max_puts: 1024,
        })
    }

    /// An empty store that claims `guarantees` and keeps its two limits; for tests that stand in for a server.
    #[must_use]
    pub fn with_guarantees(guarantees: StoreGuarantees) -> Self {
        Self { state: Arc::default(), guarantees }
    }

    /// Appends faults for the calls of `commit` and `delete`, and for those that change shared ids, that follow.
    pub fn script_commits(&self, faults: impl IntoIterator<Item = Fault>) {
        self.lock().commits.extend(faults);
    }

    /// Appends faults for the calls of `read`, `list`, `health_check` and those that read shared ids that follow.
    pub fn script_reads(&self, faults: impl IntoIterator<Item = Fault>) {
        self.lock().reads.extend(faults);
    }

    /// Forgets the faults that were not taken, as at the end of an outage.
    pub fn heal(&self) {
        let mut state = self.lock();
        state.commits.clear();
        state.reads.clear();
    }

    /// Applies the commits that a script delayed, in their order, as if they arrived now. Returns how many of them
    /// changed their root.
    pub fn land_delayed(&self) -> usize {
        let mut state = self.lock();
        let delayed = std::mem::take(&mut state.delayed);
        delayed.into_iter().filter(|(puts, root)| state.apply(puts, root).is_ok_and(|o| o.1)).count()
    }

    /// What the store holds now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let state = self.lock();
        Snapshot(state.entries.clone(), state.sets.clone())
    }

    /// Goes back to a snapshot, as a failover to a lagging replica does. Delayed commits stay in the network.
    pub fn roll_back(&self, snapshot: &Snapshot) {
        let mut state = self.lock();
        state.entries.clone_from(&snapshot.0);
        state.sets.clone_from(&snapshot.1);
    }

    /// Removes one key, as an eviction or a torn disk does.
    pub fn lose(&self, key: &str) {
        self.lock().entries.remove(key);
    }

    /// Replaces the value of one key without a trace, as a damaged disk does.
    pub fn damage(&self, key: &str, value: impl Into<bytes::Bytes>) {
        if let Some(entry) = self.lock().entries.get_mut(key) {
            entry.value = value.into();
        }
    }

    /// Calls made so far.
    #[must_use]
    pub fn trips(&self) -> Trips {
        self.lock().trips
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here can leave the map half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The outcome, and whether the root was changed by this call.
    fn apply(&mut self, puts: &[Put], root: &RootWrite) -> Result<(Outcome, bool), Error> {
        let current = self.entries.get(&root.key);
        let standing = current.map(|current| current.version);
        if standing != root.expected {
            return Ok((Outcome::unexpected(current.cloned(), root), false));
        }
        self.put(puts)?;
        let version = chained(standing, &root.value);
        self.entries.insert(root.key.clone(), Versioned { value: root.value.clone(), version });
        Ok((Outcome::Applied(version), true))
    }

    fn put(&mut self, puts: &[Put]) -> Result<(), Error> {
        let changed = |put: &&Put| self.entries.get(&put.key).is_some_and(|held| held.value != put.value);
        if let Some(put) = puts.iter().find(changed) {
            return Err(NotAdmitted::Rewritten { key: put.key.clone() }.into());
        }
        for put in puts {
            let version = chained(None, &put.value);
            self.entries.insert(put.key.clone(), Versioned { value: put.value.clone(), version });
        }
        Ok(())
    }
}

/// FNV-1a of the predecessor and the value; never the predecessor itself.
fn chained(previous: Option<RootVersion>, value: &[u8]) -> RootVersion {
    let seed = previous.map_or([0; 8], |RootVersion(version)| version.to_le_bytes());
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    let hash = seed.iter().chain(value).fold(0xcbf2_9ce4_8422_2325, step);
    match previous {
        Some(RootVersion(version)) if version == hash => RootVersion(hash.wrapping_add(1)),
        _ => RootVersion(hash),
    }
}

/// A fault of a call that changes nothing: lost is lost, wherever.
fn fails(fault: Fault, call: &'static str) -> Result<(), Error> {
    match fault {
        Fault::None => Ok(()),
        _ => Err(Error::NotReached { call }),
    }
}

#[async_trait]
impl ConditionalStore for MemoryStore {
    async fn read(&self, keys: &[&str]) -> Result<Vec<Option<Versioned>>> {
        let mut state = self.lock();
        state.trips.reads += 1;
        fails(state.reads.pop_front().unwrap_or_default(), "read")?;
        self.guarantees.admit_keys(keys)?;
        Ok(keys.iter().map(|key| state.entries.get(*key).cloned()).collect())
    }

    async fn commit(&self, puts: &[Put], root: RootWrite) -> Result<Outcome> {
        const CALL: &str = "commit";
        let mut state = self.lock();
        state.trips.commits += 1;
        let fault = state.commits.pop_front().unwrap_or_default();
        if fault == Fault::NotReached {
            return Err(Error::NotReached { call: CALL }.into());
        }
        self.guarantees.admit(puts, &root)?;
        match fault {
            Fault::None => return Ok(state.apply(puts, &root)?.0),
            Fault::ReplyLost => drop(state.apply(puts, &root)?),
            Fault::Torn => state.put(puts)?,
            Fault::Delayed => state.delayed.push_back((puts.to_vec(), root)),
            Fault::NotReached | Fault::Lost => {}
        }
        Err(Error::ReplyLost { call: CALL }.into())
    }

    async fn delete(&self, keys: &[&str]) -> Result<()> {
        const CALL: &str = "delete";
        let mut state = self.lock();
        state.trips.deletes += 1;
        self.guarantees.admit_keys(keys)?;
        let fault = state.commits.pop_front().unwrap_or_default();
        if matches!(fault, Fault::None | Fault::ReplyLost) {
            keys.iter().for_each(|key| drop(state.entries.remove(*key)));
        }
        match fault {
            Fault::None => Ok(()),
            Fault::NotReached => Err(Error::NotReached { call: CALL }.into()),
            _ => Err(Error::ReplyLost { call: CALL }.into()),
        }
    }

    async fn list(&self, prefix: &str, after: Option<&str>, max: usize) -> Result<Vec<String>> {
        let mut state = self.lock();
        state.trips.lists += 1;
        fails(state.reads.pop_front().unwrap_or_default(), "list")?;
        let from = after.filter(|after| *after >= prefix).map_or(Bound::Included(prefix), Bound::Excluded);
        let keys = state.entries.range::<str, _>((from, Bound::Unbounded)).map(|(key, _)| key);
        Ok(keys.take_while(|key| key.starts_with(prefix)).take(max).cloned().collect())
    }

    fn guarantees(&self) -> StoreGuarantees {
        self.guarantees.clone()
    }

    async fn attest(&self) -> Result<()> {
        Ok(())
    }

    async fn health_check(&self, _deadline: Duration) -> Result<()> {
        let fault = self.lock().reads.pop_front().unwrap_or_default();
        Ok(fails(fault, "health_check")?)
    }
}
