//! Whoever goes after one worker: waits until it does what is wanted, then strikes.

mod blows;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use super::gate::gate;
use super::{Arena, Blow, Member, Signal, Strike};
use crate::proxy::{Fault, ProtocolState};
use crate::services::pause;

/// How long a worker may take to come into a state.
const AIM: Duration = Duration::from_secs(10);
/// How long a worker may take to end when it is told to.
const FAREWELL: Duration = Duration::from_secs(25);
const LOOK: Duration = Duration::from_millis(10);
/// How long a worker may take to own something once nothing is broken any more.
const SETTLED: Duration = Duration::from_secs(60);
/// Between two looks whether a broker is back.
const AWAY: Duration = Duration::from_millis(100);
const GLANCE: Duration = Duration::from_micros(200);

pub(super) struct Hunter<'a, 'b> {
    arena: &'a Arena<'b>,
    member: &'a mut Member,
    /// Whether it was told to end.
    told: bool,
}

impl<'a, 'b> Hunter<'a, 'b> {
    pub(super) const fn new(arena: &'a Arena<'b>, member: &'a mut Member) -> Self {
        Self { arena, member, told: false }
    }

    pub(super) fn run(mut self) -> Result<()> {
        while let Some(strike) = self.arena.next() {
            self.is_alive()?;
            match strike.blow {
                Blow::Frame(tamper, api) => self.tamper(&strike, tamper, api)?,
                Blow::Restart(end) => {
                    // One at a time: with both ends away nothing would be left to be seen.
                    match self.arena.restarting.try_lock() {
                        Ok(_alone) => self.strike(&strike, |hunter| hunter.restart(&strike, end))?,
                        Err(_) => {
                            self.arena.put_back(strike);
                            pause(LOOK);
                        }
                    }
                }
                Blow::Kill => self.strike(&strike, |hunter| hunter.kill())?,
                Blow::Pause => self.strike(&strike, |hunter| hunter.freeze())?,
                Blow::Cut(end, cut) => self.strike(&strike, |hunter| Ok(hunter.cut(end, cut)))?,
            }
        }
        Ok(())
    }

    /// Once all faults are over: the worker runs, and is one of the group.
    pub(super) fn settle(&mut self) -> Result<()> {
        let began = Instant::now();
        while !self.member.words_of_life().contains("claimed splits") || !self.is_alive()? {
            if !self.is_alive()? {
                self.start()?;
            }
            ensure!(
                began.elapsed() < SETTLED,
                "stuck: {} owns nothing {SETTLED:?} after the last fault:\n{}",
                self.member.name(),
                self.member.last_words()
            );
            pause(LOOK);
        }
        Ok(())
    }

    /// Brings the worker into the state, strikes, and cleans up.
    fn strike(
        &mut self,
        strike: &Strike,
        blow: impl FnOnce(&mut Self) -> Result<ProtocolState>,
    ) -> Result<()> {
        let Some(gate) = self.aim(strike)? else {
            return self.miss(strike);
        };
        let seen = blow(self)?;
        let name = self.member.name();
        self.arena.tell(&format!("{} {name} while {seen} (wanted: {})", strike.blow, strike.state));
        if !matches!(strike.blow, Blow::Restart(_)) {
            self.arena.count(|tally| tally.states.add(strike.blow, seen, 1));
        }
        pause(strike.lag);
        gate.iter().for_each(Fault::end);
        self.recover(strike)
    }

    /// `None` where it does not come into the state; the inner one where nothing needs to be held.
    fn aim(&mut self, strike: &Strike) -> Result<Option<Option<Fault>>> {
        use ProtocolState::{Between, Claiming, Identity, Joining, Leaving, Starting, Syncing};
        let state = strike.state;
        if matches!(state, Starting | Joining | Syncing | Identity | Claiming) {
            self.leave()?;
        }
        // Whoever is to be idle or to leave was busy before.
        let is_late = matches!(state, Between | Leaving);
        if is_late && !self.is_alive()? {
            self.start()?;
        }
        if is_late && !self.wait(AIM, LOOK, |hunter| hunter.is_at_work())? {
            return Ok(None);
        }
        let runs = self.is_alive()?;
        let client = if runs { self.member.client() } else { self.member.next_client() };
        let gate = strike.gated.then(|| {
            let (end, rule) = gate(&client, state, strike.way, strike.choice);
            self.arena.proxy(end).add(rule.after(strike.skip))
        });
        if !runs {
            self.start()?;
        }
        if state == Leaving {
            self.tell_to_end()?;
        }
        let met = match &gate {
            // What was read before is written first.
            Some(gate) if state == Between => {
                self.wait(AIM, GLANCE, |hunter| gate.fired() > 0 && hunter.state() == state)?
            }
            Some(gate) => self.wait(AIM, Duration::ZERO, |_| gate.await_fired(LOOK).is_ok())?,
            None => self.wait(AIM, GLANCE, |hunter| hunter.state() == state)?,
        };
        if !met {
            gate.iter().for_each(Fault::end);
            return Ok(None);
        }
        Ok(Some(gate))
    }

