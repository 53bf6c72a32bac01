//! DeleteTopics.

use std::time::Duration;

use velostream_core::TopicId;

use crate::{ApiKey, BrokerId, ErrorCode, Malformed, Reader, Request, Result, Writer};

/// Deletes topics by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteTopics {
    /// The names.
    pub topics: Vec<String>,
    /// How long the controller may take.
    pub timeout: Duration,
}

/// Answer to a [`DeleteTopics`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteTopicsResponse {
    /// Pause asked for.
    pub throttle: Duration,
    /// Each topic with its result.
    pub topics: Vec<DeletedTopic>,
}

/// One topic of a [`DeleteTopicsResponse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletedTopic {
    /// Name.
    pub name: Option<String>,
    /// Its error.
    pub error: ErrorCode,
    /// The broker's words (version 5).
    pub error_message: Option<String>,
}

impl DeletedTopic {
    /// `Ok` where the topic was deleted.
    ///
    /// # Errors
    /// [`Error::Broker`](crate::Error::Broker) that names the topic.
    pub fn check(&self, broker: BrokerId) -> Result<()> {
        let name = self.name.as_deref().unwrap_or_default();
        let named = |e: crate::Error| e.of(name).saying(self.error_message.as_deref());
        self.error.check(broker, ApiKey::DeleteTopics).map_err(named)
    }
}

impl Request for DeleteTopics {
    type Response = DeleteTopicsResponse;
    const KEY: ApiKey = ApiKey::DeleteTopics;
    const MIN: i16 = 1;
    const MAX: i16 = 6;
    const FLEXIBLE: i16 = 4;

    fn encode(&self, w: &mut Writer) -> Result<()> {
        if w.version() >= 6 {
            w.array(&self.topics, |w, name| {
                w.nullable_string(Some(name));
                w.topic_id(TopicId::default());
                w.end_struct();
            });
        } else {
            w.array(&self.topics, |w, name| w.string(name));
        }
        w.millis(self.timeout);
        w.end_struct();
        Ok(())
    }

    fn decode(r: &mut Reader) -> Result<DeleteTopicsResponse, Malformed> {
        let version = r.version();
        let throttle = r.millis()?;
        let topics = r.array(|r| {
            let name = r.nullable_string()?;
            if version >= 6 {
                r.topic_id()?;
            }
            let error = r.error_code()?;
            let error_message = if version >= 5 { r.nullable_string()? } else { None };
            r.end_struct()?;
            Ok(DeletedTopic { name, error, error_message })
        })?;
        r.end_struct()?;
        Ok(DeleteTopicsResponse { throttle, topics })
    }

    fn throttle(response: &DeleteTopicsResponse) -> Duration {
        response.throttle
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::cross_check::{self as check, text, theirs, topic_name};

    #[test]
    fn request_reads_back_in_every_version() {
        let request = DeleteTopics { topics: vec!["t".to_owned()], timeout: Duration::from_secs(5) };
        check::request(&request, |v| {
            let expected = theirs::DeleteTopicsRequest::default().with_timeout_ms(5000);
            if v >= 6 {
                let state = theirs::delete_topics_request::DeleteTopicState::default()
                    .with_name(Some(topic_name("t")));
                return expected.with_topics(vec![state]);
            }
            expected.with_topic_names(vec![topic_name("t")])
        });
    }

    #[test]
    fn response_reads_in_every_version() {
        check::response::<DeleteTopics, _>(
            |v| {
                let mut topic = theirs::delete_topics_response::DeletableTopicResult::default()
                    .with_name(Some(topic_name("t")))
                    .with_error_code(3);
                if v >= 5 {
                    topic.error_message = Some(text("m"));
                }
                theirs::DeleteTopicsResponse::default().with_throttle_time_ms(3).with_responses(vec![topic])
            },
            |v| DeleteTopicsResponse {
                throttle: Duration::from_millis(3),
                topics: vec![DeletedTopic {
                    name: Some("t".to_owned()),
                    error: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                    error_message: (v >= 5).then(|| "m".to_owned()),
                }],
            },
        );
    }
}
