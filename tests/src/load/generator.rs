//! Sends a plan's records, in several threads.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use super::plan::{Codec, LoadPlan};
use super::producer::LoadProducer;
use super::record::{MadeRecord, RecordMaker};

/// What a load put into the topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Committed records per partition: what a read_committed reader must find.
    pub committed: Vec<u64>,
    /// Records of aborted transactions, which no read_committed reader may find.
    pub aborted: u64,
    /// Bytes of keys, values and headers, committed ones only.
    pub bytes: u64,
    /// From the first to the last acknowledgement.
    pub elapsed: Duration,
}

impl LoadReport {
    /// Committed records in all partitions.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.committed.iter().sum()
    }

    /// Committed records per second.
    #[must_use]
    pub fn records_per_second(&self) -> u64 {
        let nanoseconds = self.elapsed.as_nanos().max(1);
        u64::try_from(u128::from(self.records()) * 1_000_000_000 / nanoseconds).unwrap_or(u64::MAX)
    }
}

/// Sends every record of the plan and waits until the brokers have acknowledged all of them.
///
/// # Errors
/// When the plan cannot be made, a broker refuses a record, or a thread cannot reach its broker for two minutes.
pub fn produce(bootstrap: &str, plan: &LoadPlan) -> Result<LoadReport> {
    plan.check()?;
    let maker = RecordMaker::new(plan);
    let started = Instant::now();
    let shares: Result<Vec<Share>> = thread::scope(|scope| {
        let workers: Vec<_> = (0..plan.threads)
            .map(|index| {
                let maker = &maker;
                scope.spawn(move || Worker::new(bootstrap, plan, maker, index)?.run())
            })
            .collect();
        workers.into_iter().map(|one| one.join().map_err(|_| anyhow!("a load thread panicked"))?).collect()
    });
    let mut report = LoadReport {
        committed: vec![0; usize::try_from(plan.partitions)?],
        elapsed: started.elapsed(),
        ..LoadReport::default()
    };
    for share in shares? {
        report.aborted += share.aborted;
        report.bytes += share.bytes;
        for lane in share.lanes {
            if let Some(count) = report.committed.get_mut(usize::try_from(lane.partition)?) {
                *count += lane.committed;
            }
        }
    }
    Ok(report)
}

/// One partition as its thread sees it.
#[derive(Debug)]
struct Lane {
    partition: i32,
    quota: u64,
    committed: u64,
    aborted: u64,
}

/// What one thread has sent.
#[derive(Debug, Default)]
struct Share {
    lanes: Vec<Lane>,
    aborted: u64,
    bytes: u64,
}

struct Worker<'a> {
    plan: &'a LoadPlan,
    maker: &'a RecordMaker,
    producers: Vec<LoadProducer>,
    lanes: Vec<Lane>,
    share: Share,
    started: Instant,
    sent: u64,
    record: MadeRecord,
}

impl<'a> Worker<'a> {
    fn new(bootstrap: &str, plan: &'a LoadPlan, maker: &'a RecordMaker, index: usize) -> Result<Self> {
        let partitions = u64::try_from(plan.partitions)?;
        let lanes: Vec<Lane> = (0..plan.partitions)
            .zip(0u64..)
            .filter(|(_, number)| number % plan.threads as u64 == index as u64)
            .map(|(partition, number)| Lane {
                partition,
                quota: plan.records / partitions + u64::from(number < plan.records % partitions),
                committed: 0,
                aborted: 0,
            })
            .collect();
        let codecs: &[Codec] = if lanes.is_empty() { &[] } else { &plan.codecs };
        let producers = codecs
            .iter()
            .map(|codec| LoadProducer::new(bootstrap, plan, *codec, index))
            .collect::<Result<Vec<_>>>()?;
        let record = MadeRecord::default();
        Ok(Self {
            plan,
            maker,
            producers,
            lanes,
            share: Share::default(),
            started: Instant::now(),
            sent: 0,
            record,
        })
    }

    fn run(mut self) -> Result<Share> {
        let mut turn = 0usize;
        while self.lanes.iter().any(|lane| lane.committed < lane.quota) {
            let producers = std::mem::take(&mut self.producers);
            if let Some(producer) = producers.get(turn % producers.len().max(1)) {
                match self.plan.transactions {
                    Some(plan) => {
                        let aborts =
                            plan.abort_every > 0 && (turn as u64 + 1).is_multiple_of(plan.abort_every);
                        self.transaction(producer, plan.records, aborts)?;
                    }
                    None => {
                        self.send_some(producer, self.plan.run_length, false)?;
                        // The next producer's records must come after these in every partition.
                        if producers.len() > 1 {
                            producer.flush()?;
                        }
                    }
                }
            }
            self.producers = producers;
            turn += 1;
        }
        for producer in &self.producers {
            producer.flush()?;
        }
        self.share.aborted = self.lanes.iter().map(|lane| lane.aborted).sum();
        self.share.lanes = self.lanes;
        Ok(self.share)
    }

    fn transaction(&mut self, producer: &LoadProducer, records: u64, aborts: bool) -> Result<()> {
        if aborts {
            producer.begin()?;
            self.send_some(producer, records, true)?;
            producer.abort()?;
        }
        producer.begin()?;
        self.send_some(producer, records, false)?;
        producer.commit()
    }

    /// Sends up to `count` records, to the thread's partitions in turn.
    fn send_some(&mut self, producer: &LoadProducer, count: u64, aborted: bool) -> Result<()> {
        let mut left = count;
        while left > 0 {
            let before = left;
            for lane in &mut self.lanes {
                if left == 0 || (!aborted && lane.committed == lane.quota) {
                    continue;
                }
                let done = if aborted { &mut lane.aborted } else { &mut lane.committed };
                self.maker.make(lane.partition, self.plan.first_sequence + *done, aborted, &mut self.record);
                producer.send(lane.partition, &self.record)?;
                *done += 1;
                left -= 1;
                if !aborted {
                    self.share.bytes += size_of_record(&self.record);
                }
            }
            if left == before {
                break;
            }
            self.sent += before - left;
            self.keep_to_rate();
        }
        Ok(())
    }

    /// Sleeps when this thread is ahead of its share of the plan's rate.
    fn keep_to_rate(&self) {
        let rate = self.plan.records_per_second / self.plan.threads as u64;
        if rate > 0 {
            let due = Duration::from_nanos((self.sent * 1_000_000_000).checked_div(rate).unwrap_or_default());
            crate::services::pause(due.saturating_sub(self.started.elapsed()));
        }
    }
}

fn size_of_record(record: &MadeRecord) -> u64 {
    let headers: usize =
        record.headers.iter().map(|(name, value)| name.len() + value.as_ref().map_or(0, Vec::len)).sum();
    let body = record.key.as_ref().map_or(0, Vec::len) + record.value.as_ref().map_or(0, Vec::len);
    u64::try_from(headers + body).unwrap_or_default()
}
