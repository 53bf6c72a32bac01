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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::cross_check::{self as check, Uuid, text, theirs, topic_name};

    fn create(partitions: i32, replication: i16) -> CreateTopics {
        let configs = vec![("a".to_owned(), Some("1".to_owned())), ("b".to_owned(), None)];
        CreateTopics {
            topics: vec![NewTopic { name: "t".to_owned(), partitions, replication, configs }],
            timeout: Duration::from_secs(5),
            validate_only: true,
        }
    }

    #[test]
    fn request_reads_back_in_every_version() {
        assert_eq!(create(4, -1).min_version(), 4);
        for (partitions, replication) in [(4, 1), (4, -1), (-1, 1)] {
            check::request(&create(partitions, replication), |_| {
                use theirs::create_topics_request as c;
                let config =
                    |name, value| c::CreatableTopicConfig::default().with_name(text(name)).with_value(value);
                let topic = c::CreatableTopic::default()
                    .with_name(topic_name("t"))
                    .with_num_partitions(partitions)
                    .with_replication_factor(replication)
                    .with_configs(vec![config("a", Some(text("1"))), config("b", None)]);
                theirs::CreateTopicsRequest::default()
                    .with_topics(vec![topic])
                    .with_timeout_ms(5000)
                    .with_validate_only(true)
            });
        }
    }

    #[test]
    fn response_reads_in_every_version() {
        use theirs::create_topics_response as c;
        check::response::<CreateTopics, _>(
            |v| {
                let mut topic = c::CreatableTopicResult::default()
                    .with_name(topic_name("t"))
                    .with_error_code(36)
                    .with_error_message(Some(text("m")));
                if v >= 7 {
                    topic.topic_id = Uuid::from_bytes([7; 16]);
                }
                if v >= 5 {
                    topic.num_partitions = 4;
                    topic.replication_factor = 1;
                    topic.topic_config_error_code = 29;
                    topic.configs = Some(vec![
                        c::CreatableTopicConfigs::default().with_name(text("a")).with_value(Some(text("1"))),
                    ]);
                }
                theirs::CreateTopicsResponse::default().with_throttle_time_ms(3).with_topics(vec![topic])
            },
            |v| CreateTopicsResponse {
                throttle: Duration::from_millis(3),
                topics: vec![CreatedTopic {
                    name: "t".to_owned(),
                    id: TopicId(if v >= 7 { [7; 16] } else { [0; 16] }),
                    error: ErrorCode::TOPIC_ALREADY_EXISTS,
                    error_message: Some("m".to_owned()),
                }],
            },
        );
    }
}
