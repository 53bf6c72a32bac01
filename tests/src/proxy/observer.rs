//! What is known of every client, over all proxies.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Api, Coverage, ProtocolState, Request};

/// Follows clients through the protocol and notes which state each fault met. Shared by the proxies of a suite: a
/// fault on the way to the source meets a state that only the sink's requests show.
#[derive(Debug, Default)]
pub struct Observer {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    states: HashMap<Arc<str>, ProtocolState>,
    coverage: Coverage,
}

impl Observer {
    /// One that has seen nothing yet.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// What a client is doing.
    #[must_use]
    pub fn state(&self, client: &str) -> ProtocolState {
        self.lock().states.get(client).copied().unwrap_or_default()
    }

    /// Every fault so far.
    #[must_use]
    pub fn coverage(&self) -> Coverage {
        self.lock().coverage.clone()
    }

    pub(super) fn request(&self, request: &Request<'_>) -> ProtocolState {
        let mut seen = self.lock();
        let state = seen.states.entry(Arc::clone(&request.head.client)).or_default();
        *state = state.after_request(request);
        *state
    }

    /// The state in which a reply finds its client, and leaves it.
    pub(super) fn reply(&self, client: &Arc<str>, api: Api) -> ProtocolState {
        let mut seen = self.lock();
        let state = seen.states.entry(Arc::clone(client)).or_default();
        let before = *state;
        *state = before.after_reply(api);
        before
    }

    pub(super) fn fault(&self, fault: &str, state: ProtocolState) {
        self.lock().coverage.add(fault, state);
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
