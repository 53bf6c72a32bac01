//! Transactions of this job that nobody ends any more, and ending them the way their coordinator decided
//! (see `docs/adr/0006-hanging-transactions.md`).
//!
//! A broker of Kafka 4.1 to 4.3 drops the markers of a transaction for partitions that have no leader at that moment
//! and then calls the transaction complete (KAFKA-20734). Such a partition holds it open for ever: readers of committed
//! data wait, and the **next** transaction of the same producer there, committed or aborted, takes the old one along.
//! So a claim looks for them before anything is written, and does not go on while there is one.

mod brokers;
mod fate;
mod log;

#[cfg(fuzzing)]
pub use log::fuzz as fuzz_log;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tracing::{debug, info, warn};
use velostream_core::Disposition;
use velostream_kafka_client::{ApiKey, ErrorCode};

use self::brokers::Open;
use self::fate::{Fate, Search, Untold};
use super::fence::fence;
use super::outgoing::Target;
use super::owner::Owner;
use crate::error::{Error, Result};

/// Markers of a transaction that has just ended arrive within this time; only then its coordinator's log is read.
const GRACE: Duration = Duration::from_millis(300);
/// Pause between looks at partitions while markers are on their way.
const PAUSE: Duration = Duration::from_millis(10);

/// When to look at what holds a wait up: rarely, since the coordinator's log may be long.
#[derive(Debug)]
pub(super) struct Looks {
    next: Duration,
    /// What the last look could not mend.
    pub(super) left: Option<Error>,
}

impl Looks {
    /// The first look is due after `GRACE`, each further one after twice the time.
    pub(super) const fn new() -> Self {
        Self { next: GRACE, left: None }
    }

    /// True where a look is due after waiting for `waited`; the next one then is due after twice that.
    fn is_due(&mut self, waited: Duration) -> bool {
        let due = waited >= self.next;
        if due {
            self.next = waited.saturating_mul(2);
            self.left = None;
        }
        due
    }

    /// Looks at all that is open on `targets`, where it is due.
    ///
    /// # Errors
    /// Of brokers; what cannot be mended is no error but remembered in `left`.
    pub(super) async fn look(
        &mut self,
        owner: &mut Owner,
        waited: Duration,
        targets: &[Target],
        lanes: &BTreeSet<String>,
    ) -> Result<()> {
        if !can_look(owner) || !self.is_due(waited) {
            return Ok(());
        }
        let open = match brokers::open_on(&mut owner.connections, targets).await {
            Err(error) if error.disposition() == Disposition::Reject => {
                warn!(%error, "cannot see what is open there");
                return Ok(());
            }
            other => other?,
        };
        let owned = owned(owner, &open, lanes).await?;
        self.attend(owner, &open, &owned).await
    }

    /// Ends what can be ended of `open`.
    async fn attend(&mut self, owner: &mut Owner, open: &[Open], owned: &Owned) -> Result<()> {
        for one in open {
            let Some(id) = owned.get(&one.suspect.producer_id) else {
                // Nobody else belongs in the journal; elsewhere a stranger's is no obstacle.
                if one.suspect.topic == owner.names.journal() {
                    let why = "only its owner can know what was decided".to_owned();
                    self.left = Some(hanging(one, "not of this job", why));
                }
                continue;
            };
            match mend(owner, one, id).await? {
                Mended::Ended => {}
                Mended::Waiting => debug!(id, ?one, "its coordinator has not ended this transaction yet"),
                Mended::Left(why) => self.left = Some(hanging(one, id, why)),
            }
        }
        Ok(())
    }
}

/// Lanes of this job by the producer id that they have now.
type Owned = BTreeMap<i64, String>;

/// What became of one open transaction.
enum Mended {
    /// It was ended.
    Ended,
    /// Its coordinator may still end it.
    Waiting,
    /// It cannot be ended from here, and why.
    Left(String),
}

/// Asks anew who leads what is read here: after an error.
pub(super) fn forget_leaders(owner: &Owner) {
    owner.connections.cluster().invalidate_topic(log::TOPIC);
}

/// Waits until what lanes of this job have open on `targets` now has ended, ending what nobody else ends. What they
/// open meanwhile is somebody's healthy work: several splits may share a destination.
///
/// # Errors
/// [`Error::HangingTransaction`] (Retry) where one stays open; of brokers.
pub(super) async fn clear(owner: &mut Owner, targets: &[Target], lanes: &BTreeSet<String>) -> Result<()> {
    if !can_look(owner) {
        return Ok(());
    }
    let started = owner.clock.monotonic();
    let mut looks = Looks::new();
    let mut open = match brokers::open_on(&mut owner.connections, targets).await {
        Err(error) if error.broker_code() == Some(ErrorCode::TOPIC_AUTHORIZATION_FAILED) => {
            warn!(%error, "cannot see whether transactions hang on the destinations: READ on them is missing");
            return Ok(());
        }
        other => other?,
    };
    let owned = owned(owner, &open, lanes).await?;
    // Other applications may write there too, and theirs end without us.
    open.retain(|o| owned.contains_key(&o.suspect.producer_id));
    while let Some(first) = open.first() {
        let waited = owner.clock.monotonic().saturating_sub(started);
        if waited > owner.config.transaction_timeout {
            let id = owned.get(&first.suspect.producer_id).map_or("", String::as_str);
            let undecided = || hanging(first, id, "its coordinator has not ended it yet".to_owned());
            return Err(looks.left.take().unwrap_or_else(undecided));
        }
        if looks.is_due(waited) {
            looks.attend(owner, &open, &owned).await?;
        }
        owner.clock.sleep(PAUSE).await;
        let still = brokers::open_on(&mut owner.connections, targets).await?;
        open.retain(|o| still.iter().any(|s| s.is_same(o)));
    }
    Ok(())
}

