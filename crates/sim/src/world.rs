//! Time, network and processes: everything that happens outside the code under test, in one queue.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;
use velostream_processor::StopHandle;

use crate::broker::{Answer, Cluster, Later, Part, Request};
use crate::check::Checker;
use crate::fault::{Fault, Nemesis};
use crate::process::Process;
use crate::random::Random;
use crate::scenario::Scenario;
use crate::trace::Trace;

/// Why a request has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    Disconnected,
    TimedOut,
}

pub(crate) type Outcome = Result<Answer, Lost>;

/// Something that happens at a time.
#[derive(Debug)]
pub(crate) enum Event {
    /// A request arrives; the answer goes to `reply` after so many milliseconds.
    Arrive {
        request: Box<Request>,
        reply: Option<(u64, u64)>,
        back: usize,
    },
    /// A sender learns what became of its request.
    Answer {
        call: u64,
        outcome: Outcome,
    },
    Wake {
        sleep: u64,
    },
    Marker {
        lane: String,
        part: Part,
    },
    Later(Later),
    Nemesis(Nemesis),
    /// A process is killed at a request.
    Crash {
        worker: usize,
        incarnation: u64,
        restart_ms: u64,
    },
    Restart {
        worker: usize,
    },
    Limit,
}

/// Times during which something is wrong.
#[derive(Debug, Default)]
pub(crate) struct Windows {
    pub(crate) stale: (u64, usize),
    pub(crate) slow: (u64, u64),
    pub(crate) away: u64,
}

/// Everything outside the code under test.
pub(crate) struct State {
    pub(crate) scenario: Scenario,
    queue: BTreeMap<(u64, u64), Event>,
    scheduled: u64,
    /// Events of the queue that have to happen before the history is over.
    pub(crate) calls: BTreeMap<u64, oneshot::Sender<Outcome>>,
    /// Calls whose answer the broker gives later, with the way that it takes.
    pub(crate) waiting: BTreeMap<u64, u64>,
    sleeps: BTreeMap<u64, oneshot::Sender<()>>,
    pub(crate) numbers: u64,
    pub(crate) cluster: Cluster,
    pub(crate) checker: Checker,
    pub(crate) processes: Vec<Process>,
    /// Faults of requests that have not happened yet.
    pub(crate) faults: BTreeMap<u64, Fault>,
    pub(crate) points: u64,
    pub(crate) reads: BTreeSet<u64>,
    /// When each request was sent, and by which worker.
    pub(crate) sent: Vec<(u64, usize)>,
    pub(crate) last_fault_ms: u64,
    pub(crate) fired: u64,
    pub(crate) random: Random,
    pub(crate) windows: Windows,
    /// Connections that broke, and when the last request on each arrives.
    pub(crate) broken: BTreeSet<u64>,
    pub(crate) arrivals: BTreeMap<u64, u64>,
    pub(crate) trace: Trace,
    /// Processes to start.
    pub(crate) starts: Vec<usize>,
    pub(crate) stopping: bool,
    pub(crate) events: u64,
}

/// The world of one history.
pub(crate) struct World {
    state: Mutex<State>,
    wake: Notify,
    origin: Instant,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("World")
    }
}

impl State {
    pub(crate) fn new(scenario: Scenario, faults: &[Fault], verbose: bool) -> Self {
        let source = scenario.source();
        let logs = source.iter().map(|s| s.log.clone()).collect();
        let mut state = Self {
            queue: BTreeMap::new(),
            scheduled: 0,
            calls: BTreeMap::new(),
            waiting: BTreeMap::new(),
            sleeps: BTreeMap::new(),
            numbers: 0,
            cluster: Cluster::new(scenario.settings(), logs),
            checker: Checker::new(source),
            processes: (0..scenario.workers).map(|_| Process::default()).collect(),
            faults: BTreeMap::new(),
            points: 0,
            reads: BTreeSet::new(),
            sent: Vec::new(),
            last_fault_ms: 0,
            fired: 0,
            random: Random::new(scenario.seed ^ 0x1A7E),
            windows: Windows::default(),
            broken: BTreeSet::new(),
            arrivals: BTreeMap::new(),
            trace: Trace::new(verbose),
            starts: Vec::new(),
            stopping: false,
            events: 0,
            scenario,
        };
        for fault in faults {
            match *fault {
                Fault::Request { point, .. } | Fault::StaleRead { point, .. } => {
                    state.faults.insert(point, *fault);
                }
                Fault::At { ms, what } => state.schedule(ms, Event::Nemesis(what)),
            }
        }
        state
    }

