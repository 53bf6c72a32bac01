//! Format 1 of the manifest's body. Frozen: a changed format is a new version.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use velostream_core::{BatchId, Epoch, KafkaPartition, SourcePosition, SplitId, TopicId};

use super::{Committed, DataFile, Manifest};
use crate::{Error, Result};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ManifestV1 {
    job: String,
    name: String,
    epoch: u64,
    commits: u64,
    files: Vec<FileV1>,
    splits: Vec<SplitV1>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileV1 {
    name: String,
    bytes: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SplitV1 {
    split: String,
    batch: u64,
    position: PositionV1,
}

/// Bytes are lower-case hexadecimal.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum PositionV1 {
    Kafka { cluster: String, topic: String, topic_id: String, partition: i32, offset: i64, leader_epoch: i32 },
    File { path: String, offset: u64, line: u64 },
    Database { table: String, after: String },
    Custom { kind: String, bytes: String },
}

pub(super) fn encode(manifest: &Manifest) -> Result<String> {
    let splits = manifest.splits.iter().map(|(split, committed)| {
        Ok(SplitV1 {
            split: split.as_str().to_owned(),
            batch: committed.batch.0,
            position: position_out(&committed.position)?,
        })
    });
    let body = ManifestV1 {
        job: manifest.job.clone(),
        name: manifest.name.clone(),
        epoch: manifest.epoch.0,
        commits: manifest.commits,
        files: manifest.files.iter().map(|f| FileV1 { name: f.name.clone(), bytes: f.bytes }).collect(),
        splits: splits.collect::<Result<_>>()?,
    };
    // Strings and integers only: cannot fail, and a failure is not worth a variant of its own.
    serde_json::to_string(&body).map_err(|e| Error::Misuse { call: "commit", why: e.to_string() })
}

pub(super) fn decode(body: &str) -> Result<Manifest, String> {
    let body: ManifestV1 = serde_json::from_str(body).map_err(|e| e.to_string())?;
    let mut splits = BTreeMap::new();
    for entry in body.splits {
        let committed = Committed { position: position_in(entry.position)?, batch: BatchId(entry.batch) };
        if splits.insert(SplitId::new(entry.split.as_str()), committed).is_some() {
            return Err(format!("split {:?} stands twice", entry.split));
        }
    }
    Ok(Manifest {
        job: body.job,
        name: body.name,
        epoch: Epoch(body.epoch),
        commits: body.commits,
        files: body.files.into_iter().map(|f| DataFile { name: f.name, bytes: f.bytes }).collect(),
        splits,
    })
}

fn position_out(position: &SourcePosition) -> Result<PositionV1> {
    Ok(match position {
        SourcePosition::Kafka { partition, offset, leader_epoch } => PositionV1::Kafka {
            cluster: partition.cluster_id.to_string(),
            topic: partition.topic.to_string(),
            topic_id: hex(&partition.topic_id.0),
            partition: partition.partition,
            offset: *offset,
            leader_epoch: *leader_epoch,
        },
        SourcePosition::File { path, offset, line } => {
            PositionV1::File { path: path.to_string(), offset: *offset, line: *line }
        }
        SourcePosition::Database { table, after } => {
            PositionV1::Database { table: table.to_string(), after: hex(after) }
        }
        SourcePosition::Custom { kind, bytes } => {
            PositionV1::Custom { kind: kind.to_string(), bytes: hex(bytes) }
        }
        other => return Err(Error::PositionKind { position: other.clone() }),
    })
}

fn position_in(position: PositionV1) -> Result<SourcePosition, String> {
    Ok(match position {
        PositionV1::Kafka { cluster, topic, topic_id, partition, offset, leader_epoch } => {
            let id = unhex(&topic_id)?;
            let id = <[u8; 16]>::try_from(id.as_slice()).map_err(|_| "a topic id has 16 bytes".to_owned())?;
            SourcePosition::Kafka {
                partition: Arc::new(KafkaPartition {
                    cluster_id: cluster.into(),
                    topic: topic.into(),
                    topic_id: TopicId(id),
                    partition,
                }),
                offset,
                leader_epoch,
            }
        }
        PositionV1::File { path, offset, line } => SourcePosition::File { path: path.into(), offset, line },
        PositionV1::Database { table, after } => {
            SourcePosition::Database { table: table.into(), after: Bytes::from(unhex(&after)?) }
        }
        PositionV1::Custom { kind, bytes } => {
            SourcePosition::Custom { kind: kind.into(), bytes: Bytes::from(unhex(&bytes)?) }
        }
    })
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}

fn unhex(text: &str) -> Result<Vec<u8>, String> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Ok(byte.wrapping_sub(b'0')),
        b'a'..=b'f' => Ok(byte.wrapping_sub(b'a').wrapping_add(10)),
        _ => Err(format!("{text:?} is not hexadecimal")),
    };
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return Err(format!("{text:?} has an odd number of digits"));
    };
    pairs.iter().map(|[high, low]| Ok(digit(*high)? << 4 | digit(*low)?)).collect()
}
