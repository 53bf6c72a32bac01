//! Ids made of a position.
//!
//! ```text
//! kafka://{cluster}/{topic}/{topic id, 32 hex digits}/{partition}/{offset}
//! file://{path}/{byte offset}
//! database://{table}/{ordering key}
//! custom://{kind}/{bytes}
//! ```
//! Each part is percent-escaped. The leader epoch and the line number are not part of the identity: they can differ
//! between two reads of one record.

use std::sync::Arc;

use bytes::Bytes;
use velostream_core::{KafkaPartition, SourcePosition, TopicId};

use crate::escape::{escape_into, unescape, unescape_text};
use crate::{Error, RecordId, Result};

const STRATEGY: &str = "source_position";

/// The id of a position; injective.
///
/// # Errors
/// `TooLong`, `UnknownPosition` -> Reject.
pub fn position_id(position: &SourcePosition) -> Result<RecordId> {
    RecordId::from_text(&position_text(position)?)
}

pub(crate) fn position_text(position: &SourcePosition) -> Result<String> {
    let (scheme, parts): (&str, Vec<Vec<u8>>) = match position {
        SourcePosition::Kafka { partition, offset, leader_epoch: _ } => (
            "kafka",
            vec![
                partition.cluster_id.as_bytes().into(),
                partition.topic.as_bytes().into(),
                partition.topic_id.to_string().into(),
                partition.partition.to_string().into(),
                offset.to_string().into(),
            ],
        ),
        SourcePosition::File { path, offset, line: _ } => {
            ("file", vec![path.as_bytes().into(), offset.to_string().into()])
        }
        SourcePosition::Database { table, after } => {
            ("database", vec![table.as_bytes().into(), after.to_vec()])
        }
        SourcePosition::Custom { kind, bytes } => ("custom", vec![kind.as_bytes().into(), bytes.to_vec()]),
        unknown => return Err(Error::UnknownPosition { position: unknown.to_string() }),
    };
    let mut text = String::from(scheme);
    for (n, part) in parts.iter().enumerate() {
        text.push_str(if n == 0 { "://" } else { "/" });
        escape_into(&mut text, part);
    }
    Ok(text)
}

/// The position of an id; leader epoch -1 and line 0, which are not part of the identity.
///
/// # Errors
/// `NotAnId` -> Reject, also for another spelling of a valid id.
pub fn parse_position(id: &RecordId) -> Result<SourcePosition> {
    let refuse = |why| Error::NotAnId { id: shown(id), strategy: STRATEGY, why };
    let text = id.text().ok_or_else(|| refuse("it is a digest"))?;
    let position = parse_text(text).ok_or_else(|| refuse("it does not parse"))?;
    // Numbers have several spellings (`+1`, `01`); only the one that is generated is an id.
    if position_text(&position)? != text {
        return Err(refuse("it is spelt differently"));
    }
    Ok(position)
}

pub(crate) fn parse_text(text: &str) -> Option<SourcePosition> {
    let (scheme, rest) = text.split_once("://")?;
    let parts: Vec<&str> = rest.split('/').collect();
    match (scheme, parts.as_slice()) {
        ("kafka", [cluster, topic, topic_id, partition, offset]) => Some(SourcePosition::Kafka {
            partition: Arc::new(KafkaPartition {
                cluster_id: unescape_text(cluster)?.into(),
                topic: unescape_text(topic)?.into(),
                topic_id: parse_topic_id(topic_id)?,
                partition: partition.parse().ok()?,
            }),
            offset: offset.parse().ok()?,
            leader_epoch: -1,
        }),
        ("file", [path, offset]) => Some(SourcePosition::File {
            path: unescape_text(path)?.into(),
            offset: offset.parse().ok()?,
            line: 0,
        }),
        ("database", [table, after]) => Some(SourcePosition::Database {
            table: unescape_text(table)?.into(),
            after: Bytes::from(unescape(after)?),
        }),
        ("custom", [kind, bytes]) => Some(SourcePosition::Custom {
            kind: unescape_text(kind)?.into(),
            bytes: Bytes::from(unescape(bytes)?),
        }),
        _ => None,
    }
}

fn parse_topic_id(text: &str) -> Option<TopicId> {
    (text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit()))
        .then(|| u128::from_str_radix(text, 16).ok())?
        .map(|id| TopicId(id.to_be_bytes()))
}

/// The start of an id for an error message.
pub(crate) fn shown(id: &RecordId) -> String {
    id.to_string().chars().take(120).collect()
}
