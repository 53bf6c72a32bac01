//! Several jobs at a time.

use std::sync::Arc;

use velostream_core::{
    Code, Disposition, Epoch, Error, InTurn, Member, Nonce, Result, Settlement, SharedIds, Taking, Turn,
};

use crate::race::{CLIENTS, race};
use crate::shared::job::{LONG_AGO_MS, delivered, id, ids, stale};
use crate::verdict::ensure;
use crate::{Checked, SharedFixture, Verdict, Violation};

/// Ids that the jobs have in common.
const IDS: u64 = 400;

/// Ids of one batch.
const PORTION: u64 = 20;

/// No taking has to be repeated so often: whoever holds something settles it before it waits.
const PATIENCE: u32 = 5_000;

/// When a job delivers; says who it was.
fn time_of(job: u8) -> i64 {
    1000 + i64::from(job)
}

/// One job that goes through all ids in portions, up or down, and delivers those that it could take.
struct Worker {
    store: Arc<dyn SharedIds>,
    member: Member,
    job: u8,
    turn: Turn,
    mine: Vec<u64>,
    delivered: Vec<u64>,
}

impl Worker {
    async fn run(mut self) -> Result<Vec<u64>> {
        // Portions of each overlap two of every other's; odd jobs come from the other end.
        let shift = u64::from(self.job) * 3;
        let portions = IDS / PORTION;
        for n in 0..portions {
            let n = if self.job.is_multiple_of(2) { n } else { portions - 1 - n };
            let portion: Vec<u64> = (0..PORTION).map(|k| (n * PORTION + shift + k) % IDS).collect();
            self.take(&portion).await?;
            // So that the others meet what is held here.
            tokio::task::yield_now().await;
            // Every second batch brings two portions.
            if n.is_multiple_of(2) {
                self.settle().await?;
            }
        }
        self.settle().await?;
        Ok(self.delivered)
    }

    async fn take(&mut self, portion: &[u64]) -> Result<()> {
        let wanted: Vec<_> = portion.iter().map(|n| id(*n)).collect();
        for _ in 0..PATIENCE {
            match self.store.take(&self.member, self.turn, &wanted, LONG_AGO_MS).await? {
                InTurn::Done(Taking::Taken { delivered, .. }) => {
                    let taken = portion.iter().zip(delivered).filter(|(_, at_ms)| at_ms.is_none());
                    self.mine.extend(taken.map(|(n, _)| *n));
                    return Ok(());
                }
                // With empty hands, before it asks again.
                InTurn::Done(Taking::Held { .. }) => self.settle().await?,
                stale @ InTurn::Stale(_) => return Err(unexpected(&format!("{stale:?}"))),
            }
            tokio::task::yield_now().await;
        }
        Err(unexpected("a taking had to wait for ever"))
    }

    async fn settle(&mut self) -> Result<()> {
        if self.mine.is_empty() {
            return Ok(());
        }
        let settlement = delivered(time_of(self.job), b"note");
        match self.store.settle(&self.member, self.turn, settlement).await? {
            InTurn::Done(turn) => self.turn = turn,
            stale @ InTurn::Stale(_) => return Err(unexpected(&format!("{stale:?}"))),
        }
        self.delivered.append(&mut self.mine);
        Ok(())
    }
}

fn unexpected(what: &str) -> Error {
    Error::new(Code::StoreUnavailable, Disposition::Abort, what)
}

/// Each job's deliveries.
async fn work(f: &SharedFixture) -> Result<Vec<Vec<u64>>, Violation> {
    let mut jobs = Vec::new();
    for n in 0..CLIENTS {
        jobs.push(f.job(&format!("m{n}")).await?);
    }
    race(|job| {
        let (store, mine, delivered) = (f.store(), Vec::new(), Vec::new());
        let of = jobs.get(usize::from(job)).map(|job| (job.member().clone(), job.turn));
        async move {
            let (member, turn) = of.ok_or_else(|| unexpected("no such job"))?;
            Worker { store, member, job, turn, mine, delivered }.run().await
        }
    })
    .await
}

