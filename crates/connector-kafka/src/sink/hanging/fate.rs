//! What was decided about one transaction, as the coordinator's log tells it.

use velostream_kafka_client::TopicPartitions;

use super::log::{Entry, Status};

/// A transaction that is open on a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Suspect {
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) producer_id: i64,
    pub(super) producer_epoch: i16,
}

/// A decision that its coordinator has written down and will not act on any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fate {
    pub(super) commit: bool,
    /// Every partition of the transaction, the group's offsets included.
    pub(super) partitions: Vec<TopicPartitions>,
}

/// Why a fate cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Untold {
    /// The coordinator may still end it: it is ongoing or its markers are being written.
    Undecided,
    /// The log does not (or no longer) name it.
    Unknown,
    /// The protocol of that time lets one epoch name several transactions, and the log does not show that it named one.
    OldProtocol,
    /// As before, but the log shows one so far; its producer could begin another until it is fenced.
    Living,
}

/// Goes through the entries of one transactional id, oldest first, looking for one transaction.
///
/// Only this sequence counts as told: an `Ongoing` entry with the suspect's producer id and epoch, then, as the next
/// decision of the id, a `Prepare` entry of the same producer id that names the suspect's partition; and after it
/// something else, which the coordinator writes only once it takes every marker for written. Besides, the epoch must name
/// this transaction alone. Where each end raises the epoch (KIP-890) it does if the `Prepare` entry carries a later one. In
/// the protocol before, the log must show it: the `Empty` entry that gave the epoch out, one transaction since, and a
/// later epoch or another producer id by now. From an entry on that compaction has left, the log of an id is complete.
/// Where it shows a second transaction of the epoch, nothing is told.
#[derive(Debug)]
pub(super) struct Search {
    suspect: Suspect,
    ongoing: bool,
    decided: Option<Fate>,
    completed: bool,
    /// The entry that gave the epoch out was seen.
    born: bool,
    /// Nobody can use the epoch any more.
    retired: bool,
    old_protocol: bool,
}

impl Search {
    pub(super) const fn new(suspect: Suspect) -> Self {
        Self {
            suspect,
            ongoing: false,
            decided: None,
            completed: false,
            born: false,
            retired: false,
            old_protocol: false,
        }
    }

    /// The next entry of the id; `None` for a tombstone.
    pub(super) fn entry(&mut self, entry: Option<Entry>) {
        self.completed |= self.decided.is_some();
        let Some(entry) = entry else {
            self.ongoing = false;
            return;
        };
        let own = entry.producer_id == self.suspect.producer_id;
        let same_epoch = own && entry.producer_epoch == self.suspect.producer_epoch;
        self.retired |=
            self.decided.is_some() && !(own && entry.producer_epoch <= self.suspect.producer_epoch);
        self.born |= same_epoch && entry.status == Status::Empty;
        match entry.status {
            Status::Ongoing => {
                // A second transaction of the epoch.
                self.old_protocol |= same_epoch && self.decided.is_some();
                self.ongoing = same_epoch;
            }
            Status::PrepareCommit | Status::PrepareAbort => self.prepared(entry, own),
            Status::Empty | Status::CompleteCommit | Status::CompleteAbort | Status::Other => {
                self.ongoing = false;
            }
        }
    }

    fn prepared(&mut self, entry: Entry, own: bool) {
        let touches = entry.touches(&self.suspect.topic, self.suspect.partition);
        let was_ongoing = std::mem::take(&mut self.ongoing);
        if !(was_ongoing && own && touches) {
            return;
        }
        let later = entry.producer_epoch > self.suspect.producer_epoch;
        let alone = if entry.client_version < 2 { self.born } else { later };
        if !alone || self.decided.is_some() {
            self.old_protocol = true;
            return;
        }
        self.retired = later;
        self.decided =
            Some(Fate { commit: entry.status == Status::PrepareCommit, partitions: entry.partitions });
    }