    pub(crate) fn schedule(&mut self, at: u64, event: Event) {
        self.scheduled += 1;
        self.queue.insert((at, self.scheduled), event);
    }

    pub(crate) const fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn take_due(&mut self, now: u64) -> Option<Event> {
        let entry = self.queue.first_entry()?;
        if entry.key().0 > now {
            return None;
        }
        Some(entry.remove())
    }

    /// Something that can still change the sink is under way.
    fn is_busy(&self) -> bool {
        self.queue.values().any(|e| {
            matches!(
                e,
                Event::Arrive { .. }
                    | Event::Marker { .. }
                    | Event::Later(Later::TransactionTimeout { .. })
                    | Event::Restart { .. }
            )
        })
    }

    pub(crate) fn latency(&mut self) -> u64 {
        let longest = self.scenario.latency_ms;
        if longest <= 1 { 1 } else { self.random.between(1, longest) }
    }

    fn handle(&mut self, now: u64, event: Event) {
        self.events += 1;
        match event {
            Event::Arrive { request, reply, back } => self.arrive(now, *request, reply, back),
            Event::Answer { call, outcome } => {
                self.waiting.remove(&call);
                if let Some(sender) = self.calls.remove(&call) {
                    sender.send(outcome).ok();
                }
            }
            Event::Wake { sleep } => {
                if let Some(sender) = self.sleeps.remove(&sleep) {
                    // Whoever slept may be gone.
                    sender.send(()).ok();
                }
            }
            Event::Marker { lane, part } => {
                self.trace.line(|| format!("{now:>6}  marker {lane} {part:?}"));
                self.cluster.write_marker(&lane, part);
                let Self { checker, cluster, .. } = self;
                checker.observe(cluster);
            }
            Event::Later(Later::TransactionTimeout { lane, number, .. }) => {
                self.cluster.transaction_timeout(&lane, number);
            }
            Event::Later(Later::Timer(_, timer)) => self.cluster.fire(now, timer),
            Event::Later(Later::Marker { .. }) => {}
            Event::Nemesis(what) => self.nemesis(now, what),
            Event::Crash { worker, incarnation, restart_ms } => {
                self.crash(now, worker, Some(incarnation), restart_ms);
            }
            Event::Restart { worker } => self.starts.push(worker),
            Event::Limit => self.checker.report(crate::check::Violation::Stuck { at_ms: now }),
        }
        self.follow(now);
    }

    fn arrive(&mut self, now: u64, request: Request, reply: Option<(u64, u64)>, back: usize) {
        let call = reply.map_or(0, |(call, _)| call);
        let name = request.name();
        let shown = self.trace.is_verbose().then(|| format!("{request:?}"));
        if now < self.windows.away && !matches!(request, Request::SourceFetch { .. }) {
            self.trace.line(|| format!("{now:>6}  {name} finds nobody"));
            return;
        }
        if let Some((call, way)) = reply {
            self.waiting.insert(call, way);
        }
        let answer = self.cluster.handle(now, call, request, back);
        self.trace.mix_text(name);
        self.trace.mix(&[now, call, answer.as_ref().map_or(0, Answer::digest)]);
        self.trace.line(|| format!("{now:>6}  {} #{call} -> {answer:?}", shown.unwrap_or_default()));
        if let (Some(answer), Some((call, way))) = (answer, reply) {
            self.schedule(now + way, Event::Answer { call, outcome: Ok(answer) });
        }
    }

