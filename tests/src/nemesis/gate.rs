//! Where a worker is held in a state of the protocol, so that a blow meets it there.

use super::blow::End;
use crate::proxy::{Action, Api, Direction, ProtocolState, Rule};

/// The requests that a worker waits for in each state: as long as one of them is held, or its answer, the worker does
/// not leave the state. The boolean says whether it is one of a transaction, where that matters.
const fn requests(state: ProtocolState) -> &'static [(Api, Option<bool>)] {
    match state {
        ProtocolState::Starting => {
            &[(Api::ApiVersions, None), (Api::Metadata, None), (Api::FindCoordinator, None)]
        }
        ProtocolState::Joining => &[(Api::JoinGroup, None)],
        ProtocolState::Syncing => &[(Api::SyncGroup, None)],
        ProtocolState::Identity | ProtocolState::Fencing => &[(Api::InitProducerId, None)],
        ProtocolState::Claiming => {
            &[(Api::OffsetFetch, None), (Api::Produce, Some(false)), (Api::Fetch, None)]
        }
        ProtocolState::Writing => &[(Api::Produce, Some(true))],
        ProtocolState::Storing => &[(Api::TxnOffsetCommit, None)],
        ProtocolState::Ending => &[(Api::EndTxn, None)],
        // Nothing more to do until something is read.
        ProtocolState::Between => &[(Api::Fetch, None)],
        ProtocolState::Leaving => &[(Api::LeaveGroup, None)],
    }
}

/// The proxy at which a client in a state is held, and the rule that holds it. `choice` is any number.
pub(super) fn gate(client: &str, state: ProtocolState, way: Direction, choice: usize) -> (End, Rule) {
    let requests = requests(state);
    let (api, transactional) =
        requests.get(choice % requests.len()).copied().unwrap_or((Api::Heartbeat, None));
    let rule = Rule::new(client, way, api, Action::Hold).uncounted();
    if state == ProtocolState::Between {
        // Nothing is read from here on, on no connection.
        return (End::Source, rule.times(u64::MAX));
    }
    let mut rule = rule.in_state(state);
    if let Some(transactional) = transactional {
        rule = rule.transactional(transactional);
    }
    (End::Sink, rule)
}
