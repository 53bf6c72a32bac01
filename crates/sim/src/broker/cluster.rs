//! The source's log and the sink cluster as one thing that answers requests.

use std::collections::{BTreeMap, BTreeSet};

use velostream_protocol::kafka_lane::{Identity, Member, TransactionVersion};

use super::group::{Change, Group, Timer};
use super::log::{Content, Log};
use super::offsets::Offsets;
use super::request::{Answer, Code, Fetched, Part, Request, StoredOffset};
use super::transactions::Transactions;

/// How the cluster is set up.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) splits: u32,
    pub(crate) version: TransactionVersion,
    pub(crate) session_ms: u64,
    /// Offset commits of stale generations are refused; always so in Kafka.
    pub(crate) fenced: bool,
    pub(crate) rebalance_ms: u64,
    pub(crate) transaction_timeout_ms: u64,
    /// Most records that a batch may have per destination (`max.message.bytes`); 0 for no bound.
    pub(crate) max_records: BTreeMap<u32, i64>,
    /// Batches per partition and Fetch.
    pub(crate) fetch_batches: usize,
}

/// What will happen by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Later {
    /// A marker that the coordinator has to write.
    Marker {
        lane: String,
        part: Part,
    },
    /// A transaction's age limit, at a time.
    TransactionTimeout {
        at: u64,
        lane: String,
        number: u64,
    },
    Timer(u64, Timer),
}

/// The brokers.
#[derive(Debug)]
pub(crate) struct Cluster {
    settings: Settings,
    pub(crate) source: Vec<Log>,
    pub(crate) data: Vec<Log>,
    pub(crate) journal: Vec<Log>,
    pub(crate) offsets: Offsets,
    pub(crate) group: Group,
    transactions: BTreeMap<String, Transactions>,
    given: i64,
    later: Vec<Later>,
    answers: Vec<(u64, Answer)>,
}

impl Cluster {
    pub(crate) fn new(settings: Settings, source: Vec<Log>) -> Self {
        let logs = || (0..settings.splits).map(|_| Log::default()).collect();
        Self {
            source,
            data: logs(),
            journal: logs(),
            offsets: Offsets::default(),
            group: Group::new(settings.splits, settings.session_ms, settings.rebalance_ms),
            transactions: BTreeMap::new(),
            given: 1000,
            later: Vec::new(),
            answers: Vec::new(),
            settings,
        }
    }

    /// What will happen by itself since the last question.
    pub(crate) fn take_later(&mut self) -> Vec<Later> {
        std::mem::take(&mut self.later)
    }

    /// Answers to calls that had to wait.
    pub(crate) fn take_answers(&mut self) -> Vec<(u64, Answer)> {
        std::mem::take(&mut self.answers)
    }

    /// Handles a request; `None` where the answer comes later. `back` > 0 asks a server that was replaced that many
    /// changes ago.
    pub(crate) fn handle(&mut self, now: u64, call: u64, request: Request, back: usize) -> Option<Answer> {
        let answer = match request {
            Request::Produce { lane, identity, sequence, part, content } => {
                self.produce(now, &lane, identity, sequence, part, content).map(Answer::Appended)
            }
            Request::Claim { lane, partitions } => Ok(self.claim(&lane, &partitions)),
            Request::AddPartition { lane, identity, part } => {
                self.add(now, &lane, identity, part).map(|()| Answer::Done)
            }
            Request::StoreOffsets { lane, identity, member, offsets } => {
                self.store(now, &lane, identity, &member, &offsets).map(|()| Answer::Done)
            }
            Request::End { lane, identity, commit } => self.end(&lane, identity, commit),
            Request::Init { lane, .. } => self.init(&lane),
            Request::JournalFetch { positions, committed } => self.journal_fetch(&positions, committed, back),
            Request::OffsetFetch { partitions, stable } => self.offset_fetch(&partitions, stable, back),
            Request::Ends { partitions } => Ok(self.ends(&partitions, back)),
            Request::Heartbeat { .. } if back > 0 => Ok(Answer::Done),
            Request::Heartbeat { member } => self.group.heartbeat(now, &member).map(|()| Answer::Done),
            Request::Join { worker, member_id, holds } => {
                let (answer, change) = self.group.join(now, call, worker, &member_id, holds);
                self.changed(change);
                return answer;
            }
            Request::Leave { member_id } => {
                let (found, change) = self.group.remove(now, &member_id);
                self.changed(change);
                if found { Ok(Answer::Done) } else { Err(Code::UnknownMember) }
            }
            Request::SourceFetch { positions } => Ok(self.source_fetch(&positions, back)),
        };
        Some(answer.unwrap_or_else(Answer::Error))
    }

