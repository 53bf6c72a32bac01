//! How a process talks to the brokers, and the one place where requests go wrong.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::broker::Request;
use crate::fault::{Applied, Fault, Then};
use crate::process::Standing;
use crate::scenario::{REBALANCE_MS, REQUEST_TIMEOUT_MS};
use crate::world::{Event, Lost, Outcome, State, World};

/// One process's way to everything outside.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) world: Arc<World>,
    pub(crate) worker: usize,
    pub(crate) incarnation: u64,
}

/// A request under way.
#[derive(Debug)]
pub(crate) struct Pending {
    endpoint: Endpoint,
    answer: oneshot::Receiver<Outcome>,
}

impl Pending {
    pub(crate) async fn answer(self) -> Outcome {
        let Ok(outcome) = self.answer.await else {
            // Nobody will ever answer: the sender was killed.
            return std::future::pending().await;
        };
        self.endpoint.gate().await;
        outcome
    }
}

impl Endpoint {
    /// Passes while the process runs; a dead one never goes on.
    pub(crate) async fn gate(&self) {
        loop {
            let standing = {
                let state = self.world.lock();
                let process = state.processes.get(self.worker);
                process.map_or(Standing::Dead, |p| p.standing(self.incarnation, self.world.now()))
            };
            match standing {
                Standing::Running => return,
                Standing::Paused(ms) => self.world.sleep(ms).await,
                Standing::Dead => std::future::pending().await,
            }
        }
    }

    pub(crate) async fn sleep(&self, ms: u64) {
        self.world.sleep(ms).await;
        self.gate().await;
    }

    /// A connection of its own order.
    pub(crate) fn connect(&self) -> u64 {
        self.world.lock().number()
    }

    pub(crate) async fn call(&self, request: Request) -> Outcome {
        let connection = self.connect();
        self.start(connection, request).await.answer().await
    }

    /// Sends; requests on one connection arrive in order.
    pub(crate) async fn start(&self, connection: u64, request: Request) -> Pending {
        self.gate().await;
        let fault = {
            let now = self.world.now();
            let mut state = self.world.lock();
            let point = state.points;
            state.points += 1;
            state.sent.push((now, self.worker));
            if request.is_read() {
                state.reads.insert(point);
            }
            let fault = state.faults.remove(&point);
            state.trace.mix_text(request.name());
            state.trace.mix(&[now, point, self.worker as u64, u64::from(fault.is_some())]);
            let (worker, name) = (self.worker, request.name());
            state.trace.line(|| {
                let fault = fault.map_or_else(String::new, |f| format!(", {f:?}"));
                format!("{now:>6} w{worker} sends {name} (point {point}{fault})")
            });
            if fault.is_some() {
                state.fired += 1;
                state.last_fault_ms = state.last_fault_ms.max(now);
            }
            if let Some(Fault::Request { applied: Applied::Never, then: Then::Pause { ms }, .. }) = fault {
                state.pause(now, self.worker, ms);
            }
            fault
        };
        if let Some(Fault::Request { applied: Applied::Never, then: Then::Pause { .. }, .. }) = fault {
            // Stopped right in front of sending: the request goes out when the process goes on.
            self.gate().await;
            return self.send(connection, request, None);
        }
        self.send(connection, request, fault)
    }

    fn send(&self, connection: u64, request: Request, fault: Option<Fault>) -> Pending {
        let (sender, answer) = oneshot::channel();
        {
            let now = self.world.now();
            let mut state = self.world.lock();
            let call = state.number();
            state.calls.insert(call, sender);
            self.post(&mut state, now, connection, (call, request), fault);
        }
        self.world.notify();
        Pending { endpoint: self.clone(), answer }
    }

    fn post(
        &self,
        state: &mut State,
        now: u64,
        connection: u64,
        (call, request): (u64, Request),
        fault: Option<Fault>,
    ) {
        let (there, way) = (state.latency(), state.latency());
        if state.broken.contains(&connection) {
            state.schedule(now + there, Event::Answer { call, outcome: Err(Lost::Disconnected) });
            return;
        }
        let mut back = if now < state.windows.stale.0 { state.windows.stale.1 } else { 0 };
        if let Some(Fault::StaleRead { back: changes, .. }) = fault {
            back = changes;
        }
        let arrives = (now + there).max(state.arrivals.get(&connection).copied().unwrap_or(0));
        let joins = matches!(request, Request::Join { .. });
        let request = Box::new(request);
        let Some(Fault::Request { applied, then, .. }) = fault else {
            state.arrivals.insert(connection, arrives);
            state.schedule(arrives, Event::Arrive { request, reply: Some((call, way)), back });
            // The answer to a join comes when the group is complete.
            let patience = if joins { 2 * REQUEST_TIMEOUT_MS + REBALANCE_MS } else { REQUEST_TIMEOUT_MS };
            state.schedule(now + patience, Event::Answer { call, outcome: Err(Lost::TimedOut) });
            return;
        };
        state.broken.insert(connection);
        let reply = (applied == Applied::Now).then_some((call, way));
        match applied {
            Applied::Never => {}
            Applied::ReplyLost | Applied::Now => {
                state.schedule(arrives, Event::Arrive { request, reply, back });
            }
            Applied::Later { ms } => state.schedule(arrives + ms, Event::Arrive { request, reply, back }),
        }
        let lost = |outcome| Event::Answer { call, outcome: Err(outcome) };
        match then {
            Then::Error => state.schedule(now + there + way, lost(Lost::Disconnected)),
            Then::TimeOut => state.schedule(now + REQUEST_TIMEOUT_MS, lost(Lost::TimedOut)),
            Then::Crash { restart_ms } => {
                // After the request has arrived, where it does at once.
                let at = if applied == Applied::ReplyLost { arrives + 1 } else { now };
                let (worker, incarnation) = (self.worker, self.incarnation);
                state.schedule(at, Event::Crash { worker, incarnation, restart_ms });
            }
            Then::Pause { ms } => {
                state.pause(now, self.worker, ms);
                if applied != Applied::Now || joins {
                    state.schedule(now + ms, lost(Lost::Disconnected));
                } else {
                    // The brokers may be away just then.
                    state.schedule(now + ms + REQUEST_TIMEOUT_MS, lost(Lost::TimedOut));
                }
            }
        }
    }
}
