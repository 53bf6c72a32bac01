//! CreateTopics.

use std::time::Duration;

use velostream_core::TopicId;

use crate::{ApiKey, BrokerId, ErrorCode, Malformed, Reader, Request, Result, Writer};

/// Creates topics; any broker forwards it to the controller, old ones want the controller itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateTopics {
    /// The topics.
    pub topics: Vec<NewTopic>,
    /// How long the controller may take.
    pub timeout: Duration,
    /// Check only.
    pub validate_only: bool,
}

/// A topic to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTopic {
    /// Name.
    pub name: String,
    /// Number of partitions; -1 for the broker's default (version 4).
    pub partitions: i32,
    /// Replicas per partition; -1 for the broker's default (version 4).
    pub replication: i16,
    /// Settings that differ from the broker's.
    pub configs: Vec<(String, Option<String>)>,
}

/// Answer to a [`CreateTopics`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateTopicsResponse {
    /// Pause asked for.
    pub throttle: Duration,
    /// Each topic with its result.
    pub topics: Vec<CreatedTopic>,
}

/// One topic of a [`CreateTopicsResponse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedTopic {
    /// Name.
    pub name: String,
    /// Its id (version 7), else zero.
    pub id: TopicId,
    /// Its error.
    pub error: ErrorCode,
    /// The broker's words.
    pub error_message: Option<String>,
}

impl CreatedTopic {
    /// `Ok` where the topic was created.
    ///
    /// # Errors
    /// [`Error::Broker`](crate::Error::Broker) that names the topic.
    pub fn check(&self, broker: BrokerId) -> Result<()> {
        let named = |e: crate::Error| e.of(&*self.name).saying(self.error_message.as_deref());
        self.error.check(broker, ApiKey::CreateTopics).map_err(named)
    }
}

impl Request for CreateTopics {
    type Response = CreateTopicsResponse;
    const KEY: ApiKey = ApiKey::CreateTopics;
    const MIN: i16 = 2;
    const MAX: i16 = 7;
    const FLEXIBLE: i16 = 5;

    fn min_version(&self) -> i16 {
        if self.topics.iter().any(|t| t.partitions < 0 || t.replication < 0) { 4 } else { Self::MIN }
    }

    fn encode(&self, w: &mut Writer) -> Result<()> {
        w.array(&self.topics, |w, topic| {
            w.string(&topic.name);
            w.i32(topic.partitions);
            w.i16(topic.replication);
            w.array::<()>(&[], |_, ()| ()); // explicit replica assignment
            w.array(&topic.configs, |w, (name, value)| {
                w.string(name);
                w.nullable_string(value.as_deref());
                w.end_struct();
            });
            w.end_struct();
        });
        w.millis(self.timeout);
        w.bool(self.validate_only);
        w.end_struct();
        Ok(())
    }

    fn decode(r: &mut Reader) -> Result<CreateTopicsResponse, Malformed> {
        let throttle = r.millis()?;
        let topics = r.array(|r| {
            let version = r.version();
            let topic = CreatedTopic {
                name: r.string()?,
                id: if version >= 7 { r.topic_id()? } else { TopicId::default() },
                error: r.error_code()?,
                error_message: r.nullable_string()?,
            };
            if version >= 5 {
                r.i32()?; // partitions
                r.i16()?; // replication
                r.nullable_array(skip_config)?;
            }
            r.end_struct()?;
            Ok(topic)
        })?;
        r.end_struct()?;
        Ok(CreateTopicsResponse { throttle, topics })
    }

    fn throttle(response: &CreateTopicsResponse) -> Duration {
        response.throttle
    }
}

fn skip_config(r: &mut Reader) -> Result<(), Malformed> {
    r.string()?; // name
    r.nullable_string()?; // value
    r.bool()?; // read only
    r.i8()?; // source
    r.bool()?; // sensitive
    r.end_struct()
}