    /// What all entries together tell.
    pub(super) fn told(self) -> Result<Fate, Untold> {
        match self.decided {
            _ if self.old_protocol => Err(Untold::OldProtocol),
            Some(_) if !self.completed => Err(Untold::Undecided),
            Some(_) if !self.retired => Err(Untold::Living),
            Some(fate) => Ok(fate),
            None if self.ongoing => Err(Untold::Undecided),
            None => Err(Untold::Unknown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(status: Status, epoch: i16, client_version: i16) -> Option<Entry> {
        let partitions = match status {
            Status::Ongoing | Status::PrepareCommit | Status::PrepareAbort => {
                vec![TopicPartitions { topic: "t".to_owned(), partitions: vec![0, 1] }]
            }
            _ => Vec::new(),
        };
        Some(Entry { producer_id: 7, producer_epoch: epoch, status, partitions, client_version })
    }

    fn told(entries: Vec<Option<Entry>>) -> Result<bool, Untold> {
        let suspect = Suspect { topic: "t".to_owned(), partition: 1, producer_id: 7, producer_epoch: 4 };
        let mut search = Search::new(suspect);
        entries.into_iter().for_each(|e| search.entry(e));
        search.told().map(|fate| fate.commit)
    }

    use Status::{CompleteAbort, CompleteCommit, Empty, Ongoing, PrepareAbort, PrepareCommit};

    #[test]
    fn decision_that_was_completed_is_told_whatever_came_before_and_after() {
        for (prepare, complete, commit) in
            [(PrepareCommit, CompleteCommit, true), (PrepareAbort, CompleteAbort, false)]
        {
            let told = told(vec![
                entry(Empty, 2, 2),
                entry(Ongoing, 3, 2),
                entry(PrepareCommit, 4, 2),
                entry(CompleteCommit, 4, 2),
                entry(Ongoing, 4, 2),
                entry(Ongoing, 4, 2),
                entry(prepare, 5, 2),
                entry(complete, 5, 2),
                entry(Empty, 6, 2),
                entry(Ongoing, 6, 2),
            ]);
            assert_eq!(told, Ok(commit));
        }
    }

    #[test]
    fn decision_without_its_completion_is_the_coordinators_to_carry_out() {
        assert_eq!(told(vec![entry(Ongoing, 4, 2)]), Err(Untold::Undecided));
        for prepare in [PrepareCommit, PrepareAbort] {
            assert_eq!(told(vec![entry(Ongoing, 4, 2), entry(prepare, 5, 2)]), Err(Untold::Undecided));
        }
    }

    #[test]
    fn transaction_that_compaction_removed_is_unknown() {
        assert_eq!(told(Vec::new()), Err(Untold::Unknown));
        assert_eq!(told(vec![entry(CompleteCommit, 5, 2), entry(Empty, 6, 2)]), Err(Untold::Unknown));
        assert_eq!(
            told(vec![entry(Ongoing, 4, 2), None, entry(PrepareCommit, 5, 2), entry(Empty, 6, 2)]),
            Err(Untold::Unknown)
        );
        // The decision of the transaction after it is not its own.
        assert_eq!(
            told(vec![
                entry(Ongoing, 4, 2),
                entry(Empty, 6, 2),
                entry(Ongoing, 6, 2),
                entry(PrepareCommit, 7, 2),
                entry(CompleteCommit, 7, 2)
            ]),
            Err(Untold::Unknown)
        );
    }

    #[test]
    fn epoch_of_the_old_protocol_that_named_one_transaction_tells_what_was_decided() {
        for (prepare, complete, epoch, commit) in [
            (PrepareCommit, CompleteCommit, 4, true),
            (PrepareAbort, CompleteAbort, 4, false),
            // Fenced or timed out: the coordinator raised the epoch.
            (PrepareAbort, CompleteAbort, 5, false),
        ] {
            let before = [entry(Empty, 3, 0), entry(Ongoing, 3, 0), entry(PrepareCommit, 3, 0)];
            let own =
                [entry(Empty, 4, 0), entry(Ongoing, 4, 0), entry(Ongoing, 4, 0), entry(prepare, epoch, 0)];
            let after = [entry(complete, epoch, 0), entry(Empty, epoch + 1, 0), entry(Ongoing, epoch + 1, 0)];
            assert_eq!(told([&before[..], &own, &after].concat()), Ok(commit));
            // Compaction leaves the newest entry of the old part.
            assert_eq!(told([&own[..], &after].concat()), Ok(commit));
        }
    }

    #[test]
    fn epoch_of_the_old_protocol_that_may_still_be_used_is_fenced_first() {
        let decided = [entry(Empty, 4, 0), entry(Ongoing, 4, 0), entry(PrepareCommit, 4, 0)];
        assert_eq!(told(decided.to_vec()), Err(Untold::Undecided));
        let completed = [&decided[..], &[entry(CompleteCommit, 4, 0)]].concat();
        assert_eq!(told(completed.clone()), Err(Untold::Living));
        assert_eq!(told([&completed[..], &[entry(Empty, 5, 0)]].concat()), Ok(true));
        let second =
            [&completed[..], &[entry(Empty, 4, 0), entry(Ongoing, 4, 0), entry(Empty, 5, 0)]].concat();
        assert_eq!(told(second), Err(Untold::OldProtocol));
    }

    #[test]
    fn epoch_that_names_several_transactions_tells_nothing() {
        let cycle =
            |prepare, complete| vec![entry(Ongoing, 4, 0), entry(prepare, 4, 0), entry(complete, 4, 0)];
        let commits = cycle(PrepareCommit, CompleteCommit);
        assert_eq!(told(commits.clone()), Err(Untold::OldProtocol));
        assert_eq!(
            told([commits.clone(), cycle(PrepareAbort, CompleteAbort)].concat()),
            Err(Untold::OldProtocol)
        );
        // An abort by time-out raises the epoch in the old protocol too.
        let fenced = vec![entry(Ongoing, 4, 0), entry(PrepareAbort, 5, 0), entry(CompleteAbort, 5, 0)];
        assert_eq!(told(fenced.clone()), Err(Untold::OldProtocol));
        assert_eq!(told([commits, fenced].concat()), Err(Untold::OldProtocol));
        let twice = vec![
            entry(Ongoing, 4, 2),
            entry(PrepareCommit, 5, 2),
            entry(CompleteCommit, 5, 2),
            entry(Ongoing, 4, 2),
        ];
        assert_eq!(told(twice), Err(Untold::OldProtocol));
    }

    #[test]
    fn decision_of_another_producer_or_without_the_partition_is_not_the_suspects() {
        let mut other = entry(PrepareCommit, 5, 2);
        if let Some(e) = &mut other {
            e.producer_id = 8;
        }
        assert_eq!(told(vec![entry(Ongoing, 4, 2), other, entry(Empty, 6, 2)]), Err(Untold::Unknown));
        let mut elsewhere = entry(PrepareCommit, 5, 2);
        if let Some(e) = &mut elsewhere {
            e.partitions.clear();
        }
        assert_eq!(told(vec![entry(Ongoing, 4, 2), elsewhere, entry(Empty, 6, 2)]), Err(Untold::Unknown));
    }
}
