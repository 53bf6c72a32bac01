//! A seeded series of faults.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::Fleet;
use crate::load::Random;
use crate::services::Signal;

/// What is to be done.
#[derive(Debug, Clone, Copy)]
pub struct Torment {
    /// Seed: the same seed does the same things in the same order.
    pub seed: u64,
    /// Workers killed with -9.
    pub kills: u32,
    /// Workers that own splits, stopped with SIGSTOP for `pause`, then continued as zombies.
    pub pauses: u32,
    /// Longer than the session timeout, so that somebody else takes over.
    pub pause: Duration,
    /// Longest time between two deeds.
    pub gap: Duration,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Deeds {
    /// Workers killed with -9.
    pub kills: u32,
    /// Workers paused past the session and continued.
    pub pauses: u32,
}

enum Fault {
    Kill,
    Pause,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    /// Start the killed worker again.
    Revive,
    /// Let the paused worker run on, as a zombie.
    Continue,
    /// Nothing: a zombie killed at once would never meet the worker that replaced it. It had lost its membership so often
    /// before.
    Spare { losses: usize },
}

struct Due {
    at: Instant,
    worker: usize,
    then: Then,
}

/// How long a zombie is left alone at least, and at most where it does not say that it was replaced.
const ZOMBIE_LIFE: Duration = Duration::from_millis(1500);
const LONGEST_ZOMBIE_LIFE: Duration = Duration::from_secs(20);
/// How long it may take until somebody can be paused.
const OWNERLESS: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(20);

impl Torment {
    /// Does it all; every worker runs again at the end.
    ///
    /// # Errors
    /// When a worker ends that was not killed, cannot be started, or none owns anything for two minutes.
    pub fn run(&self, fleet: &mut Fleet, mut tell: impl FnMut(&str)) -> Result<Deeds> {
        let mut random = Random::new(self.seed, 77);
        let mut left = Deeds { kills: self.kills, pauses: self.pauses };
        let mut due: Vec<Due> = Vec::new();
        let mut next = Instant::now();
        // What is to be done as soon as it can be.
        let mut deed = None;
        while left != Deeds::default() || !due.is_empty() {
            fleet.check()?;
            self.repair(fleet, &mut due, &mut tell)?;
            let able: Vec<usize> = (0..fleet.len()).filter(|w| due.iter().all(|d| d.worker != *w)).collect();
            if Instant::now() >= next && left != Deeds::default() && !able.is_empty() {
                let fault = deed.take().unwrap_or_else(|| left.choose(&mut random));
                let able = match fault {
                    Fault::Kill => able,
                    Fault::Pause => able.into_iter().filter(|worker| fleet.owns(*worker)).collect(),
                };
                if able.is_empty() {
                    ensure!(next.elapsed() < OWNERLESS, "no worker owns anything for {OWNERLESS:?}");
                    deed = Some(fault);
                    fleet.wait(LOOK);
                    continue;
                }
                let worker = able.get(random.index(able.len())).copied().unwrap_or_default();
                match fault {
                    Fault::Kill => {
                        tell(&format!("kill -9 w{worker}"));
                        fleet.kill(worker)?;
                        left.kills -= 1;
                        let at = Instant::now() + Duration::from_millis(random.below(1500));
                        due.push(Due { at, worker, then: Then::Revive });
                    }
                    Fault::Pause => {
                        tell(&format!("pause w{worker} for {:?}", self.pause));
                        fleet.signal(worker, Signal::STOP)?;
                        left.pauses -= 1;
                        due.push(Due { at: Instant::now() + self.pause, worker, then: Then::Continue });
                    }
                }
                let gap = u64::try_from(self.gap.as_millis()).unwrap_or(1000);
                next = Instant::now() + Duration::from_millis(gap / 4 + random.below(gap * 3 / 4));
            }
            fleet.wait(LOOK);
        }
        Ok(Deeds { kills: self.kills, pauses: self.pauses })
    }

    fn repair(&self, fleet: &mut Fleet, due: &mut Vec<Due>, tell: &mut impl FnMut(&str)) -> Result<()> {
        let now = Instant::now();
        let (over, mut later): (Vec<Due>, Vec<Due>) = due.drain(..).partition(|d| d.at <= now);
        for d in over {
            match d.then {
                Then::Revive => fleet.revive(d.worker)?,
                Then::Continue => {
                    tell(&format!("continue w{}, now a zombie", d.worker));
                    let then = Then::Spare { losses: fleet.losses(d.worker) };
                    fleet.signal(d.worker, Signal::CONT)?;
                    later.push(Due { at: now + ZOMBIE_LIFE, worker: d.worker, then });
                }
                Then::Spare { losses } => {
                    let knows = fleet.losses(d.worker) > losses;
                    if !knows && now.duration_since(d.at) < LONGEST_ZOMBIE_LIFE {
                        later.push(d);
                    }
                }
            }
        }
        *due = later;
        Ok(())
    }
}

impl Deeds {
    /// One of the faults that are left, by their number.
    fn choose(&self, random: &mut Random) -> Fault {
        let all = u64::from(self.kills) + u64::from(self.pauses);
        if random.below(all) < u64::from(self.kills) { Fault::Kill } else { Fault::Pause }
    }
}