/// The partition that holds the offsets of the job's group.
pub(super) async fn group_offsets_partition(owner: &Owner) -> Result<Target> {
    const TOPIC: &str = "__consumer_offsets";
    let partition = brokers::partition_of(&owner.connections, TOPIC, &owner.names.group()).await?;
    Ok(Target { topic: TOPIC.into(), partition })
}

/// Brokers before 2.8 answer neither question; they do not have the defect either.
fn can_look(owner: &Owner) -> bool {
    let cluster = owner.connections.cluster();
    [(ApiKey::DescribeProducers, 0), (ApiKey::DescribeTransactions, 0), (ApiKey::WriteTxnMarkers, 1)]
        .into_iter()
        .all(|(api, version)| cluster.supports(api, version))
}

/// Whose the open transactions may be.
async fn owned(owner: &mut Owner, open: &[Open], lanes: &BTreeSet<String>) -> Result<Owned> {
    let mut owned = Owned::new();
    if open.is_empty() {
        return Ok(owned);
    }
    let mut ids = lanes.clone();
    ids.extend([owner.id.clone(), owner.names.registrar()]);
    for id in ids {
        match brokers::producer_of(&mut owner.connections, &id).await {
            Ok(Some(producer_id)) => drop(owned.insert(producer_id, id)),
            Ok(None) => {}
            // It may not be shown to this worker, and then it is nothing that this worker could mend.
            Err(error) if error.disposition() == Disposition::Reject => {
                debug!(id, %error, "cannot be described")
            }
            Err(error) => return Err(error),
        }
    }
    Ok(owned)
}

/// Ends one transaction on every partition that it is still open on, if its coordinator's log tells what was decided.
async fn mend(owner: &mut Owner, open: &Open, id: &str) -> Result<Mended> {
    let connections = &mut owner.connections;
    if !brokers::is_of_one_epoch(connections, open).await? {
        return Ok(Mended::Left("several of its transactions are open at once".to_owned()));
    }
    let mut search = Search::new(open.suspect.clone());
    match brokers::read_log(connections, id, &mut search).await {
        Ok(()) => {}
        Err(error) if error.disposition() == Disposition::Reject => {
            return Ok(Mended::Left(format!(
                "what was decided is in __transaction_state, which this job may not read ({error})"
            )));
        }
        Err(error @ Error::Unreadable { .. }) => return Ok(Mended::Left(error.to_string())),
        Err(error) => return Err(error),
    }
    match search.told() {
        Ok(fate) => carry_out(owner, open, id, &fate).await,
        Err(Untold::Undecided) => Ok(Mended::Waiting),
        Err(Untold::Unknown) => Ok(Mended::Left("__transaction_state does not name it any more".to_owned())),
        Err(Untold::OldProtocol) => Ok(Mended::Left(
            "its epoch may stand for several transactions, as it does for clients that speak the protocol before KIP-890"
                .to_owned(),
        )),
        Err(Untold::Living) => {
            let Owner { connections, config, clock, .. } = owner;
            fence(connections.cluster(), id, config.transaction_timeout, clock.as_ref()).await;
            Ok(Mended::Waiting)
        }
    }
}

async fn carry_out(owner: &mut Owner, open: &Open, id: &str, fate: &Fate) -> Result<Mended> {
    let decided = if fate.commit { "committed" } else { "aborted" };
    let mut ended = false;
    for topic in &fate.partitions {
        for partition in &topic.partitions {
            let target = Target { topic: topic.topic.as_str().into(), partition: *partition };
            match end_on(owner, open, &target, fate.commit).await {
                Ok(0) => {}
                Ok(_) => {
                    ended = true;
                    info!(lane = id, %target, decided, "ended a transaction whose marker the broker had lost");
                }
                Err(error) if error.disposition() == Disposition::Reject => {
                    return Ok(Mended::Left(format!(
                        "its coordinator {decided} it, and this job may not end it ({error})"
                    )));
                }
                // Another partition's trouble must not keep this one shut.
                Err(error) => warn!(lane = id, %target, %error, "cannot end a transaction here yet"),
            }
        }
    }
    Ok(if ended { Mended::Ended } else { Mended::Waiting })
}

/// Ends the transaction of `open` on one of its partitions; the number of those that were open there.
async fn end_on(owner: &mut Owner, open: &Open, target: &Target, commit: bool) -> Result<usize> {
    let connections = &mut owner.connections;
    let mut ended = 0;
    for one in brokers::open_on(connections, std::slice::from_ref(target)).await? {
        let same = (one.suspect.producer_id, one.suspect.producer_epoch)
            == (open.suspect.producer_id, open.suspect.producer_epoch);
        if same && brokers::is_of_one_epoch(connections, &one).await? {
            brokers::end(connections, &one, commit).await?;
            ended += 1;
        }
    }
    Ok(ended)
}

fn hanging(open: &Open, owner: &str, why: String) -> Error {
    Error::HangingTransaction {
        topic: open.suspect.topic.clone(),
        partition: open.suspect.partition,
        producer_id: open.suspect.producer_id,
        start: open.start,
        owner: owner.to_owned(),
        why,
    }
}
