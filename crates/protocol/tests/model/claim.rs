//! `connector-kafka/sink/claim.rs`, step by step, around the real barrier.

use velostream_core::{BatchId, Claim, Disposition};
use velostream_protocol::job::{During, Event};
use velostream_protocol::kafka_lane::{Barrier, JournalEntry};

use super::driver::Run;
use super::log::{Entry, Log, Outcome};
use super::network::{Body, Message};
use super::rules::Wrong;
use super::worker::{Operation, Stage, lane_name, lane_number, position, split};

/// Position next to be read and number of the last delivery.
pub(crate) type Found = (u8, u8);

fn journal_entry(entry: Entry) -> Option<JournalEntry<Found>> {
    match entry {
        Entry::Claim { lane } => Some(JournalEntry::Claim { lane: lane_name(lane) }),
        Entry::Progress { lane, next, batch, released } => {
            Some(JournalEntry::Progress { lane: lane_name(lane), released, progress: (next, batch) })
        }
        Entry::Data { .. } | Entry::Marker { .. } => None,
    }
}

/// The newest committed progress of the first `end` records.
pub(crate) fn newest(log: &Log, end: usize, seen: usize) -> Option<Found> {
    (0..end).rev().find_map(|at| match log.records()[at].entry {
        Entry::Progress { next, batch, .. } if log.outcome(at, seen) == Outcome::Committed => {
            Some((next, batch))
        }
        _ => None,
    })
}

impl Run<'_> {
    /// Where reading starts: the progress record that the group's offset names.
    fn hint(&self) -> usize {
        let committed = self.world.group.committed;
        (0..self.world.journal.end())
            .rev()
            .find(|at| self.world.progress_at(*at) == Some(committed))
            .unwrap_or(0)
    }

    fn barrier(&self, w: u8, claim: usize) -> Barrier<Found> {
        let offset = i64::try_from(claim).expect("a short log");
        let mut barrier = Barrier::new(lane_name(w), offset, self.world.workers[usize::from(w)].fenced);
        for at in self.hint()..claim {
            if let Some(entry) = journal_entry(self.world.journal.records()[at].entry) {
                barrier.observe_uncommitted(i64::try_from(at).expect("a short log"), &entry);
            }
        }
        barrier
    }

    /// What reading committed data finds in a log that ends at `end`; `None` where it has to go on waiting.
    fn read(&self, w: u8, claim: usize, end: usize) -> Option<Found> {
        let journal = &self.world.journal;
        let stable = journal.last_stable(end);
        if self.rules.breaks(Wrong::StopAtLastStable) {
            return Some(newest(journal, stable, end).unwrap_or_else(|| self.start()));
        }
        if self.rules.breaks(Wrong::NoBarrier) {
            return (stable == end).then(|| newest(journal, end, end).unwrap_or_else(|| self.start()));
        }
        let mut barrier = self.barrier(w, claim);
        for at in self.hint()..stable {
            if let Some(entry) = journal_entry(journal.records()[at].entry)
                && journal.outcome(at, end) == Outcome::Committed
            {
                barrier.observe_committed(i64::try_from(at).expect("a short log"), &entry);
            }
        }
        let stable = i64::try_from(stable).expect("a short log");
        barrier.read_committed_to(stable, stable);
        barrier.recovered().map(|r| r.progress.map_or_else(|| self.start(), |(_, found)| found))
    }

    /// The start that the registrar pinned.
    fn start(&self) -> Found {
        if self.rules.breaks(Wrong::StartAtClaim) { (self.world.source_end, 0) } else { (0, 0) }
    }

    /// Everything that a claim may find now, from the leader or from one that was replaced some time ago.
    pub(crate) fn findings(&self, w: u8, claim: usize) -> Vec<Found> {
        if self.rules.breaks(Wrong::PositionFromOffsetFetch) {
            let batch = newest(&self.world.journal, self.world.journal.end(), self.world.journal.end());
            let batch = batch.map_or(0, |(_, batch)| batch);
            let mut found = vec![(self.world.group.committed, batch), (self.world.group.replaced, batch)];
            found.dedup();
            return found;
        }
        let mut found: Vec<_> =
            (0..=self.world.journal.end()).filter_map(|end| self.read(w, claim, end)).collect();
        if self.rules.breaks(Wrong::StopAtLastStable) {
            found = self.read(w, claim, self.world.journal.end()).into_iter().collect();
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    pub(crate) fn confirm(&mut self, w: u8) {
        let worker = self.world.worker(w);
        let token = worker.token;
        let current = worker.published.token == token && !worker.published.lost;
        if current && token.is_some_and(|t| self.world.group.accepts(t)) {
            self.world.worker(w).operation = Operation::Claim(Stage::Append);
        } else {
            self.fail(w, During::Claim, Disposition::Fenced);
        }
    }

    pub(crate) fn append_claim(&mut self, w: u8) {
        let claim = self.world.journal.append_plain(Entry::Claim { lane: w });
        let claim = u8::try_from(claim).expect("a short log");
        self.world.worker(w).operation = Operation::Claim(Stage::Fence { claim });
    }

    /// Lanes that this claim has to fence.
    pub(crate) fn to_fence(&self, w: u8, claim: u8) -> Vec<u8> {
        self.barrier(w, claim.into()).fences().iter().map(|f| lane_number(&f.lane)).collect()
    }

    /// One InitProducerId for every earlier owner; it may be late, and then nobody waits for it.
    pub(crate) fn fence(&mut self, w: u8, claim: u8, late: bool) {
        for lane in self.to_fence(w, claim) {
            if late {
                self.world.network.send(Message { lane, stray: true, body: Body::Init });
            } else {
                self.world.transactions[usize::from(lane)].init();
            }
        }
        let worker = self.world.worker(w);
        if !late {
            worker.fenced = claim.into();
        }
        worker.operation = Operation::Claim(Stage::Read { claim });
    }

    pub(crate) fn claimed(&mut self, w: u8, (next, batch): Found) {
        let owner = self.world.group.owner == Some(w);
        let token = self.world.worker(w).token;
        if owner && token.is_some_and(|t| self.world.group.accepts(t)) && next != self.world.position() {
            self.world.wrong_claim = true;
        }
        self.world.worker(w).operation = Operation::Idle;
        let claim = Claim { split: split(), position: position(next), batch: BatchId(batch.into()) };
        self.apply(w, Event::Claimed(vec![claim]));
    }
}
