//! What calls do to a root: pure, and each a no-op where it was done already.

use velostream_checkpoint::{ActiveBatch, IdChunks};
use velostream_core::{BatchId, mutant};

use crate::root::Root;
use crate::{Dating, Error, Result, TaskId};

/// Most batches that are open at a time. A pipeline needs two; the bound keeps the root small.
const MAX_OPEN: usize = 16;

/// Begins a batch; `None` where the same batch is open.
pub(crate) fn begin(task: &TaskId, root: &Root, batch: &ActiveBatch, dating: Dating) -> Result<Option<Root>> {
    let number = batch.batch;
    if number <= root.committed {
        return Err(Error::BatchCommitted { task: task.clone(), batch: number });
    }
    if let Some(open) = root.pending.iter().find(|open| open.batch == number) {
        return match open == batch {
            true => Ok(None),
            false => Err(Error::BatchOpen { task: task.clone(), batch: number }),
        };
    }
    let expected = root.last_batch().next();
    if number != expected {
        return Err(Error::BatchOrder { task: task.clone(), found: number, expected });
    }
    if root.pending.len() >= MAX_OPEN {
        return Err(Error::TooManyOpen { task: task.clone(), limit: MAX_OPEN });
    }
    for (split, next) in &batch.next_positions {
        let open = root.pending.iter().rev().find_map(|open| open.next_positions.get(split));
        let stands = open.or_else(|| root.positions.get(split));
        if stands.is_some_and(|stands| next.order(stands) == Some(std::cmp::Ordering::Less)) {
            return Err(Error::PositionBack { task: task.clone(), split: split.clone() });
        }
    }
    let mut root = root.clone();
    root.date(task, number, dating)?;
    root.pending.push(batch.clone());
    Ok(Some(root))
}

/// Adds a run of chunks, dated by arrival, to an open batch; `None` where it is part of it.
pub(crate) fn mark(task: &TaskId, root: &Root, batch: BatchId, run: &IdChunks) -> Result<Option<Root>> {
    if batch <= root.committed {
        return Err(Error::BatchCommitted { task: task.clone(), batch });
    }
    let mut root = root.clone();
    root.date(task, batch, Dating::Arrival)?;
    let open = root.pending.iter_mut().find(|open| open.batch == batch);
    let open = open.ok_or_else(|| Error::BatchNotOpen { task: task.clone(), batch })?;
    if open.record_ids.contains(run) {
        return Ok(None);
    }
    open.record_ids.push(run.clone());
    Ok(Some(root))
}

/// Commits the oldest open batch; `None` where it is committed.
pub(crate) fn commit(task: &TaskId, root: &Root, batch: BatchId) -> Result<Option<Root>> {
    if batch <= root.committed {
        return Ok(None);
    }
    let mut root = root.clone();
    let oldest = root.pending.first().map(|open| open.batch);
    if oldest != Some(batch) {
        let task = task.clone();
        return Err(match oldest {
            Some(expected) if root.pending.iter().any(|open| open.batch == batch) => {
                Error::BatchOrder { task, found: batch, expected }
            }
            _ => Error::BatchNotOpen { task, batch },
        });
    }
    let done = root.pending.remove(0);
    root.committed = batch;
    root.positions.extend(done.next_positions);
    if let Some(events) = &mut root.events {
        events.committed(batch);
    }
    for run in done.record_ids {
        list(&mut root.live, run);
    }
    Ok(Some(root))
}

/// Lists a run as live; a run that goes on where another one ends becomes part of it.
fn list(live: &mut Vec<IdChunks>, run: IdChunks) {
    let goes_on = |known: &&mut IdChunks| {
        (known.bucket, known.epoch, known.nonce) == (run.bucket, run.epoch, run.nonce)
            && known.last.checked_add(1) == Some(run.first)
    };
    if let Some(known) = live.iter_mut().rev().find(goes_on) {
        known.last = run.last;
        known.records = known.records.saturating_add(run.records);
    } else {
        live.push(run);
    }
}

/// Aborts a batch and all behind it; `None` where none is open.
pub(crate) fn abort(task: &TaskId, root: &Root, batch: BatchId) -> Result<Option<Root>> {
    if batch <= root.committed {
        return Err(Error::BatchCommitted { task: task.clone(), batch });
    }
    if root.last_batch() < batch {
        return Ok(None);
    }
    let mut root = root.clone();
    root.pending.retain(|open| open.batch < batch);
    if let Some(events) = &mut root.events {
        events.open.retain(|open, _| *open < batch);
    }
    Ok(Some(root))
}

/// Drops all ids, and with them the positions, which say up to where ids are there; `None` where there are neither.
pub(crate) fn forget(root: &Root) -> Option<Root> {
    let mut next = root.clone();
    next.live.clear();
    // Nothing is left that could tell how ids were dated, unless a batch is open.
    next.events = next.events.take().filter(|_| !next.pending.is_empty());
    if let Some(events) = &mut next.events {
        events.latest_ms = None;
    }
    if !mutant!(ForgottenIdsKeepPosition) {
        next.positions.clear();
    }
    (next != *root).then_some(next)
}

/// Drops the live runs of buckets below `bucket`; `None` where there are none.
pub(crate) fn expire(root: &Root, below: u64) -> Option<Root> {
    let mut next = root.clone();
    next.live.retain(|run| run.bucket > below || (run.bucket == below && !mutant!(ExpiryTakesOneMore)));
    (next.live.len() < root.live.len()).then_some(next)
}
