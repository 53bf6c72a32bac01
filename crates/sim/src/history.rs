//! One history: a plan, run to its end and judged.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::watch;
use velostream_core::{Clock, DeliveryLevel};
use velostream_processor::{Backoff, ExactlyOnceMetrics, LaneParts, Transactions, Worker, WorkerConfig};

use crate::check::Violation;
use crate::clock::SimClock;
use crate::fault::Fault;
use crate::lane::SimLane;
use crate::membership::SimMembership;
use crate::mutant::Mutant;
use crate::network::Endpoint;
use crate::reader::SimReader;
use crate::scenario::Scenario;
use crate::world::{Event, State, World};

/// A job and what goes wrong with it: enough to run the same history again.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The job.
    pub scenario: Scenario,
    /// The faults.
    pub faults: Vec<Fault>,
}

/// What became of a history.
#[derive(Debug, Clone)]
pub struct History {
    /// The first broken promise.
    pub violation: Option<Violation>,
    /// Requests that the workers sent.
    pub points: u64,
    /// Those of them that a replaced server could have answered.
    pub reads: Vec<u64>,
    /// When each request was sent, simulated milliseconds, and by which worker.
    pub sent: Vec<(u64, usize)>,
    /// Faults that happened.
    pub fired: u64,
    /// Simulated milliseconds.
    pub simulated_ms: u64,
    /// Events of the simulated world.
    pub events: u64,
    /// Hash over everything that happened.
    pub hash: u64,
    /// What happened, line by line, where it was asked for.
    pub trace: Vec<String>,
}

/// How long after the last fault a job may take to be done, simulated milliseconds: two sessions, a transaction
/// timeout, the longest pause between retries, and room.
const PATIENCE_MS: u64 = 60_000;
/// No history is longer than this.
const LIMIT_MS: u64 = 600_000;

/// Runs a history.
#[must_use]
pub fn run(plan: &Plan) -> History {
    run_with(plan, false)
}

/// Runs a history and keeps what happened as text.
#[must_use]
pub fn replay(plan: &Plan) -> History {
    run_with(plan, true)
}

fn run_with(plan: &Plan, verbose: bool) -> History {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    let Ok(runtime) = runtime else {
        return ended(State::new(plan.scenario.clone(), &plan.faults, false), 0);
    };
    let world = runtime.block_on(async {
        let world = Arc::new(World::new(State::new(plan.scenario.clone(), &plan.faults, verbose)));
        drive(&world).await;
        world
    });
    let now = runtime.block_on(async { world.now() });
    // Dropping the runtime drops every task, and with it every other handle on the world.
    drop(runtime);
    match Arc::try_unwrap(world) {
        Ok(world) => ended(world.into_state(), now),
        Err(world) => {
            let state = std::mem::replace(&mut *world.lock(), State::new(plan.scenario.clone(), &[], false));
            ended(state, now)
        }
    }
}

fn ended(state: State, now: u64) -> History {
    History {
        violation: state.checker.violation().cloned(),
        points: state.points,
        reads: state.reads.iter().copied().collect(),
        sent: state.sent,
        fired: state.fired,
        simulated_ms: now,
        events: state.events,
        hash: state.trace.hash(),
        trace: state.trace.lines(),
    }
}

/// The loop of the world: what is due happens, processes that are to start are started.
async fn drive(world: &Arc<World>) {
    {
        let mut state = world.lock();
        for worker in 0..state.scenario.workers {
            // One after the other, as an operator starts them.
            let at = u64::try_from(worker).unwrap_or(0) * 2;
            state.schedule(at, Event::Restart { worker });
        }
        state.schedule(LIMIT_MS, Event::Limit);
    }
    loop {
        let next = world.run_due();
        let starts = std::mem::take(&mut world.lock().starts);
        for worker in starts {
            start(world, worker);
        }
        if judge(world) {
            return;
        }
        let next = world.at(next.unwrap_or(LIMIT_MS));
        tokio::select! {
            biased;
            () = world.notified() => {}
            () = tokio::time::sleep_until(next) => {}
        }
    }
}

