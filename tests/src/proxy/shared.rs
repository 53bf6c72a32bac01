//! What the threads of a proxy share.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::link::{Cut, Links};
use super::{Action, Api, Direction, Observer, Passed, ProtocolState, Request, Rule};

/// Longest sleep of a thread that waits, so that it sees the end of the proxy.
const LOOK: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) observer: Arc<Observer>,
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    upstream: Option<u16>,
    rules: BTreeMap<usize, Active>,
    next_rule: usize,
    links: Links,
    log: Vec<Passed>,
    closed: bool,
}

#[derive(Debug)]
struct Active {
    rule: Rule,
    met: u64,
    fired: Vec<ProtocolState>,
    released: bool,
    /// The first reply that [`Action::Replay`] has let pass.
    kept: Option<Vec<u8>>,
}

/// What is to be done to a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Pass,
    /// Wait for this rule.
    Hold(usize),
    Delay(Duration),
    Drop,
    Silence,
    Cut,
    Double,
    /// This frame instead.
    Replace(Vec<u8>),
}

impl Shared {
    pub(super) fn new(observer: Arc<Observer>) -> Self {
        Self { observer, inner: Mutex::default(), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `done`, or the end of the proxy, or the deadline; says whether it is done.
    fn wait(&self, deadline: Option<Instant>, mut done: impl FnMut(&Inner) -> bool) -> bool {
        let mut inner = self.lock();
        loop {
            if done(&inner) {
                return true;
            }
            let now = Instant::now();
            if inner.closed || deadline.is_some_and(|deadline| now >= deadline) {
                return false;
            }
            let nap = deadline.map_or(LOOK, |deadline| LOOK.min(deadline - now));
            inner = self.changed.wait_timeout(inner, nap).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(super) fn set_upstream(&self, port: u16) {
        self.lock().upstream = Some(port);
        self.changed.notify_all();
    }

    /// Where to connect to; clients that come before that is known wait.
    pub(super) fn upstream(&self) -> Option<u16> {
        self.wait(None, |inner| inner.upstream.is_some());
        self.lock().upstream
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    pub(super) fn add(&self, rule: Rule) -> usize {
        let mut inner = self.lock();
        let number = inner.next_rule;
        inner.next_rule += 1;
        inner.rules.insert(number, Active { rule, met: 0, fired: Vec::new(), released: false, kept: None });
        number
    }

    pub(super) fn rule(&self, number: usize) -> Option<Rule> {
        self.lock().rules.get(&number).map(|active| active.rule.clone())
    }

    pub(super) fn fired(&self, number: usize) -> (u64, Vec<ProtocolState>) {
        let inner = self.lock();
        let states = inner.rules.get(&number).map(|active| active.fired.clone()).unwrap_or_default();
        (u64::try_from(states.len()).unwrap_or(u64::MAX), states)
    }

    pub(super) fn await_spent(&self, number: usize, deadline: Instant) -> bool {
        self.wait(Some(deadline), |inner| inner.rules.get(&number).is_some_and(Active::is_spent))
    }

    pub(super) fn release(&self, number: usize) {
        if let Some(active) = self.lock().rules.get_mut(&number) {
            active.released = true;
        }
        self.changed.notify_all();
    }

    pub(super) fn end(&self, number: usize) {
        self.lock().rules.remove(&number);
        self.changed.notify_all();
    }

    pub(super) fn arm(&self, number: usize) {
        if let Some(active) = self.lock().rules.get_mut(&number) {
            active.rule.armed = true;
        }
    }

    pub(super) fn await_release(&self, number: usize) {
        self.wait(None, |inner| inner.rules.get(&number).is_none_or(|active| active.released));
    }

    /// Sleeps, unless the proxy ends.
    pub(super) fn delay(&self, time: Duration) {
        self.wait(Some(Instant::now() + time), |_| false);
    }

    pub(super) fn cut(&self, client: &str, cut: Cut) {
        let state = self.observer.state(client);
        self.observer.fault(&format!("network cut {}", cut.name()), state);
        self.lock().links.cut(client, cut);
    }

    pub(super) fn heal(&self, client: &str) {
        self.lock().links.heal(client);
        self.changed.notify_all();
    }

    /// Waits while the network is cut.
    pub(super) fn await_link(&self, client: &str, direction: Direction) {
        self.wait(None, |inner| inner.links.is_open(client, direction));
    }

    /// Ends every rule and cut, lets go of what is held, and empties the log.
    pub(super) fn forget(&self) {
        let mut inner = self.lock();
        inner.rules.clear();
        inner.links = Links::default();
        inner.log = Vec::new();
        drop(inner);
        self.changed.notify_all();
    }

    pub(super) fn note(&self, passed: Passed) {
        self.lock().log.push(passed);
        self.changed.notify_all();
    }

    pub(super) fn log(&self, client: &str) -> Vec<Passed> {
        self.lock().log.iter().filter(|passed| &*passed.client == client).cloned().collect()
    }

    /// Waits until so many frames of a client fit.
    pub(super) fn await_log(
        &self,
        client: &str,
        count: usize,
        deadline: Instant,
        mut fits: impl FnMut(&Passed) -> bool,
    ) -> bool {
        self.wait(Some(deadline), |inner| {
            inner.log.iter().filter(|passed| &*passed.client == client && fits(passed)).count() >= count
        })
    }

    pub(super) fn judge_request(&self, request: &Request<'_>, state: ProtocolState) -> Verdict {
        let head = &request.head;
        let transactional = request.transactional_id().is_some();
        self.judge(&head.client, Direction::ToBroker, head.api, state, |rule| {
            (!rule.commits_only || request.commits() == Some(true))
                && rule.transactional.is_none_or(|wanted| wanted == transactional)
        })
    }

    /// `met` says of the request whether it commits, and whether it is part of a transaction.
    pub(super) fn judge_reply(
        &self,
        client: &str,
        api: Api,
        met: (bool, bool),
        state: ProtocolState,
        frame: &[u8],
    ) -> Verdict {
        let verdict = self.judge(client, Direction::FromBroker, api, state, |rule| {
            (!rule.commits_only || met.0) && rule.transactional.is_none_or(|wanted| wanted == met.1)
        });
        let mut inner = self.lock();
        let replays = inner.rules.values_mut().filter(|active| {
            let Rule { action, client: of, api: asked, .. } = &active.rule;
            *action == Action::Replay && of == client && *asked == api
        });
        for active in replays {
            active.kept.get_or_insert_with(|| frame.to_vec());
        }
        drop(inner);
        verdict
    }

    fn judge(
        &self,
        client: &str,
        direction: Direction,
        api: Api,
        state: ProtocolState,
        fits: impl Fn(&Rule) -> bool,
    ) -> Verdict {
        let mut verdict = Verdict::Pass;
        let mut inner = self.lock();
        let Inner { rules, links, .. } = &mut *inner;
        for (number, active) in rules.iter_mut() {
            let Rule { client: of, direction: way, api: asked, action, .. } = &active.rule;
            if of != client || *way != direction || *asked != api || !fits(&active.rule) {
                continue;
            }
            if !active.rule.armed || active.rule.state.is_some_and(|wanted| wanted != state) {
                continue;
            }
            active.met += 1;
            // Each frame has one fault at most; the rule behind counts it all the same.
            if active.met <= active.rule.skip || active.is_spent() || verdict != Verdict::Pass {
                continue;
            }
            active.fired.push(state);
            if let Some(fault) = active.rule.fault() {
                self.observer.fault(&fault, state);
            }
            verdict = match action {
                Action::Note => Verdict::Pass,
                Action::Hold => Verdict::Hold(*number),
                Action::Delay(time) => Verdict::Delay(*time),
                Action::Drop => Verdict::Drop,
                Action::Silence => Verdict::Silence,
                Action::Cut => Verdict::Cut,
                Action::Double => Verdict::Double,
                Action::Replay => active.kept.clone().map_or(Verdict::Pass, Verdict::Replace),
                Action::CutLink(cut) => {
                    links.cut(client, *cut);
                    Verdict::Pass
                }
            };
        }
        drop(inner);
        self.changed.notify_all();
        verdict
    }
}

impl Active {
    fn is_spent(&self) -> bool {
        u64::try_from(self.fired.len()).unwrap_or(u64::MAX) >= self.rule.times
    }
}