pub(crate) async fn each_id_of_eight_jobs_is_delivered_by_exactly_one(f: &SharedFixture) -> Verdict {
    let delivered = work(f).await?;
    let mut by = vec![Vec::new(); usize::try_from(IDS).unwrap_or_default()];
    for (job, delivered) in (0..).zip(&delivered) {
        for n in delivered {
            if let Some(by) = usize::try_from(*n).ok().and_then(|n| by.get_mut(n)) {
                by.push(job);
            }
        }
    }
    let wrong: Vec<_> = by.iter().enumerate().filter(|(_, by)| by.len() != 1).take(5).collect();
    ensure!(
        wrong.is_empty(),
        "of {IDS} ids these (and perhaps more) were not delivered by one job: {wrong:?}"
    );
    // And the set says the same.
    let (found, total) = f.job("witness").await?.taken(&ids(0..IDS), LONG_AGO_MS).await?;
    ensure!(total == IDS, "{IDS} ids were delivered, the total says {total}");
    for ((n, found), by) in found.iter().enumerate().zip(&by) {
        let wanted = by.first().map(|job| time_of(*job));
        ensure!(*found == wanted, "id {n} was delivered at {wanted:?}, the set says {found:?}");
    }
    Ok(Checked::Held)
}

/// All of them come to their end, although each meets ids of others while it holds some itself.
pub(crate) async fn jobs_that_wait_with_empty_hands_all_come_to_their_end(f: &SharedFixture) -> Verdict {
    let delivered = work(f).await?;
    let all: usize = delivered.iter().map(Vec::len).sum();
    ensure!(u64::try_from(all).ok() == Some(IDS), "{all} deliveries of {IDS} ids");
    for n in 0..CLIENTS {
        let state = f.state(&f.member(&format!("m{n}"))?).await?;
        let held = state.map(|state| state.held);
        ensure!(held == Some(0), "m{n} is done and holds {held:?}");
    }
    Ok(Checked::Held)
}

pub(crate) async fn of_eight_owners_of_one_member_the_highest_epoch_stands(f: &SharedFixture) -> Verdict {
    for round in 0..CLIENTS {
        highest_stands(f, round).await?;
    }
    Ok(Checked::Held)
}

/// In each round another one is the first to ask, more or less.
async fn highest_stands(f: &SharedFixture, round: u8) -> Result<(), Violation> {
    let member = f.member(&format!("m{round}"))?;
    let id = move |epoch: u64| id(u64::from(round) * 100 + epoch);
    let owners = race(|n| {
        let (store, member) = (f.store(), member.clone());
        let epoch = u64::from(CLIENTS - (n + round) % CLIENTS);
        async move {
            let InTurn::Done(state) = store.enter(&member, Epoch(epoch), Nonce(epoch)).await? else {
                return Ok((epoch, None, false));
            };
            tokio::task::yield_now().await;
            let taken = store.take(&member, state.turn, &[id(epoch)], LONG_AGO_MS).await?;
            Ok((epoch, Some(state.turn), matches!(taken, InTurn::Done(Taking::Taken { .. }))))
        }
    })
    .await?;
    let highest = u64::from(CLIENTS);
    let first = owners.iter().find(|(epoch, _, _)| *epoch == highest);
    let Some((_, Some(turn), true)) = first else {
        return Err(Violation::Seen { what: format!("the owner of the highest epoch is {first:?}") });
    };
    let state = f.state(&member).await?;
    ensure!(
        state.as_ref().map(|state| state.turn) == Some(*turn),
        "{turn} is the highest, but the member is {state:?}"
    );
    for (_, lower, _) in owners.iter().filter(|(epoch, _, _)| *epoch != highest) {
        let Some(lower) = lower else { continue };
        let settled = f.entered_with(&member, *lower).settle(Settlement::Released).await?;
        stale("a settlement", &settled, Some(*turn))?;
    }
    // It settles what all of them held.
    f.entered_with(&member, *turn).deliver(7).await?;
    let held: Vec<_> = owners.iter().filter(|(_, _, took)| *took).map(|(epoch, _, _)| id(*epoch)).collect();
    f.job("witness").await?.finds(&held, 7).await
}

pub(crate) async fn of_eight_owners_of_one_epoch_exactly_one_enters(f: &SharedFixture) -> Verdict {
    for round in 0..CLIENTS {
        one_enters(f, &f.member(&format!("m{round}"))?).await?;
    }
    Ok(Checked::Held)
}

async fn one_enters(f: &SharedFixture, member: &Member) -> Result<(), Violation> {
    let entered = race(|n| {
        let (store, member) = (f.store(), member.clone());
        async move { store.enter(&member, Epoch(1), Nonce(u64::from(n))).await }
    })
    .await?;
    let done: Vec<_> = entered
        .iter()
        .filter_map(|answer| match answer {
            InTurn::Done(state) => Some(state.turn),
            InTurn::Stale(_) => None,
        })
        .collect();
    let stands = f.state(member).await?.map(|state| state.turn);
    ensure!(done.len() == 1, "owners with {done:?} entered one epoch");
    ensure!(stands == done.first().copied(), "{done:?} entered, {stands:?} stands");
    Ok(())
}