/// True once the history is over.
fn judge(world: &World) -> bool {
    let now = world.now();
    let quiet = world.is_quiet();
    let mut guard = world.lock();
    let state = &mut *guard;
    if state.checker.violation().is_some() {
        return true;
    }
    if !state.stopping && !state.scenario.bounded && state.checker.is_complete() {
        state.stopping = true;
        state.last_fault_ms = state.last_fault_ms.max(now);
        for process in &mut state.processes {
            match process.stop_handle() {
                Some(stop) => stop.stop(),
                None => process.retire(),
            }
        }
    }
    if state.processes.iter().all(crate::process::Process::has_ended) {
        if quiet {
            let State { checker, cluster, .. } = state;
            checker.finish(cluster);
            return true;
        }
    } else if now > state.last_fault_ms + PATIENCE_MS {
        state.checker.report(Violation::Stuck { at_ms: now });
        return true;
    }
    false
}

/// Starts a worker process: the real worker over simulated ends.
fn start(world: &Arc<World>, worker: usize) {
    let (scenario, incarnation, predecessor, starts, ends) = {
        let mut guard = world.lock();
        let state = &mut *guard;
        if state.stopping {
            if let Some(process) = state.processes.get_mut(worker) {
                process.retire();
            }
            return;
        }
        let scenario = state.scenario.clone();
        let (starts, ends) = state.checker.starts_and_ends();
        let Some(process) = state.processes.get_mut(worker) else { return };
        let incarnation = process.begin();
        let dead = std::mem::take(&mut process.member_id);
        let predecessor = (scenario.farewell && !dead.is_empty()).then_some(dead);
        (scenario, incarnation, predecessor, starts, ends)
    };
    let endpoint = Endpoint { world: Arc::clone(world), worker, incarnation };
    let ranges = starts.iter().copied().zip(ends.iter().copied()).collect();
    let membership = Arc::new(SimMembership::new(endpoint.clone(), &scenario, ranges));
    let parts = (0..scenario.lanes)
        .map(|lane| LaneParts {
            reader: Box::new(SimReader::new(endpoint.clone(), ends.clone(), &scenario)),
            lane: Box::new(SimLane::new(
                format!("w{worker}.{lane}"),
                endpoint.clone(),
                Arc::clone(&membership),
                &scenario,
                if scenario.mutant == Some(Mutant::StartAtClaim) { ends.clone() } else { starts.clone() },
            )),
            deduplication: None,
        })
        .collect();
    let clock: Arc<dyn Clock> = Arc::new(SimClock(endpoint.clone()));
    let metrics =
        ExactlyOnceMetrics::new("sim", &format!("w{worker}"), DeliveryLevel::ExactlyOnceTransactional);
    let real = Worker::new(config(&scenario), Arc::clone(&membership) as _, clock, metrics, parts);
    let stop = real.stop_handle();
    let keeper = tokio::spawn(membership.keep(predecessor)).abort_handle();
    let run = tokio::spawn(async move {
        let result = real.run(watch::Sender::new(Vec::new())).await;
        finished(&endpoint, result);
    })
    .abort_handle();
    if let Some(process) = world.lock().processes.get_mut(worker) {
        process.started(stop, vec![keeper, run]);
    }
}

fn config(scenario: &Scenario) -> WorkerConfig {
    WorkerConfig {
        transactions: Transactions {
            max_interval: Duration::from_millis(scenario.max_interval_ms),
            max_bytes: scenario.max_bytes,
            pass_through: scenario.pass_through,
        },
        backoff: Backoff::default(),
        bounded: scenario.bounded,
        max_decoded_bytes: 1 << 20,
    }
}

/// A worker came to its end by itself.
fn finished(endpoint: &Endpoint, result: velostream_core::Result<()>) {
    let world = &endpoint.world;
    let now = world.now();
    {
        let mut guard = world.lock();
        let state = &mut *guard;
        let worker = endpoint.worker;
        state.trace.mix(&[now, worker as u64, u64::from(result.is_ok())]);
        state.trace.line(|| format!("{now:>6} w{worker} ended: {result:?}"));
        if let Err(error) = result {
            state.checker.report(Violation::Failed { worker, error: error.to_string() });
        }
        let stopping = state.stopping;
        let Some(process) = state.processes.get_mut(worker) else { return };
        if process.incarnation() != endpoint.incarnation {
            return;
        }
        let restart = process.ended();
        // A bounded job's worker that was asked to stop may have been done.
        if let Some(restart_ms) = restart.filter(|_| !stopping) {
            process.wait_for_restart();
            state.schedule(now + restart_ms, Event::Restart { worker });
        }
    }
    world.notify();
}
