//! Compares every partition, a few at a time.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use velostream_core::Clock;

use crate::compare::{Comparer, Outcome, Side};
use crate::config::Config;
use crate::error::Error;
use crate::finding::{Finding, Kind};
use crate::plan::{Task, plan};
use crate::reader::PartitionReader;
use crate::report::{PartitionReport, Report};

/// Records between two calls of the progress callback.
const REPORT_EVERY: u64 = 16_384;

/// How far a verification is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Source and sink records read so far.
    pub records_read: u64,
    /// Partitions that are done.
    pub partitions_done: usize,
    /// Partitions in total.
    pub partitions: usize,
}

/// Compares every topic pair and reports what differs. Blocks the calling thread: from async code, call it inside
/// `spawn_blocking`.
///
/// The ends are fixed when it starts: the last stable offset of every partition, so records of a transaction that
/// stays open for [`Config::settle`] are not compared. Stop or drain the replication first, or the sink lacks its tail
/// and says so. `progress` is called from several threads.
///
/// # Errors
/// [`Error::NothingToCompare`], [`Error::Settings`], [`Error::NoTopic`] and [`Error::OffsetGone`] are for the operator
/// (`Reject`); [`Error::Unreachable`], [`Error::Read`] and [`Error::Stalled`] may pass (`Retry`).
///
/// # Crash safety
/// It only reads: it joins no group, commits no offset, writes no record.
pub fn verify(
    config: &Config,
    clock: &dyn Clock,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Report, Error> {
    if config.pairs.is_empty() {
        return Err(Error::NothingToCompare);
    }
    let started = clock.monotonic();
    let tasks = plan(config)?;
    let run = Run {
        config,
        tasks: &tasks,
        next: AtomicUsize::new(0),
        done: AtomicUsize::new(0),
        read: AtomicU64::new(0),
        results: Mutex::new(Vec::with_capacity(tasks.len())),
        progress,
    };
    thread::scope(|scope| {
        for _ in 0..config.threads.clamp(1, tasks.len().max(1)) {
            scope.spawn(|| run.work());
        }
    });
    let mut results = run.results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(at, _)| *at);
    let mut report = Report::default();
    for (at, result) in results {
        if let Some(task) = tasks.get(at) {
            report.add(task, result?, config.limits.examples);
        }
    }
    report.elapsed_ms =
        u64::try_from(clock.monotonic().saturating_sub(started).as_millis()).unwrap_or(u64::MAX);
    Ok(report)
}

/// What one partition's comparison gave.
struct Compared {
    outcome: Outcome,
    unread_headers: u64,
}

/// Shared by the threads of one verification.
struct Run<'a> {
    config: &'a Config,
    tasks: &'a [Task],
    next: AtomicUsize,
    done: AtomicUsize,
    read: AtomicU64,
    results: Mutex<Vec<(usize, Result<Compared, Error>)>>,
    progress: &'a (dyn Fn(Progress) + Sync),
}

impl Run<'_> {
    /// Takes one partition after the other; stops all threads at the first error.
    fn work(&self) {
        loop {
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(task) = self.tasks.get(at) else { return };
            let result = self.compare(task);
            if result.is_err() {
                self.next.store(self.tasks.len(), Ordering::Relaxed);
            }
            self.results.lock().unwrap_or_else(PoisonError::into_inner).push((at, result));
            self.done.fetch_add(1, Ordering::Relaxed);
            self.report_progress(0);
        }
    }

    fn compare(&self, task: &Task) -> Result<Compared, Error> {
        let mut source = PartitionReader::open(&self.config.source, &task.source, self.config.stall)?;
        let mut sink = PartitionReader::open(&self.config.sink, &task.sink, self.config.stall)?;
        let mut comparer = Comparer::new(self.config.limits);
        let mut since = 0;
        while let Some(side) = comparer.wants() {
            let reader = if side == Side::Source { &mut source } else { &mut sink };
            match reader.next()? {
                Some(item) => comparer.feed(side, item),
                None => comparer.end(side),
            }
            comparer.remaining(source.remaining(), sink.remaining());
            since += 1;
            if since == REPORT_EVERY {
                self.report_progress(since);
                since = 0;
            }
        }
        self.report_progress(since);
        let mut outcome = comparer.finish();
        let unread_headers = source.unread_headers().max(sink.unread_headers());
        if outcome.needs_explanation() {
            let mut again = PartitionReader::open(&self.config.source, &task.source, self.config.stall)?;
            while outcome.needs_explanation()
                && let Some(item) = again.next()?
            {
                outcome.explain(&item);
            }
        }
        Ok(Compared { outcome, unread_headers })
    }

    fn report_progress(&self, more: u64) {
        let records_read = self.read.fetch_add(more, Ordering::Relaxed) + more;
        let partitions_done = self.done.load(Ordering::Relaxed);
        (self.progress)(Progress { records_read, partitions_done, partitions: self.tasks.len() });
    }
}

impl Report {
    fn add(&mut self, task: &Task, compared: Compared, examples: usize) {
        let Compared { outcome, unread_headers } = compared;
        self.counts.add(&outcome.counts);
        self.uncertain += outcome.uncertain;
        self.unread_headers += unread_headers;
        for finding in outcome.findings {
            if self.kept(finding.kind) < examples {
                self.examples.push(Finding {
                    topic: task.source.topic.clone(),
                    partition: task.source.partition,
                    ..finding
                });
            }
        }
        self.partitions.push(PartitionReport {
            source_topic: task.source.topic.clone(),
            sink_topic: task.sink.topic.clone(),
            partition: task.source.partition,
            source_range: (task.source.from, task.source.end),
            sink_range: (task.sink.from, task.sink.end),
            source_unstable: task.source.unstable,
            sink_unstable: task.sink.unstable,
            counts: outcome.counts,
            uncertain: outcome.uncertain,
            unread_headers,
        });
    }

    fn kept(&self, kind: Kind) -> usize {
        self.examples.iter().filter(|one| one.kind == kind).count()
    }
}
