//! Every change of the disk is the last one before the power goes, once.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::disk::unreliable::{Cut, Lie, Random};

const END: u64 = 12;

/// Copies up to line `END` in transactions of two lines, aborting one, with one change of owner in the middle.
/// `confirmed` is the line up to which a commit was confirmed. Returns where the first claim stood.
fn scenario(disk: &Arc<UnreliableDisk>, dir: &Path, confirmed: &mut u64) -> Result<u64> {
    let mut first = None;
    for stop in [END / 2, END] {
        let (mut writer, claim) = claim_on(Arc::clone(disk) as Arc<dyn Disk>, dir)?;
        let (mut at, mut batch) = (line_of(&claim), claim.batch.0);
        first.get_or_insert(at);
        while at < stop {
            writer.begin()?;
            if at == 4 {
                writer.write(chunk(at, at + 1))?;
                // As if much had been gathered.
                writer.write_gathered()?;
                writer.abort()?;
                writer.begin()?;
            }
            writer.write(chunk(at, at + 2))?;
            batch += 1;
            writer.commit(&[progress(at + 2, batch)])?;
            at += 2;
            *confirmed = (*confirmed).max(at);
        }
        writer.close()?;
    }
    Ok(first.unwrap())
}

/// In memory where there is such a place: what survives is the model's decision, and a real disk only adds waiting.
fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn steps() -> usize {
    let dir = scratch();
    let disk = Arc::new(UnreliableDisk::new(dir.path(), None, None));
    scenario(&disk, dir.path(), &mut 0).unwrap();
    assert_eq!(plain(dir.path()), lines(0, END));
    disk.steps()
}

/// What was wrong after these crashes and a run to the end; `None` = nothing.
fn fault(crashes: &[(usize, Cut, Option<u64>)], lie: Option<Lie>) -> Option<String> {
    let dir = scratch();
    let mut confirmed = 0;
    for (step, cut, power) in crashes {
        let disk = Arc::new(UnreliableDisk::new(dir.path(), Some((*step, *cut)), lie));
        let before = confirmed;
        match scenario(&disk, dir.path(), &mut confirmed) {
            Ok(first) if first < before => return Some(format!("confirmed {before}, found {first}")),
            _ => {}
        }
        if let Some(seed) = power {
            disk.lose_power(*seed);
        }
    }
    let disk = Arc::new(UnreliableDisk::new(dir.path(), None, None));
    match scenario(&disk, dir.path(), &mut 0) {
        Err(error) => Some(format!("recovery failed: {error}")),
        Ok(first) if first < confirmed => Some(format!("confirmed {confirmed}, found {first}")),
        Ok(_) if committed(dir.path()) != lines(0, END) => {
            Some(format!("committed {:?}", committed(dir.path())))
        }
        Ok(_) if plain(dir.path()) != lines(0, END) => Some(format!("plain {:?}", plain(dir.path()))),
        Ok(_) => None,
    }
}

/// Each step, each kind of cut, process crash and some power losses.
fn every_single_crash() -> impl Iterator<Item = [(usize, Cut, Option<u64>); 1]> {
    (1..=steps()).flat_map(|step| {
        [Cut::Before, Cut::Half, Cut::After].into_iter().flat_map(move |cut| {
            let powers = std::iter::once(None).chain((0..6).map(Some));
            powers.map(move |power| [(step, cut, power)])
        })
    })
}

#[test]
fn every_crash_point_keeps_each_line_once_in_order_and_every_confirmed_commit() {
    let tried = AtomicUsize::new(0);
    for crash in every_single_crash() {
        assert_eq!(fault(&crash, None), None, "{crash:?}");
        tried.fetch_add(1, Ordering::Relaxed);
    }
    let tried = tried.into_inner();
    println!("{} steps, {tried} crashes", steps());
    assert!(tried > 1000);
}

#[test]
fn crashes_during_recovery_keep_each_line_once_in_order() {
    let steps = steps();
    let mut random = Random(7);
    for _ in 0..600 {
        let crashes: Vec<_> = (0..=random.below(3) + 1)
            .map(|_| {
                let cut = [Cut::Before, Cut::Half, Cut::After][random.below(3)];
                let power = (random.below(4) > 0).then(|| random.below(1 << 30) as u64);
                (random.below(steps) + 1, cut, power)
            })
            .collect();
        assert_eq!(fault(&crashes, None), None, "{crashes:?}");
    }
}

#[test]
fn disk_that_only_pretends_to_sync_content_is_found_out() {
    assert!(every_single_crash().any(|crash| fault(&crash, Some(Lie::Sync)).is_some()));
}

#[test]
fn disk_that_only_pretends_to_sync_names_is_found_out() {
    assert!(every_single_crash().any(|crash| fault(&crash, Some(Lie::SyncDir)).is_some()));
}
