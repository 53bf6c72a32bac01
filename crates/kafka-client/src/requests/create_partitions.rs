//! CreatePartitions: raises the number of partitions.

use std::time::Duration;

use crate::{ApiKey, BrokerId, ErrorCode, Malformed, Reader, Request, Result, Writer};

/// Raises the number of partitions of topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatePartitions {
    /// The topics.
    pub topics: Vec<NewPartitions>,
    /// How long the controller may take.
    pub timeout: Duration,
    /// Check only.
    pub validate_only: bool,
}

/// A topic to grow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPartitions {
    /// Name.
    pub name: String,
    /// The new total.
    pub count: i32,
}

/// Answer to a [`CreatePartitions`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatePartitionsResponse {
    /// Pause asked for.
    pub throttle: Duration,
    /// Each topic with its result.
    pub topics: Vec<PartitionsResult>,
}

/// One topic of a [`CreatePartitionsResponse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionsResult {
    /// Name.
    pub name: String,
    /// Its error; INVALID_PARTITIONS where it has as many or more.
    pub error: ErrorCode,
    /// The broker's words.
    pub error_message: Option<String>,
}

impl PartitionsResult {
    /// `Ok` where the topic was grown.
    ///
    /// # Errors
    /// [`Error::Broker`](crate::Error::Broker) that names the topic.
    pub fn check(&self, broker: BrokerId) -> Result<()> {
        let named = |e: crate::Error| e.of(&*self.name).saying(self.error_message.as_deref());
        self.error.check(broker, ApiKey::CreatePartitions).map_err(named)
    }
}

impl Request for CreatePartitions {
    type Response = CreatePartitionsResponse;
    const KEY: ApiKey = ApiKey::CreatePartitions;
    const MIN: i16 = 0;
    const MAX: i16 = 3;
    const FLEXIBLE: i16 = 2;

    fn encode(&self, w: &mut Writer) -> Result<()> {
        w.array(&self.topics, |w, topic| {
            w.string(&topic.name);
            w.i32(topic.count);
            w.nullable_array::<()>(None, |_, ()| ()); // explicit replica assignment
            w.end_struct();
        });
        w.millis(self.timeout);
        w.bool(self.validate_only);
        w.end_struct();
        Ok(())
    }

    fn decode(r: &mut Reader) -> Result<CreatePartitionsResponse, Malformed> {
        let throttle = r.millis()?;
        let topics = r.array(|r| {
            let (name, error, error_message) = (r.string()?, r.error_code()?, r.nullable_string()?);
            r.end_struct()?;
            Ok(PartitionsResult { name, error, error_message })
        })?;
        r.end_struct()?;
        Ok(CreatePartitionsResponse { throttle, topics })
    }

    fn throttle(response: &CreatePartitionsResponse) -> Duration {
        response.throttle
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::cross_check::{self as check, text, theirs, topic_name};

    #[test]
    fn request_reads_back_in_every_version() {
        let topics = vec![NewPartitions { name: "t".to_owned(), count: 9 }];
        let request = CreatePartitions { topics, timeout: Duration::from_secs(5), validate_only: false };
        check::request(&request, |_| {
            let topic = theirs::create_partitions_request::CreatePartitionsTopic::default()
                .with_name(topic_name("t"))
                .with_count(9)
                .with_assignments(None);
            theirs::CreatePartitionsRequest::default().with_topics(vec![topic]).with_timeout_ms(5000)
        });
    }

    #[test]
    fn response_reads_in_every_version() {
        check::response::<CreatePartitions, _>(
            |_| {
                let result = theirs::create_partitions_response::CreatePartitionsTopicResult::default()
                    .with_name(topic_name("t"))
                    .with_error_code(37)
                    .with_error_message(Some(text("m")));
                theirs::CreatePartitionsResponse::default()
                    .with_throttle_time_ms(3)
                    .with_results(vec![result])
            },
            |_| CreatePartitionsResponse {
                throttle: Duration::from_millis(3),
                topics: vec![PartitionsResult {
                    name: "t".to_owned(),
                    error: ErrorCode::INVALID_PARTITIONS,
                    error_message: Some("m".to_owned()),
                }],
            },
        );
    }
}
