//! What the destination holds, against what was acknowledged (R11).

use std::collections::BTreeMap;
use std::time::Duration;

use tracing::warn;
use velostream_core::{SplitId, TopicId, mutant};
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
        if holds(highest, end) {
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
        && is_another(was, leader.topic_id)
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

/// Whether a log that ends at `end` has the record at `highest`.
fn holds(highest: i64, end: i64) -> bool {
    highest < end || mutant!(SinkEndIgnored)
}

/// Whether a topic was created again; ids of brokers before Kafka 2.8 are zero and say nothing.
fn is_another(was: TopicId, now: TopicId) -> bool {
    !was.is_zero() && !now.is_zero() && now != was && !mutant!(RecreatedSinkOverlooked)
}

#[cfg(test)]
mod tests {
    use velostream_core::TopicId;

    use super::{holds, is_another};

    #[test]
    fn log_that_ends_at_or_in_front_of_what_was_acknowledged_has_gone_back() {
        assert!(holds(-1, 0) && holds(9, 10));
        assert!(!holds(10, 10) && !holds(10, 3));
    }

    #[test]
    fn topic_with_another_id_was_created_again_and_no_id_says_nothing() {
        let (one, two, none) = (TopicId([1; 16]), TopicId([2; 16]), TopicId::default());
        assert!(is_another(one, two));
        assert!(!is_another(one, one) && !is_another(none, two) && !is_another(one, none));
    }
}
