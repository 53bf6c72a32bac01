//! The faults themselves, and what has to be mended after each.

use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Result;

use super::{AIM, Hunter, LOOK};
use crate::nemesis::{Blow, End, Signal, Strike, Tamper};
use crate::proxy::{Api, Cut, ProtocolState, Rule};
use crate::services::pause;

/// Longer than session, rebalance and claim of those who take over.
const PAUSE: Duration = Duration::from_millis(4_500);
/// How long a zombie may take to find out that it is one.
const AWAKENING: Duration = Duration::from_secs(3);
/// Longer than the session of 2 s.
const CUT: Duration = Duration::from_millis(2_600);
/// Longer than a request's timeout of 1.5 s: its client has given it up.
const GIVEN_UP: Duration = Duration::from_millis(1_700);
/// One broker in so many is stopped in order, which takes a node of one up to 20 s; the others are killed.
const ORDERLY: usize = 6;

impl Hunter<'_, '_> {
    pub(super) fn kill(&mut self) -> Result<ProtocolState> {
        self.member.kill()?;
        self.arena.runs(self.member.name(), None);
        self.arena.count(|tally| tally.kills += 1);
        Ok(self.state())
    }

    pub(super) fn freeze(&mut self) -> Result<ProtocolState> {
        self.member.pause()?;
        self.arena.runs(self.member.name(), None);
        self.arena.count(|tally| tally.pauses += 1);
        Ok(self.state())
    }

    pub(super) fn cut(&self, end: End, cut: Cut) -> ProtocolState {
        self.arena.proxy(end).cut(&self.member.client(), cut);
        self.state()
    }

    pub(super) fn restart(&self, strike: &Strike, end: End) -> Result<ProtocolState> {
        self.arena.away.fetch_add(1, Ordering::Relaxed);
        let mut cluster = self.arena.side(end).cluster();
        let stops = strike.choice.is_multiple_of(ORDERLY);
        if stops {
            cluster.node_mut(1)?.stop()?
        } else {
            cluster.node_mut(1)?.kill()?
        }
        // It hits all workers, each at what it is doing.
        let seen = self.arena.states();
        self.arena.count(|tally| {
            seen.iter().for_each(|state| tally.states.add(strike.blow, state, 1));
            if stops { tally.broker_stops += 1 } else { tally.broker_kills += 1 }
        });
        Ok(self.state())
    }

    /// After the blow.
    pub(super) fn recover(&mut self, strike: &Strike) -> Result<()> {
        match strike.blow {
            Blow::Kill => pause(strike.rest),
            Blow::Pause => {
                pause(PAUSE.saturating_sub(strike.lag));
                let before = self.member.log().len();
                self.member.signal(Signal::CONT)?;
                self.arena.runs(self.member.name(), Some(self.member.client()));
                if self.wait(AWAKENING, LOOK, |hunter| hunter.has_said("membership lost", before))? {
                    self.arena.count(|tally| tally.zombies += 1);
                }
            }
            Blow::Cut(end, _) => {
                pause((CUT + strike.rest / 3).saturating_sub(strike.lag));
                self.arena.proxy(end).heal(&self.member.client());
            }
            Blow::Restart(end) => {
                pause(strike.rest / 3);
                self.arena.side(end).cluster().node_mut(1)?.start()?;
                self.arena.away.fetch_sub(1, Ordering::Relaxed);
            }
            Blow::Frame(..) => {}
        }
        if strike.state == ProtocolState::Leaving && strike.blow != Blow::Kill {
            self.leave()?;
        }
        Ok(())
    }

    /// A fault of one frame, or of a few in a row.
    pub(super) fn tamper(&mut self, strike: &Strike, tamper: Tamper, api: Api) -> Result<()> {
        if matches!(api, Api::JoinGroup | Api::InitProducerId) {
            self.leave()?;
        }
        let runs = self.is_alive()?;
        let client = if runs { self.member.client() } else { self.member.next_client() };
        let (action, way) = tamper.action();
        let mut rule = Rule::new(&client, way, api, action);
        if api == Api::Produce {
            rule = rule.transactional(true);
        }
        if tamper == Tamper::Doubled {
            rule = rule.times(3);
        }
        if matches!(api, Api::Produce | Api::TxnOffsetCommit | Api::EndTxn) {
            rule = rule.after(u64::try_from(strike.choice % 5)?);
        }
        let fault = self.arena.proxy(End::Sink).add(rule);
        if !runs {
            self.start()?;
        }
        let spent = self.wait(AIM, Duration::ZERO, |_| fault.await_fired(LOOK).is_ok())?;
        let fired = fault.fired();
        if spent && tamper != Tamper::Doubled {
            pause(GIVEN_UP + strike.lag);
        }
        fault.end();
        if fired == 0 {
            return self.miss(strike);
        }
        self.arena.tell(&format!("{} {} {fired} times", strike.blow, self.member.name()));
        self.arena.count(|tally| tally.frames.add(tamper, api, fired));
        Ok(())
    }
}
