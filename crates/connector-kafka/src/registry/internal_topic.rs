//! The journal's topic: made for a job that has never run, and never for one that has.

use std::time::Duration;

use tracing::info;
use velostream_core::LaneIndex;
use velostream_kafka_client::{
    ApiKey, CoordinatorKind, CreateTopics, DescribeTransactions, ErrorCode, NewTopic, ResourceKind, Topics,
};

use super::registrar::no_coordinator;
use super::{ADMIN_DEADLINE, Parts};
use crate::error::{Error, Result};
use crate::sink::{await_leaders, describe};

/// How often, and how long apart, metadata is looked at before a topic counts as gone.
const SPREAD_LOOKS: u32 = 20;
const SPREAD_PAUSE: Duration = Duration::from_millis(100);

/// Creates the internal topic for a job that has never run; returns its number of partitions.
pub(super) async fn ensure(parts: &Parts, wanted: usize) -> Result<u32> {
    let topic = parts.names.journal();
    let context = || format!("internal topic {topic}");
    let metadata =
        parts.sink.metadata(Topics::Names(vec![topic.clone()])).await.map_err(Error::client(context()))?;
    if let Some(found) = metadata.topics.iter().find(|t| t.name.as_ref() == Some(&topic) && t.error.is_ok()) {
        let settings = describe(&parts.sink, ResourceKind::Topic, std::iter::once(topic.clone())).await?;
        let policy = settings.get(&topic).and_then(|s| s.get("cleanup.policy")).cloned().unwrap_or_default();
        if policy != "compact" {
            let what = format!("cleanup.policy is {policy:?} and must be \"compact\"");
            return Err(Error::InternalTopic { topic, what });
        }
        return Ok(u32::try_from(found.partitions.len()).unwrap_or(u32::MAX));
    }
    refuse_lost(parts, &topic).await?;
    let replicas = metadata.brokers.len().min(3);
    create(parts, &topic, wanted.max(1), replicas).await?;
    await_leaders(&parts.sink, &parts.clock, &topic, wanted.max(1)).await?;
    Ok(u32::try_from(wanted.max(1)).unwrap_or(u32::MAX))
}

/// A job that has run must not start over because its journal is gone: everything would be delivered again. The
/// transaction coordinator remembers the ids of a job for a week after their last use.
async fn refuse_lost(parts: &Parts, topic: &str) -> Result<()> {
    let names = &parts.names;
    for id in [names.registrar(), names.lane(LaneIndex(0))] {
        if !known_to_coordinator(parts, &id).await? {
            continue;
        }
        // Another worker may have created the journal a moment ago; metadata takes a while to spread.
        for _ in 0..SPREAD_LOOKS {
            parts.clock.sleep(SPREAD_PAUSE).await;
            let names = Topics::Names(vec![topic.to_owned()]);
            let metadata = parts.sink.metadata(names).await.map_err(Error::client("internal topic"))?;
            if metadata.topics.iter().any(|t| t.error.is_ok()) {
                return Err(Error::ClaimTimeout {
                    splits: 0,
                    waited_ms: 0,
                    what: "the internal topic is just being created",
                });
            }
        }
        let what = format!("it does not exist, but the job has run: its transactional id {id} is known");
        return Err(Error::InternalTopic { topic: topic.to_owned(), what });
    }
    Ok(())
}

async fn create(parts: &Parts, topic: &str, partitions: usize, replicas: usize) -> Result<()> {
    let context = || format!("internal topic {topic}: create");
    let min_insync = replicas.saturating_sub(1).max(1);
    let configs = [
        ("cleanup.policy", "compact".to_owned()),
        // The active segment is never compacted, so it must not grow old or large.
        ("segment.ms", "600000".to_owned()),
        ("segment.bytes", (16 << 20).to_string()),
        ("min.insync.replicas", min_insync.to_string()),
        ("message.timestamp.type", "CreateTime".to_owned()),
    ];
    let new = NewTopic {
        name: topic.to_owned(),
        partitions: i32::try_from(partitions).unwrap_or(i32::MAX),
        replication: i16::try_from(replicas).unwrap_or(3),
        configs: configs.into_iter().map(|(k, v)| (k.to_owned(), Some(v))).collect(),
    };
    let request = CreateTopics { topics: vec![new], timeout: ADMIN_DEADLINE, validate_only: false };
    let controller = parts.sink.controller().await.map_err(Error::client(context()))?;
    let answer =
        controller.send_within(request, ADMIN_DEADLINE * 2).await.map_err(Error::client(context()))?;
    for created in answer.topics {
        if created.error != ErrorCode::TOPIC_ALREADY_EXISTS {
            let context = format!("{}: {}", context(), created.error_message.unwrap_or_default());
            created.error.check(controller.broker(), ApiKey::CreateTopics).map_err(Error::client(context))?;
        }
    }
    info!(topic, partitions, replicas, "created the internal topic");
    Ok(())
}

/// True where the transaction coordinator has seen this transactional id. False also for brokers before 3.0, which
/// cannot tell.
async fn known_to_coordinator(parts: &Parts, id: &str) -> Result<bool> {
    let sink = &parts.sink;
    let context = || format!("transactional id {id}");
    if !sink.supports(ApiKey::DescribeTransactions, 0) {
        return Ok(false);
    }
    let broker = match sink.coordinator(CoordinatorKind::Transaction, id).await {
        Ok(broker) => broker,
        Err(source) => return Err(no_coordinator(parts, source).await),
    };
    let connection = sink.open(broker).await.map_err(Error::client(context()))?;
    let request = DescribeTransactions { transactional_ids: vec![id.to_owned()] };
    let answer = connection.send(request).await.map_err(Error::client(context()))?;
    Ok(answer.states.iter().any(|t| t.error.is_ok()))
}