    /// Schedules what the cluster will do by itself.
    fn follow(&mut self, now: u64) {
        for later in self.cluster.take_later() {
            match later {
                Later::Marker { lane, part } => {
                    let slow = if now < self.windows.slow.0 { self.windows.slow.1 } else { 0 };
                    let at = now + self.latency() + slow;
                    self.schedule(at, Event::Marker { lane, part });
                }
                Later::TransactionTimeout { at, .. } | Later::Timer(at, _) => {
                    self.schedule(at, Event::Later(later));
                }
            }
        }
        for (call, answer) in self.cluster.take_answers() {
            let way = self.waiting.get(&call).copied().unwrap_or(1);
            self.schedule(now + way, Event::Answer { call, outcome: Ok(answer) });
        }
    }

    fn nemesis(&mut self, now: u64, what: Nemesis) {
        if self.stopping {
            return;
        }
        self.fired += 1;
        self.last_fault_ms = self.last_fault_ms.max(now);
        self.trace.line(|| format!("{now:>6}  {what:?}"));
        match what {
            Nemesis::Crash { worker, restart_ms } => self.crash(now, worker, None, restart_ms),
            Nemesis::Pause { worker, ms } => self.pause(now, worker, ms),
            Nemesis::Stop { worker, restart_ms } => {
                if let Some(process) = self.processes.get_mut(worker)
                    && let Some(stop) = process.stop(restart_ms)
                {
                    StopHandle::stop(&stop);
                }
            }
            Nemesis::Kick { worker } => self.cluster.kick(now, worker),
            Nemesis::Stale { ms, back } => {
                self.windows.stale = (now + ms, back);
                self.last_fault_ms = now + ms;
            }
            Nemesis::TimeOutTransactions => self.cluster.time_out_all(),
            Nemesis::ExpireIds => self.cluster.expire_ids(),
            Nemesis::SlowMarkers { ms, delay_ms } => {
                self.windows.slow = (now + ms, delay_ms);
                self.last_fault_ms = now + ms + delay_ms;
            }
            Nemesis::Away { ms } => {
                self.windows.away = now + ms;
                self.last_fault_ms = now + ms;
            }
        }
    }

    /// SIGSTOP until a time; the process looks at it whenever it would go on.
    pub(crate) fn pause(&mut self, now: u64, worker: usize, ms: u64) {
        if let Some(process) = self.processes.get_mut(worker) {
            process.pause_until(now + ms);
            self.last_fault_ms = self.last_fault_ms.max(now + ms);
        }
    }

    fn crash(&mut self, now: u64, worker: usize, incarnation: Option<u64>, restart_ms: u64) {
        let Some(process) = self.processes.get_mut(worker) else { return };
        if incarnation.is_some_and(|i| i != process.incarnation()) || !process.kill() {
            return;
        }
        self.trace.line(|| format!("{now:>6}  worker {worker} is killed"));
        self.last_fault_ms = self.last_fault_ms.max(now);
        self.schedule(now + restart_ms, Event::Restart { worker });
    }
}

impl World {
    pub(crate) fn new(state: State) -> Self {
        Self { state: Mutex::new(state), wake: Notify::new(), origin: Instant::now() }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn into_state(self) -> State {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Milliseconds since the start.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn at(&self, ms: u64) -> Instant {
        self.origin + Duration::from_millis(ms)
    }

    /// Says that something new is in the queue.
    pub(crate) fn notify(&self) {
        self.wake.notify_one();
    }

    pub(crate) async fn notified(&self) {
        self.wake.notified().await;
    }

    /// Waits outside any process.
    pub(crate) async fn sleep(&self, ms: u64) {
        let receiver = {
            let (sender, receiver) = oneshot::channel();
            let mut state = self.lock();
            let sleep = state.number();
            state.sleeps.insert(sleep, sender);
            let at = self.now() + ms;
            state.schedule(at, Event::Wake { sleep });
            receiver
        };
        self.notify();
        drop(receiver.await);
    }

    /// Does everything that is due; the time of what comes next.
    pub(crate) fn run_due(&self) -> Option<u64> {
        let now = self.now();
        let mut state = self.lock();
        while let Some(event) = state.take_due(now) {
            state.handle(now, event);
            if state.checker.violation().is_some() {
                break;
            }
        }
        state.queue.first_key_value().map(|((at, _), _)| *at)
    }

    /// Nothing is under way any more that could change the sink.
    pub(crate) fn is_quiet(&self) -> bool {
        !self.lock().is_busy()
    }
}
