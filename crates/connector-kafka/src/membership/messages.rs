//! What members tell the leader when they join, and what the leader tells them.
//!
//! The outer form is the one of Kafka's own consumers (ConsumerProtocolSubscription and ConsumerProtocolAssignment,
//! version 0), because the coordinator looks into it and `kafka-consumer-groups --describe` shows it: the topic is the
//! job's internal topic. Our own content is JSON in its user data, so that workers of two versions can share a group
//! during a rolling upgrade.

use bytes::{Buf, BufMut};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::journal::Descriptor;
use crate::sink::SinkTopic;

/// Protocol name in JoinGroup; members that do not share it cannot join.
pub(super) const PROTOCOL: &str = "velostream-1";

/// Sent with JoinGroup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Subscription {
    /// Instance name.
    pub(super) instance: String,
    /// When the process started, milliseconds since the Unix epoch: of two with one name the younger gives way.
    pub(super) started_ms: i64,
    /// Splits held in the generation that ends.
    pub(super) holds: Vec<u32>,
}

/// Received from SyncGroup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub(crate) struct Share {
    /// Splits with their descriptors, so that no worker has to read the registry.
    pub(crate) splits: Vec<(u32, Descriptor)>,
    /// Their destinations.
    pub(crate) destinations: Vec<SinkTopic>,
    /// Another live member with the same instance name was here first.
    pub(crate) duplicate: bool,
}

const VERSION: i16 = 0;

impl Subscription {
    pub(super) fn encode(&self, journal: &str) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        out.put_i16(VERSION);
        out.put_i32(1);
        put_string(&mut out, journal)?;
        put_user_data(&mut out, self)?;
        Ok(out)
    }

    pub(super) fn decode(mut bytes: &[u8]) -> Result<Self> {
        let topics = start(&mut bytes)?;
        for _ in 0..topics {
            skip_string(&mut bytes)?;
        }
        user_data(bytes)
    }
}

impl Share {
    pub(super) fn encode(&self, journal: &str) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        out.put_i16(VERSION);
        out.put_i32(1);
        put_string(&mut out, journal)?;
        out.put_i32(i32::try_from(self.splits.len()).map_err(|_| broken("too many splits"))?);
        for (index, _) in &self.splits {
            out.put_u32(*index);
        }
        put_user_data(&mut out, self)?;
        Ok(out)
    }

    pub(super) fn decode(mut bytes: &[u8]) -> Result<Self> {
        let topics = start(&mut bytes)?;
        for _ in 0..topics {
            skip_string(&mut bytes)?;
            let partitions = length(&mut bytes)?;
            skip(&mut bytes, partitions.checked_mul(4).ok_or_else(|| broken("length"))?)?;
        }
        user_data(bytes)
    }
}

/// Entry for a fuzz target. What is read can be written and reads back equal.
#[cfg(fuzzing)]
pub fn fuzz(bytes: &[u8]) {
    if let Ok(subscription) = Subscription::decode(bytes) {
        let written = subscription.encode("t").expect("what was read can be written");
        assert_eq!(Subscription::decode(&written).expect("what was written is read"), subscription);
    }
    if let Ok(share) = Share::decode(bytes) {
        let written = share.encode("t").expect("what was read can be written");
        assert_eq!(Share::decode(&written).expect("what was written is read"), share);
    }
}

fn broken(what: &str) -> Error {
    Error::GroupMessage { what: what.to_owned() }
}

fn put_string(out: &mut Vec<u8>, text: &str) -> Result<()> {
    out.put_i16(i16::try_from(text.len()).map_err(|_| broken("topic name too long"))?);
    out.put_slice(text.as_bytes());
    Ok(())
}

fn put_user_data<T: Serialize>(out: &mut Vec<u8>, message: &T) -> Result<()> {
    let json = serde_json::to_vec(message).map_err(|e| broken(&e.to_string()))?;
    out.put_i32(i32::try_from(json.len()).map_err(|_| broken("too large"))?);
    out.put_slice(&json);
    Ok(())
}

/// Reads the version and the number of topics.
fn start(bytes: &mut &[u8]) -> Result<usize> {
    bytes.try_get_i16().map_err(|_| broken("truncated"))?;
    length(bytes)
}

fn length(bytes: &mut &[u8]) -> Result<usize> {
    let length = bytes.try_get_i32().map_err(|_| broken("truncated"))?;
    usize::try_from(length).map_err(|_| broken("negative length"))
}

fn skip_string(bytes: &mut &[u8]) -> Result<()> {
    let length = bytes.try_get_i16().map_err(|_| broken("truncated"))?;
    skip(bytes, usize::try_from(length).map_err(|_| broken("negative length"))?)
}

fn skip(bytes: &mut &[u8], count: usize) -> Result<()> {
    *bytes = bytes.get(count..).ok_or_else(|| broken("truncated"))?;
    Ok(())
}

fn user_data<'a, T: Deserialize<'a>>(mut bytes: &'a [u8]) -> Result<T> {
    let length = length(&mut bytes)?;
    let json = bytes.get(..length).ok_or_else(|| broken("truncated"))?;
    serde_json::from_slice(json).map_err(|e| broken(&e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_and_a_share_read_back_as_written() {
        let subscription = Subscription { instance: "w0".to_owned(), started_ms: 7, holds: vec![1, 2] };
        let bytes = subscription.encode("__velostream.j").unwrap();
        assert_eq!(Subscription::decode(&bytes).unwrap(), subscription);
        let share = Share { duplicate: true, ..Share::default() };
        assert_eq!(Share::decode(&share.encode("__velostream.j").unwrap()).unwrap(), share);
    }

    /// Workers of two releases share a group while a job is rolled over: these bytes stay readable.
    #[test]
    fn messages_of_the_first_release_are_these_bytes_for_ever() {
        let subscription = Subscription { instance: "w0".to_owned(), started_ms: 7, holds: vec![1, 2] };
        let json = r#"{"instance":"w0","started_ms":7,"holds":[1,2]}"#;
        let golden = [&b"\0\0\0\0\0\x01\0\x01j\0\0\0\x2e"[..], json.as_bytes()].concat();
        assert_eq!(subscription.encode("j").unwrap(), golden);
        assert_eq!(Subscription::decode(&golden).unwrap(), subscription);
        let descriptor = r#"{"cluster_id":"c","topic":"t","topic_id":"07","partition":3,"start":4,"destination":"d","destination_partition":5}"#;
        let topic_id = "09".repeat(16);
        let json = format!(
            r#"{{"splits":[[6,{descriptor}]],"destinations":[{{"topic":"d","topic_id":"{topic_id}","max_message_bytes":8}}],"duplicate":true}}"#
        );
        let share: Share = serde_json::from_str(&json).unwrap();
        let length = u32::try_from(json.len()).unwrap().to_be_bytes();
        let head = b"\0\0\0\0\0\x01\0\x01j\0\0\0\x01\0\0\0\x06";
        let golden = [&head[..], &length, json.as_bytes()].concat();
        assert_eq!(share.encode("j").unwrap(), golden);
        assert_eq!(Share::decode(&golden).unwrap(), share);
        assert_eq!((share.splits[0].0, share.splits[0].1.start, share.destinations.len()), (6, 4, 1));
    }

    #[test]
    fn every_truncation_is_an_error() {
        let subscription = Subscription { instance: "w0".to_owned(), started_ms: 7, holds: vec![] };
        let bytes = subscription.encode("__velostream.j").unwrap();
        for cut in 0..bytes.len() {
            assert!(Subscription::decode(&bytes[..cut]).is_err());
            assert!(Share::decode(&bytes[..cut]).is_err());
        }
    }
}
