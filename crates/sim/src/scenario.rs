//! What is replicated, by how many workers, and how the brokers are set up.

use std::collections::BTreeMap;

use velostream_protocol::kafka_lane::{Identity, TransactionVersion};

use crate::broker::{Content, Log, Settings};
use crate::mutant::Mutant;
use crate::random::Random;

/// A job and its surroundings, without faults.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Seed of the source's content, of latencies and of everything else that is not a fault.
    pub seed: u64,
    /// Worker processes.
    pub workers: usize,
    /// Lanes of each.
    pub lanes: u16,
    /// Splits.
    pub splits: u32,
    /// Source batches per split.
    pub batches: u64,
    /// Records per source batch at most.
    pub records: u64,
    /// One in so many source transactions is aborted; 0 for no transactions at all.
    pub abort_every: u64,
    /// The pinned start is behind this many batches.
    pub skip: u64,
    /// Bytes at which a lane commits.
    pub max_bytes: u64,
    /// Age at which a lane commits, milliseconds.
    pub max_interval_ms: u64,
    /// Transaction protocol of the sink.
    pub version: TransactionVersion,
    /// The job ends by itself; otherwise it is stopped once everything is delivered.
    pub bounded: bool,
    /// Batches go on undecoded.
    pub pass_through: bool,
    /// The second destination takes only this many records per batch; 0 for any.
    pub max_records: i64,
    /// Longest way of a request or answer, milliseconds; the shortest is 1.
    pub latency_ms: u64,
    /// A restarted worker says farewell for its dead predecessor.
    pub farewell: bool,
    /// A rule that is broken on purpose.
    pub mutant: Option<Mutant>,
}

/// Session of the group, milliseconds.
pub(crate) const SESSION_MS: u64 = 3_000;
pub(crate) const HEARTBEAT_MS: u64 = 500;
pub(crate) const REBALANCE_MS: u64 = 1_500;
pub(crate) const TRANSACTION_TIMEOUT_MS: u64 = 10_000;
pub(crate) const REQUEST_TIMEOUT_MS: u64 = 2_000;

impl Scenario {
    /// The job of the exhaustive searches: two workers, three batches per split.
    #[must_use]
    pub fn small(version: TransactionVersion) -> Self {
        Self {
            seed: 1,
            workers: 2,
            lanes: 1,
            splits: 2,
            batches: 3,
            records: 2,
            abort_every: 0,
            skip: 0,
            max_bytes: 1,
            max_interval_ms: 20,
            version,
            bounded: true,
            pass_through: true,
            max_records: 0,
            latency_ms: 1,
            farewell: true,
            mutant: None,
        }
    }

    /// One split and two workers: small enough for every pair of faults.
    #[must_use]
    pub fn tiny(version: TransactionVersion) -> Self {
        Self { splits: 1, ..Self::small(version) }
    }

    /// A job drawn from a seed.
    #[must_use]
    pub(crate) fn drawn(seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0x5EED);
        let v2 = !random.one_in(4);
        Self {
            seed,
            workers: usize::try_from(random.between(1, 3)).unwrap_or(2),
            lanes: if random.one_in(4) { 2 } else { 1 },
            splits: u32::try_from(random.between(1, 4)).unwrap_or(2),
            batches: random.between(2, 10),
            records: random.between(1, 4),
            abort_every: random.pick(&[0, 2, 3], 0),
            skip: random.pick(&[0, 0, 1, 3], 0),
            max_bytes: random.pick(&[1, 32, 64, 1 << 20], 32),
            max_interval_ms: random.pick(&[5, 20, 100], 20),
            version: if v2 { TransactionVersion::V2 } else { TransactionVersion::V1 },
            bounded: random.one_in(2),
            pass_through: random.one_in(2),
            max_records: random.pick(&[0, 0, 0, 1], 0),
            latency_ms: random.pick(&[1, 3, 20], 1),
            farewell: random.one_in(2),
            mutant: None,
        }
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings {
            splits: self.splits,
            version: self.version,
            session_ms: SESSION_MS,
            fenced: self.mutant != Some(Mutant::NoFence),
            rebalance_ms: REBALANCE_MS,
            transaction_timeout_ms: TRANSACTION_TIMEOUT_MS,
            max_records: BTreeMap::from([(1, self.max_records)]),
            fetch_batches: 2,
        }
    }

    /// The source's logs.
    pub(crate) fn source(&self) -> Vec<SourceSplit> {
        let mut random = Random::new(self.seed ^ 0x50_0CE);
        (0..self.splits).map(|_| self.split(&mut random)).collect()
    }

    fn split(&self, random: &mut Random) -> SourceSplit {
        let mut log = Log::default();
        // Two producers; each one's open records, next sequence and transaction.
        let mut open: [Vec<i64>; 2] = [Vec::new(), Vec::new()];
        let mut sequences = [0_i32; 2];
        let mut delivered: Vec<i64> = Vec::new();
        let mut start = 0;
        for batch in 0..self.batches {
            if batch == self.skip.min(self.batches - 1) && open.iter().all(Vec::is_empty) {
                start = log.end();
            }
            let count = random.between(1, self.records);
            let from = log.end();
            let offsets: Vec<i64> = (0..count).filter_map(|n| Some(from + i64::try_from(n).ok()?)).collect();
            let who = usize::from(random.one_in(2));
            if self.abort_every == 0 || random.one_in(3) {
                log.append_plain(Content::Data(offsets.clone()));
                delivered.extend(offsets);
                continue;
            }
            let (Some(own), Some(sequence)) = (open.get_mut(who), sequences.get_mut(who)) else { continue };
            let identity = Identity { id: i64::try_from(who).unwrap_or(0), epoch: 0 };
            if log.produce(identity, *sequence, Content::Data(offsets.clone())).is_ok() {
                *sequence += i32::try_from(offsets.len()).unwrap_or(0);
                own.extend(offsets);
            }
            if random.one_in(2) || batch + 2 >= self.batches {
                let commit = !random.one_in(self.abort_every);
                log.mark(identity, commit);
                let records = std::mem::take(own);
                if commit {
                    delivered.extend(records);
                }
            }
        }
        for (who, own) in open.into_iter().enumerate().filter(|(_, own)| !own.is_empty()) {
            log.mark(Identity { id: i64::try_from(who).unwrap_or(0), epoch: 0 }, true);
            delivered.extend(own);
        }
        delivered.retain(|offset| *offset >= start);
        delivered.sort_unstable();
        SourceSplit { log, start, delivered }
    }
}

/// A split of the source, and what a complete sink holds of it.
#[derive(Debug, Clone)]
pub(crate) struct SourceSplit {
    pub(crate) log: Log,
    /// The pinned start.
    pub(crate) start: i64,
    /// Offsets of the records to deliver, in order.
    pub(crate) delivered: Vec<i64>,
}