    fn changed(&mut self, change: Change) {
        self.later.extend(change.timers.into_iter().map(|(at, timer)| Later::Timer(at, timer)));
        self.answers.extend(change.answers);
    }

    fn log(&mut self, part: Part) -> Option<&mut Log> {
        match part {
            Part::Data(split) => self.data.get_mut(usize::try_from(split).ok()?),
            Part::Journal(split) => self.journal.get_mut(usize::try_from(split).ok()?),
            Part::Offsets => None,
        }
    }

    fn produce(
        &mut self,
        now: u64,
        lane: &str,
        identity: Identity,
        sequence: i32,
        part: Part,
        content: Content,
    ) -> Result<i64, Code> {
        if let (Part::Data(split), Content::Data(offsets)) = (part, &content) {
            let most = self.settings.max_records.get(&split).copied().unwrap_or(0);
            if most > 0 && i64::try_from(offsets.len()).unwrap_or(i64::MAX) > most {
                return Err(Code::TooLarge);
            }
        }
        if !self.log(part).is_some_and(|log| log.has_open(identity)) {
            // The broker asks the coordinator before it opens a transaction (KIP-890).
            match self.settings.version {
                TransactionVersion::V2 => self.add(now, lane, identity, part)?,
                TransactionVersion::V1 => {
                    self.transactions.get(lane).ok_or(Code::UnknownProducer)?.verify(identity, part)?;
                }
            }
        }
        self.log(part).ok_or(Code::Away)?.produce(identity, sequence, content)
    }

    fn add(&mut self, now: u64, lane: &str, identity: Identity, part: Part) -> Result<(), Code> {
        let transactions = self.transactions.get_mut(lane).ok_or(Code::UnknownProducer)?;
        let before = transactions.number();
        transactions.add(identity, part)?;
        let number = transactions.number();
        if number != before {
            let at = now + self.settings.transaction_timeout_ms;
            self.later.push(Later::TransactionTimeout { at, lane: lane.to_owned(), number });
        }
        Ok(())
    }

    fn store(
        &mut self,
        now: u64,
        lane: &str,
        identity: Identity,
        member: &Member,
        offsets: &[StoredOffset],
    ) -> Result<(), Code> {
        match self.settings.version {
            TransactionVersion::V2 => self.add(now, lane, identity, Part::Offsets)?,
            TransactionVersion::V1 => {
                self.transactions.get(lane).ok_or(Code::UnknownProducer)?.verify(identity, Part::Offsets)?;
            }
        }
        if self.settings.fenced {
            self.group.accepts(member)?;
        }
        self.offsets.store(identity, offsets)
    }

    fn end(&mut self, lane: &str, identity: Identity, commit: bool) -> Result<Answer, Code> {
        let version = self.settings.version;
        let transactions = self.transactions.get_mut(lane).ok_or(Code::UnknownProducer)?;
        let next = transactions.end(identity, commit, version)?;
        self.markers(lane);
        Ok(Answer::Identity((version == TransactionVersion::V2).then_some(next)))
    }

    fn init(&mut self, lane: &str) -> Result<Answer, Code> {
        let fresh = self.given + 1;
        let transactions = self.transactions.entry(lane.to_owned()).or_insert_with(Transactions::new);
        let answer = transactions.init(fresh);
        if answer.is_ok_and(|identity| identity.id == fresh) {
            self.given = fresh;
        }
        self.markers(lane);
        answer.map(|identity| Answer::Identity(Some(identity)))
    }

    fn markers(&mut self, lane: &str) {
        let Some(transactions) = self.transactions.get(lane) else { return };
        for part in transactions.due() {
            let marker = Later::Marker { lane: lane.to_owned(), part };
            if !self.later.contains(&marker) {
                self.later.push(marker);
            }
        }
    }

    /// Writes a marker that was due.
    pub(crate) fn write_marker(&mut self, lane: &str, part: Part) {
        let Some((identity, commit)) = self.transactions.get_mut(lane).and_then(|t| t.take_marker(part))
        else {
            return;
        };
        match self.log(part) {
            Some(log) => log.mark(identity, commit),
            None => self.offsets.mark(identity, commit),
        }
    }

