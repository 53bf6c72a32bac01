//! Requests and replies that never arrive.

use anyhow::{Result, ensure};
use velostream_testkit::proxy::{Action, Api, Direction, ProtocolState, Rule};

use crate::Test;
use crate::case::{Case, Version};
use crate::stage::Stage;

/// What is lost: its name in tests, and how many of its kind arrive before the first that does not, and after that
/// one before the second. Where a job needs only few of a kind, these are the first ones.
const LOSSES: [(Api, &str, u64, u64); 9] = [
    (Api::FindCoordinator, "find_coordinator", 0, 0),
    (Api::Produce, "produce", 7, 32),
    (Api::TxnOffsetCommit, "txn_offset_commit", 6, 7),
    (Api::EndTxn, "end_txn", 6, 7),
    (Api::InitProducerId, "init_producer_id", 0, 0),
    (Api::Heartbeat, "heartbeat", 0, 0),
    (Api::JoinGroup, "join_group", 0, 1),
    (Api::SyncGroup, "sync_group", 0, 0),
    (Api::OffsetFetch, "offset_fetch", 0, 1),
];
/// The requests that only the protocol before KIP-890 has.
const OLD_LOSSES: [(Api, &str, u64, u64); 3] = [
    (Api::AddPartitionsToTxn, "add_partitions_to_txn", 20, 30),
    (Api::AddOffsetsToTxn, "add_offsets_to_txn", 6, 7),
    (Api::EndTxn, "end_txn", 6, 7),
];

pub(crate) fn tests() -> Vec<Test> {
    let mut tests: Vec<Test> = Vec::new();
    let new = LOSSES.into_iter().map(|loss| (loss, Version::V2));
    let old = OLD_LOSSES.into_iter().map(|loss| (loss, Version::V1));
    for ((api, name, first, second), version) in new.chain(old) {
        for direction in [Direction::ToBroker, Direction::FromBroker] {
            let name = format!("lost::{name}_{direction}_lost_loses_and_doubles_nothing{}", version.suffix());
            let run = move |stage: &Stage| lost(stage, (api, direction), [first, second], version);
            tests.push((name, Box::new(run)));
        }
    }
    for (direction, action, how) in [
        (Direction::ToBroker, Action::Cut, "cut_off"),
        (Direction::FromBroker, Action::Silence, "unanswered"),
    ] {
        let name = format!("lost::fence_of_an_earlier_owner_{how}_leaves_the_claim_right");
        tests.push((name, Box::new(move |stage| fence(stage, direction, action))));
        let name = format!("lost::farewell_{how}_ends_well");
        tests.push((name, Box::new(move |stage| farewell(stage, direction, action))));
    }
    tests
}

/// The claim then waits until the transaction of the dead owner times out.
fn fence(stage: &Stage, direction: Direction, action: Action) -> Result<()> {
    let case = Case::new(stage, &format!("fence-{direction}"), Version::V2)?;
    let dead = format!("{}.dead", case.name);
    let owner = case.start_lasting(&dead, "w0")?;
    case.await_commits(&dead, 5)?;
    case.await_state(&dead, ProtocolState::Writing)?;
    owner.kill()?;
    // The first one is for the heir's own identity.
    let lost = case.proxy().add(Rule::new(&case.name, direction, Api::InitProducerId, action).after(1));
    let heir = case.start(&case.name, "w1")?;
    case.await_fault(&lost, &heir)?;
    ensure!(lost.states() == [ProtocolState::Fencing], "{:?}", lost.states());
    case.finish(heir)?;
    case.expect_identical()
}

fn farewell(stage: &Stage, direction: Direction, action: Action) -> Result<()> {
    let case = Case::new(stage, &format!("farewell-{direction}"), Version::V2)?;
    let lost = case.proxy().add(Rule::new(&case.name, direction, Api::LeaveGroup, action));
    let worker = case.start(&case.name, "w0")?;
    case.await_fault(&lost, &worker)?;
    case.finish(worker)?;
    case.expect_identical()
}

/// Twice: once the connection breaks with it, and once nobody is told.
fn lost(
    stage: &Stage,
    (api, direction): (Api, Direction),
    [first, second]: [u64; 2],
    version: Version,
) -> Result<()> {
    let case = Case::new(stage, &format!("lost-{api}-{direction}"), version)?;
    let fault = |action, after| {
        let mut rule = Rule::new(&case.name, direction, api, action).after(after);
        if api == Api::Produce {
            rule = rule.transactional(true);
        }
        case.proxy().add(rule)
    };
    let (cut, silence) = (fault(Action::Cut, first), fault(Action::Silence, second));
    let worker = case.start(&case.name, "w0")?;
    case.await_fault(&cut, &worker)?;
    case.await_fault(&silence, &worker)?;
    case.finish(worker)?;
    case.expect_identical()
}
