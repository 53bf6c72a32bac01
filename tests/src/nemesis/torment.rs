//! A seeded series of faults.

use std::time::{Duration, Instant};

use anyhow::Result;

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
    /// Workers stopped with SIGSTOP for `pause`, then continued as zombies.
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
    /// Nothing: a zombie killed at once would never meet the worker that replaced it.
    Spare,
}

struct Due {
    at: Instant,
    worker: usize,
    then: Then,
}

/// How long a zombie is left alone.
const ZOMBIE_LIFE: Duration = Duration::from_millis(1500);
const LOOK: Duration = Duration::from_millis(20);

impl Torment {
    /// Does it all; every worker runs again at the end.
    ///
    /// # Errors
    /// When a worker ends that was not killed, or cannot be started.
    pub fn run(&self, fleet: &mut Fleet, mut tell: impl FnMut(&str)) -> Result<Deeds> {
        let mut random = Random::new(self.seed, 77);
        let mut left = Deeds { kills: self.kills, pauses: self.pauses };
        let mut due: Vec<Due> = Vec::new();
        let mut next = Instant::now();
        while left != Deeds::default() || !due.is_empty() {
            fleet.check()?;
            self.repair(fleet, &mut due, &mut tell)?;
            let able: Vec<usize> = (0..fleet.len()).filter(|w| due.iter().all(|d| d.worker != *w)).collect();
            if Instant::now() >= next && left != Deeds::default() && !able.is_empty() {
                let worker = able.get(random.index(able.len())).copied().unwrap_or_default();
                match left.choose(&mut random) {
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
        let mut spared = Vec::new();
        for d in due.iter().filter(|d| d.at <= now) {
            match d.then {
                Then::Revive => fleet.revive(d.worker)?,
                Then::Continue => {
                    tell(&format!("continue w{}, now a zombie", d.worker));
                    fleet.signal(d.worker, Signal::CONT)?;
                    spared.push(Due { at: now + ZOMBIE_LIFE, worker: d.worker, then: Then::Spare });
                }
                Then::Spare => {}
            }
        }
        due.retain(|d| d.at > now);
        due.extend(spared);
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
