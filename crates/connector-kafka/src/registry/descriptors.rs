//! Descriptors in the journal: reading them, and missing one that was there.

use std::collections::BTreeMap;
use std::ops::Range;

use velostream_core::Disposition;
use velostream_kafka_client::Isolation;

use super::{ADMIN_DEADLINE, POLL, Parts};
use crate::connections::Connections;
use crate::error::{Error, Result};
use crate::journal::reader::{Ends, Reading, Visitor};
use crate::journal::{Descriptor, Entry};
use crate::offsets::{group_coordinator, group_offsets};

/// Descriptors of journal partitions. A descriptor is the first record of its partition, so that this reads a
/// few bytes of each whatever the age of the job; a partition without one is read to its end.
pub(super) async fn read(
    parts: &Parts,
    partitions: Range<u32>,
    upto: Upto,
) -> Result<BTreeMap<u32, Descriptor>> {
    let positions = partitions.filter_map(|p| Some((i32::try_from(p).ok()?, 0))).collect();
    let mut reading =
        Reading { topic: parts.names.journal(), isolation: Isolation::ReadCommitted, positions };
    let mut found = Found { descriptors: BTreeMap::new(), upto };
    let mut connections = Connections::new(parts.sink.clone(), "sink");
    let started = parts.clock.monotonic();
    while !reading.positions.is_empty() {
        let round = reading.round(&mut connections, &mut found).await;
        let waited = parts.clock.monotonic().saturating_sub(started);
        match round {
            Ok(_) if waited < ADMIN_DEADLINE => {}
            Ok(done) if done => {}
            Ok(_) => {
                return Err(Error::ClaimTimeout {
                    splits: reading.positions.len(),
                    waited_ms: waited.as_millis(),
                    what: "the registry cannot be read to its end",
                });
            }
            Err(error) if error.disposition() != Disposition::Retry || waited > ADMIN_DEADLINE => {
                return Err(error);
            }
            Err(_) => parts.clock.sleep(POLL).await,
        }
    }
    Ok(found.descriptors)
}

/// A journal partition that was delivered for has a descriptor as its first record. Where the group has an offset
/// for one without, an unclean election has emptied it, and another split must not take over its place.
pub(super) async fn refuse_lost(parts: &Parts, indices: impl Iterator<Item = u32>) -> Result<()> {
    let (names, topic) = (&parts.names, parts.names.journal());
    let partitions: Vec<i32> = indices.filter_map(|index| i32::try_from(index).ok()).collect();
    let coordinator = group_coordinator(&parts.sink, names).await?;
    for found in group_offsets(&coordinator, names, partitions, false).await?.unwrap_or_default() {
        if let Some(offset) = found.offset {
            let destination = format!("{topic}-{}", found.partition);
            let what = format!(
                "source offset {offset} was delivered for it, but the record that says of what is gone"
            );
            return Err(Error::SinkWentBack { destination, what });
        }
    }
    Ok(())
}

/// How far a partition without a descriptor is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Upto {
    LastStable,
    HighWatermark,
}

struct Found {
    descriptors: BTreeMap<u32, Descriptor>,
    upto: Upto,
}

impl Visitor for Found {
    fn entry(&mut self, partition: i32, _offset: i64, entry: Entry) {
        if let (Ok(index), Entry::Split(descriptor)) = (u32::try_from(partition), entry) {
            self.descriptors.entry(index).or_insert(descriptor);
        }
    }

    fn finished(&mut self, partition: i32, position: i64, ends: Ends) -> bool {
        let found = u32::try_from(partition).is_ok_and(|p| self.descriptors.contains_key(&p));
        let end = match self.upto {
            Upto::LastStable => ends.last_stable,
            Upto::HighWatermark => ends.high_watermark,
        };
        found || position >= end
    }
}
