//! What the destination holds, against what was acknowledged (R11).

use std::collections::BTreeMap;
use std::time::Duration;

use tracing::warn;
use velostream_core::{SplitId, TopicId};
use velostream_kafka_client::Isolation;

use super::committed::Committed;
use crate::error::{Error, Result};
use crate::offsets::{Spec, list_offsets};
use crate::sink::outgoing::Target;
use crate::sink::owner::Owner;

/// How often, and how far apart, an end that is too low is looked at again. A leader that was paused and replaced
/// answers the end of its own log until it learns of it, which takes a fraction of a second after it goes on; one that
/// is cut off from the controller is named by no other broker any more.
const LOOKS_AGAIN: u32 = 50;
const LOOK_PAUSE: Duration = Duration::from_millis(100);

/// A sink that went back is a named error, never a place to write on.
///
/// # Errors
/// [`Error::SinkWentBack`] (Corrupt) where the topic is another one, or where its log still ends in front of what was
/// acknowledged after [`LOOKS_AGAIN`] looks at whoever leads by then; of brokers, mostly Retry.
pub(super) async fn check(
    owner: &mut Owner,
    split: &SplitId,
    committed: &BTreeMap<i32, Committed>,
) -> Result<()> {
    let claimed = owner.splits.get_mut(split).ok_or(Error::Defect("a split that was not claimed"))?;
    // The progress record went out with its data and knows only what was acknowledged before.
    let newest = committed.get(&claimed.journal.partition).map_or(-1, |c| c.hint.highest);
    claimed.highest = claimed.highest.max(newest);
    let (target, highest, was) = (claimed.target.clone(), claimed.highest, claimed.delivered_id);
    for looks in 0.. {
        let end = look(owner, &target, was, highest).await?;
        if highest < end {
            break;
        }
        if looks == LOOKS_AGAIN {
            let what = format!("offset {highest} was acknowledged and committed, but the log ends at {end}");
            return Err(Error::SinkWentBack { destination: target.to_string(), what });
        }
        if looks == 0 {
            warn!(%target, highest, end, "looking again: the leader may have been replaced");
        }
        owner.connections.cluster().invalidate_topic(&target.topic);
        owner.clock.sleep(LOOK_PAUSE).await;
    }
    Ok(())
}

/// The end of the destination's log as its leader tells it; anything above `highest` where nothing was acknowledged.
async fn look(owner: &mut Owner, target: &Target, was: Option<TopicId>, highest: i64) -> Result<i64> {
    let context = || format!("sink {target}");
    let leader = owner
        .connections
        .cluster()
        .leader(&target.topic, target.partition)
        .await
        .map_err(Error::client(context()))?;
    if let Some(was) = was
        && !was.is_zero()
        && !leader.topic_id.is_zero()
        && leader.topic_id != was
    {
        let what = format!("the topic was created again (id {was} is now {})", leader.topic_id);
        return Err(Error::SinkWentBack { destination: target.to_string(), what });
    }
    if highest < 0 {
        return Ok(i64::MAX);
    }
    let connection = owner.connections.to(leader.broker).await?;
    let at = (&*target.topic, target.partition, leader.epoch);
    list_offsets(&connection, at, Spec::Latest, Isolation::ReadUncommitted).await
}
