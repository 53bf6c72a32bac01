//! What a Kafka sink gives, and what it rests on.

use super::reason::{Reason, Role};
use crate::config::{JobFile, KafkaSink};

/// Below this many copies a single broken disk loses committed records.
const SAFE_REPLICATION: u16 = 3;

pub(crate) fn reasons(job: &JobFile, sink: &KafkaSink, reasons: &mut Vec<Reason>) {
    let name = &job.job;
    reasons.push(Reason::new(
        Role::Gives,
        format!(
            "the sink commits records and progress in one transaction: progress lives in its topic __velostream.{name}"
        ),
    ));
    reasons.push(Reason::new(
        Role::Gives,
        format!(
            "a stale worker is fenced by the sink: each commit carries member id and generation of the group \
             velostream.{name} (KIP-447), and its coordinator refuses old ones"
        ),
    ));
    reasons.push(Reason::new(
        Role::Assumes,
        "readers of the sink use isolation.level=read_committed; others see aborted records too",
    ));
    reasons.push(Reason::new(
        Role::Assumes,
        "the sink keeps what it acknowledged: replication factor 3, min.insync.replicas 2, \
         unclean.leader.election.enable=false, for the topics, __consumer_offsets and __transaction_state",
    ));
    reasons.push(Reason::new(
        Role::Assumes,
        "the sink brokers offer transactions (Kafka 2.5 or newer); with transaction.version 2 (Kafka 4.0) each \
         transaction has its own epoch, older brokers are re-initialised after every doubtful reply",
    ));
    reasons.push(Reason::new(
        Role::Assumes,
        "destination topics keep records as long as their source, since brokers delete by the records' own times: one \
         that the job creates takes over its cleanup.policy, retention.ms and retention.bytes",
    ));
    reasons.push(Reason::new(Role::Assumes, "nobody else writes to the destination partitions of this job"));
    match sink.replication_factor {
        Some(factor) if factor < SAFE_REPLICATION => reasons.push(
            Reason::new(
                Role::Warns,
                format!(
                    "topics are created with {factor} of 3 copies: a broken disk can lose committed records"
                ),
            )
            .from("sink.kafka.replication_factor"),
        ),
        Some(_) | None => {}
    }
}