    fn miss(&mut self, strike: &Strike) -> Result<()> {
        if self.arena.away.load(Ordering::Relaxed) > 0 {
            self.arena.put_back(*strike);
            while self.arena.away.load(Ordering::Relaxed) > 0 {
                pause(AWAY);
            }
            return Ok(());
        }
        self.arena.tell(&format!("missed: {} {} while {}", strike.blow, self.member.name(), strike.state));
        self.arena.count(|tally| tally.missed += 1);
        if strike.state == ProtocolState::Leaving { self.leave() } else { Ok(()) }
    }

    fn tell_to_end(&mut self) -> Result<()> {
        // A second signal would end it at once.
        if std::mem::replace(&mut self.told, true) { Ok(()) } else { self.member.signal(Signal::TERM) }
    }

    fn start(&mut self) -> Result<()> {
        self.told = false;
        self.member.start()?;
        self.arena.runs(self.member.name(), Some(self.member.client()));
        Ok(())
    }

    /// Ends the worker in order, if it runs. Where a broker is away it is killed: there is no order then.
    fn leave(&mut self) -> Result<()> {
        if !self.is_alive()? {
            return Ok(());
        }
        if self.arena.away.load(Ordering::Relaxed) > 0 {
            let seen = self.kill()?;
            self.arena.count(|tally| tally.states.add(Blow::Kill, seen, 1));
            return Ok(());
        }
        self.tell_to_end()?;
        let ended = self.member.await_end(FAREWELL);
        let name = self.member.name();
        let Some(status) = ended else {
            bail!("stuck: {name} does not end within {FAREWELL:?} of SIGTERM:\n{}", self.member.last_words());
        };
        ensure!(status.success(), "{name} was told to end, with {status}:\n{}", self.member.last_words());
        self.arena.runs(name, None);
        self.member.kill()
    }

    fn state(&self) -> ProtocolState {
        self.arena.observer.state(&self.member.client())
    }

    fn is_at_work(&self) -> bool {
        use ProtocolState::{Between, Ending, Storing, Writing};
        matches!(self.state(), Writing | Storing | Ending | Between)
            && self.member.words_of_life().contains("claimed splits")
    }

    fn has_said(&self, what: &str, from: usize) -> bool {
        self.member.log().get(from..).is_some_and(|log| log.contains(what))
    }

    /// False where it does not run because it was killed, or ended in order, or could not start.
    fn is_alive(&mut self) -> Result<bool> {
        let Some(status) = self.member.ended() else { return Ok(self.member.is_running()) };
        let (name, state) = (self.member.name().to_owned(), self.state());
        self.member.kill()?;
        self.arena.runs(&name, None);
        if status.success() && self.told {
            return Ok(false);
        }
        // Whatever starts workers starts one again that says that it cannot reach a cluster.
        let words = self.member.words_of_life();
        ensure!(
            !words.contains("claimed splits"),
            "{name} ended by itself with {status} while {state}:\n{}",
            self.member.last_words()
        );
        let why = words.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
        self.arena.tell(&format!("{name} gave up at its start while {state}, {status}: {why}"));
        self.arena.count(|tally| tally.gave_up += 1);
        Ok(false)
    }

    /// Looks until it is so, the worker ends, or the time is over. Time while a broker is away does not count.
    fn wait(&mut self, limit: Duration, nap: Duration, mut done: impl FnMut(&Self) -> bool) -> Result<bool> {
        let mut waited = Duration::ZERO;
        let mut last = Instant::now();
        while !done(self) {
            if !self.is_alive()? {
                return Ok(false);
            }
            if self.arena.away.load(Ordering::Relaxed) == 0 {
                waited += last.elapsed();
            }
            last = Instant::now();
            if waited > limit {
                return Ok(false);
            }
            pause(nap);
        }
        Ok(true)
    }
}
