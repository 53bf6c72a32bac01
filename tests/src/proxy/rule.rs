//! What is to be done to which frame.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::shared::Shared;
use super::{Api, ProtocolState};

/// Which way a frame goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// A request.
    ToBroker,
    /// A reply.
    FromBroker,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ToBroker => "request",
            Self::FromBroker => "reply",
        })
    }
}

/// What is done to a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Nothing: the frame goes on and is only noted, so that somebody can wait for it.
    Note,
    /// It waits until [`Fault::release`], and everything behind it in its direction too. A request reaches the broker
    /// even if its client has closed the connection by then.
    Hold,
    /// It waits for this long.
    Delay(Duration),
    /// It is swallowed, and what comes behind it goes on. TCP does not do that.
    Drop,
    /// It is swallowed, and so is everything behind it in its direction: a connection that died in silence.
    Silence,
    /// It is swallowed and the connection is closed, for both sides.
    Cut,
    /// A request goes to the broker twice in a row; the second answer is swallowed. A reply goes on as it is.
    Double,
    /// In place of this reply goes the first one of its kind since the rule was added: an answer from the past.
    Replay,
    /// The network between the client and the broker is cut from here on, on every connection, until
    /// [`Proxy::heal`](super::Proxy::heal). What is under way is not lost but late.
    CutLink(super::Cut),
}

/// An action, and the frames that it applies to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub(super) client: String,
    pub(super) direction: Direction,
    pub(super) api: Api,
    pub(super) action: Action,
    pub(super) skip: u64,
    pub(super) times: u64,
    pub(super) commits_only: bool,
    pub(super) transactional: Option<bool>,
    pub(super) armed: bool,
    pub(super) counted: bool,
    pub(super) state: Option<ProtocolState>,
}

impl Rule {
    /// For the first frame of this kind of this client.
    #[must_use]
    pub fn new(client: &str, direction: Direction, api: Api, action: Action) -> Self {
        let client = client.to_owned();
        let (commits_only, transactional) = (false, None);
        let (armed, counted) = (true, true);
        Self {
            client,
            direction,
            api,
            action,
            skip: 0,
            times: 1,
            commits_only,
            transactional,
            armed,
            counted,
            state: None,
        }
    }

    /// Only after so many of its kind.
    #[must_use]
    pub fn after(mut self, frames: u64) -> Self {
        self.skip = frames;
        self
    }

    /// For so many in a row.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = times;
        self
    }

    /// Only once [`Fault::arm`] was called.
    #[must_use]
    pub fn later(mut self) -> Self {
        self.armed = false;
        self
    }

    /// Only while the client is in this state; a request is in the state that it leads to.
    #[must_use]
    pub fn in_state(mut self, state: ProtocolState) -> Self {
        self.state = Some(state);
        self
    }

    /// Keeps out of the coverage: something that prepares a fault and is none itself.
    #[must_use]
    pub fn uncounted(mut self) -> Self {
        self.counted = false;
        self
    }

    /// Only EndTxn that commit, not those that abort.
    #[must_use]
    pub fn commits_only(mut self) -> Self {
        self.commits_only = true;
        self
    }

    /// Only requests inside a transaction, or only those outside of one.
    #[must_use]
    pub fn transactional(mut self, transactional: bool) -> Self {
        self.transactional = Some(transactional);
        self
    }

    /// The fault in the words of the coverage table.
    pub(super) fn fault(&self) -> Option<String> {
        let Self { direction, api, .. } = self;
        Some(match self.action {
            _ if !self.counted => return None,
            Action::Note => return None,
            Action::Hold => format!("{direction} held"),
            Action::Delay(_) => format!("{direction} delayed"),
            Action::Drop | Action::Silence => format!("{direction} lost in silence"),
            Action::Cut => format!("{direction} lost, connection cut"),
            Action::Double => format!("{direction} doubled"),
            Action::Replay => format!("old {api} {direction}"),
            Action::CutLink(cut) => format!("network cut {}", cut.name()),
        })
    }
}

/// A rule at work.
#[derive(Debug, Clone)]
pub struct Fault {
    pub(super) shared: Arc<Shared>,
    pub(super) number: usize,
}

impl Fault {
    /// How often it has struck.
    #[must_use]
    pub fn fired(&self) -> u64 {
        self.shared.fired(self.number).0
    }

    /// What the client was doing each time.
    #[must_use]
    pub fn states(&self) -> Vec<ProtocolState> {
        self.shared.fired(self.number).1
    }

    /// Waits until it has struck as often as it can.
    ///
    /// # Errors
    /// When that does not happen within `limit`.
    pub fn await_fired(&self, limit: Duration) -> Result<()> {
        let deadline = Instant::now() + limit;
        ensure!(
            self.shared.await_spent(self.number, deadline),
            "within {limit:?} the fault {:?} has struck {} times",
            self.shared.rule(self.number),
            self.fired()
        );
        Ok(())
    }

    /// Lets a rule strike that was added with [`Rule::later`].
    pub fn arm(&self) {
        self.shared.arm(self.number);
    }

    /// Lets go of what it holds.
    pub fn release(&self) {
        self.shared.release(self.number);
    }

    /// Takes the rule out of force and lets go of what it holds. What it did is forgotten.
    pub fn end(&self) {
        self.shared.end(self.number);
    }
}
