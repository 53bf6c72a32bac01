//! Where workers meet a round's faults.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::{Result, anyhow};

use super::hunter::Hunter;
use super::{End, Member, Side, Strike, Tally};
use crate::proxy::{Observer, ProtocolState, Proxy};

/// What the hunters of a round share: one hunter a worker, so that several faults are under way at a time.
pub struct Arena<'a> {
    pub(super) observer: Arc<Observer>,
    source: &'a Side,
    sink: &'a Side,
    strikes: Mutex<VecDeque<Strike>>,
    tally: Mutex<&'a mut Tally>,
    /// Client ids of the workers that run, by name.
    running: Mutex<BTreeMap<String, String>>,
    pub(super) restarting: Mutex<()>,
    /// Brokers that are away.
    pub(super) away: AtomicU32,
    stop: &'a AtomicBool,
    failed: AtomicBool,
    tell: &'a (dyn Fn(&str) + Sync),
}

impl fmt::Debug for Arena<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arena")
            .field("strikes", &self.strikes)
            .field("running", &self.running)
            .finish_non_exhaustive()
    }
}

impl<'a> Arena<'a> {
    /// Counts in `tally`, says each deed to `tell`, and leaves out the faults to come once `stop` is set.
    pub fn new(
        observer: &Arc<Observer>,
        (source, sink): (&'a Side, &'a Side),
        strikes: Vec<Strike>,
        tally: &'a mut Tally,
        stop: &'a AtomicBool,
        tell: &'a (dyn Fn(&str) + Sync),
    ) -> Self {
        Self {
            observer: Arc::clone(observer),
            source,
            sink,
            strikes: Mutex::new(strikes.into()),
            tally: Mutex::new(tally),
            running: Mutex::default(),
            restarting: Mutex::default(),
            away: AtomicU32::new(0),
            stop,
            failed: AtomicBool::new(false),
            tell,
        }
    }

    /// Does everything to the workers; all of them run and own something at the end,
    /// and nothing is cut or held.
    ///
    /// # Errors
    /// When a worker ends by itself, or does not end when it is told to, or a broker does not come back.
    pub fn fight(&self, members: &mut [Member]) -> Result<()> {
        thread::scope(|scope| {
            let hunt = |member| {
                let done = Hunter::new(self, member).run();
                if done.is_err() {
                    self.failed.store(true, Ordering::Relaxed);
                }
                done
            };
            let hunters: Vec<_> =
                members.iter_mut().map(|member| scope.spawn(move || hunt(member))).collect();
            let done: Vec<Result<()>> = hunters
                .into_iter()
                .map(|one| one.join().unwrap_or_else(|_| Err(anyhow!("a hunter panicked"))))
                .collect();
            done.into_iter().collect::<Result<()>>()
        })?;
        members.iter_mut().try_for_each(|member| Hunter::new(self, member).settle())
    }

    pub(super) fn next(&self) -> Option<Strike> {
        if self.stop.load(Ordering::Relaxed) || self.failed.load(Ordering::Relaxed) {
            return None;
        }
        lock(&self.strikes).pop_front()
    }

    pub(super) fn put_back(&self, strike: Strike) {
        lock(&self.strikes).push_back(strike);
    }

    pub(super) fn side(&self, end: End) -> &'a Side {
        match end {
            End::Source => self.source,
            End::Sink => self.sink,
        }
    }

    pub(super) fn proxy(&self, end: End) -> &'a Proxy {
        &self.side(end).proxy
    }

    pub(super) fn count(&self, count: impl FnOnce(&mut Tally)) {
        count(*lock(&self.tally));
    }

    pub(super) fn tell(&self, what: &str) {
        (self.tell)(what);
    }

    pub(super) fn runs(&self, name: &str, client: Option<String>) {
        let mut running = lock(&self.running);
        match client {
            Some(client) => running.insert(name.to_owned(), client),
            None => running.remove(name),
        };
    }

    /// What each worker that runs is doing.
    pub(super) fn states(&self) -> Vec<ProtocolState> {
        lock(&self.running).values().map(|client| self.observer.state(client)).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