    /// A transaction has come to its age limit.
    pub(crate) fn transaction_timeout(&mut self, lane: &str, number: u64) {
        if let Some(transactions) = self.transactions.get_mut(lane)
            && transactions.is_ongoing()
            && transactions.number() == number
        {
            transactions.fence();
            self.markers(lane);
        }
    }

    /// Every open transaction comes to its age limit now.
    pub(crate) fn time_out_all(&mut self) {
        let open: Vec<(String, u64)> = self
            .transactions
            .iter()
            .filter(|(_, t)| t.is_ongoing())
            .map(|(lane, t)| (lane.clone(), t.number()))
            .collect();
        for (lane, number) in open {
            self.transaction_timeout(&lane, number);
        }
    }

    /// Forgets every transactional id that is idle.
    pub(crate) fn expire_ids(&mut self) {
        for transactions in self.transactions.values_mut() {
            transactions.expire();
        }
    }

    /// The coordinator removes the members of a worker.
    pub(crate) fn kick(&mut self, now: u64, worker: usize) {
        for id in self.group.members_of(worker) {
            let (_, change) = self.group.remove(now, &id);
            self.changed(change);
        }
    }

    pub(crate) fn fire(&mut self, now: u64, timer: Timer) {
        let change = self.group.fire(now, timer);
        self.changed(change);
    }

    fn claim(&mut self, lane: &str, partitions: &BTreeSet<u32>) -> Answer {
        let mut claimed = BTreeMap::new();
        for partition in partitions {
            if let Some(log) = self.log(Part::Journal(*partition)) {
                claimed.insert(*partition, log.append_plain(Content::Claim { lane: lane.to_owned() }));
            }
        }
        Answer::Claimed(claimed)
    }

    fn journal_fetch(
        &self,
        positions: &BTreeMap<u32, i64>,
        committed: bool,
        back: usize,
    ) -> Result<Answer, Code> {
        let log = |p: &u32| usize::try_from(*p).ok().and_then(|p| self.journal.get(p));
        if positions.iter().any(|(p, at)| log(p).is_some_and(|log| *at > log.end_before(back))) {
            return Err(Code::OutOfRange);
        }
        let most = self.settings.fetch_batches.saturating_mul(8);
        Ok(Answer::Fetched(fetch(&self.journal, positions, committed, back, most)))
    }

    fn source_fetch(&self, positions: &BTreeMap<u32, i64>, back: usize) -> Answer {
        Answer::Fetched(fetch(&self.source, positions, true, back, self.settings.fetch_batches))
    }

    fn offset_fetch(&self, partitions: &BTreeSet<u32>, stable: bool, back: usize) -> Result<Answer, Code> {
        if stable && back == 0 && partitions.iter().any(|p| self.offsets.is_pending(*p)) {
            return Err(Code::Unstable);
        }
        let stored = |p: u32| {
            if back == 0 { self.offsets.committed(p) } else { self.offsets.replaced(p, back) }
        };
        Ok(Answer::Offsets(partitions.iter().filter_map(|p| Some((*p, stored(*p)?))).collect()))
    }

    fn ends(&self, partitions: &BTreeSet<u32>, back: usize) -> Answer {
        let log = |p: u32| usize::try_from(p).ok().and_then(|p| self.data.get(p));
        let end = |p: u32| log(p).map_or(0, |log| log.end_before(back));
        Answer::Ends(partitions.iter().map(|p| (*p, end(*p))).collect())
    }
}

fn fetch(
    logs: &[Log],
    positions: &BTreeMap<u32, i64>,
    committed: bool,
    back: usize,
    most: usize,
) -> BTreeMap<u32, Fetched> {
    let one = |(partition, position): (&u32, &i64)| {
        let log = logs.get(usize::try_from(*partition).ok()?)?;
        let end = if back == 0 { log.end() } else { log.end_before(back) };
        let batches = log.read(*position, end, committed, most);
        let to = batches.last().map_or(*position, super::log::Batch::next);
        let aborted = log.aborted(*position, to).into_iter().collect();
        Some((*partition, Fetched { batches, aborted, last_stable: log.last_stable(end) }))
    };
    positions.iter().filter_map(one).collect()
}
