//! FindCoordinator: which broker coordinates a group or a transactional id.

use std::time::Duration;

use crate::{ApiKey, Broker, BrokerId, ErrorCode, Malformed, Reader, Request, Result, Writer};

/// What is coordinated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CoordinatorKind {
    /// A consumer group.
    Group,
    /// A transactional id. Asking creates the broker's transaction log where there was none.
    Transaction,
}

/// Asks for one coordinator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindCoordinator {
    /// What is coordinated.
    pub kind: CoordinatorKind,
    /// Group or transactional id.
    pub key: String,
}

/// Answer to a [`FindCoordinator`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindCoordinatorResponse {
    /// Pause asked for.
    pub throttle: Duration,
    /// Error of the request.
    pub error: ErrorCode,
    /// The broker's words.
    pub error_message: Option<String>,
    /// The coordinator; `None` with an error.
    pub coordinator: Option<Broker>,
}

impl Request for FindCoordinator {
    type Response = FindCoordinatorResponse;
    const KEY: ApiKey = ApiKey::FindCoordinator;
    // Version 1 is the first that knows transactional ids.
    const MIN: i16 = 1;
    const MAX: i16 = 4;
    const FLEXIBLE: i16 = 3;

    fn encode(&self, w: &mut Writer) -> Result<()> {
        let kind = match self.kind {
            CoordinatorKind::Group => 0,
            CoordinatorKind::Transaction => 1,
        };
        if w.version() >= 4 {
            w.i8(kind);
            w.array(&[self.key.as_str()], |w, key| w.string(key));
        } else {
            w.string(&self.key);
            w.i8(kind);
        }
        w.end_struct();
        Ok(())
    }

    fn decode(r: &mut Reader) -> Result<FindCoordinatorResponse, Malformed> {
        let throttle = r.millis()?;
        if r.version() < 4 {
            let (error, error_message) = (r.error_code()?, r.nullable_string()?);
            let coordinator = read_node(r)?;
            r.end_struct()?;
            return Ok(FindCoordinatorResponse { throttle, error, error_message, coordinator });
        }
        let mut found = r.array(|r| {
            r.string()?; // the key
            let coordinator = read_node(r)?;
            let (error, error_message) = (r.error_code()?, r.nullable_string()?);
            r.end_struct()?;
            Ok(FindCoordinatorResponse { throttle, error, error_message, coordinator })
        })?;
        r.end_struct()?;
        match (found.pop(), found.is_empty()) {
            (Some(only), true) => Ok(only),
            _ => Err(r.malformed("not one coordinator for one key")),
        }
    }

    fn throttle(response: &FindCoordinatorResponse) -> Duration {
        response.throttle
    }
}

/// A node, or `None` for the id -1 that stands beside an error.
fn read_node(r: &mut Reader) -> Result<Option<Broker>, Malformed> {
    let (id, host, port) = (r.i32()?, r.string()?, r.i32()?);
    if id < 0 {
        return Ok(None);
    }
    let port = u16::try_from(port).map_err(|_| r.malformed("port"))?;
    Ok(Some(Broker { id: BrokerId(id), host, port, rack: None }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::cross_check::{self as check, text, theirs};

    #[test]
    fn request_reads_back_in_every_version() {
        let request = FindCoordinator { kind: CoordinatorKind::Transaction, key: "x".to_owned() };
        check::request(&request, |v| {
            let expected = theirs::FindCoordinatorRequest::default().with_key_type(1);
            if v >= 4 {
                expected.with_coordinator_keys(vec![text("x")])
            } else {
                expected.with_key(text("x"))
            }
        });
    }

    #[test]
    fn response_reads_in_every_version() {
        check::response::<FindCoordinator, _>(
            |v| {
                let written = theirs::FindCoordinatorResponse::default().with_throttle_time_ms(3);
                if v >= 4 {
                    let found = theirs::find_coordinator_response::Coordinator::default()
                        .with_key(text("x"))
                        .with_node_id(theirs::BrokerId(2))
                        .with_host(text("h"))
                        .with_port(9)
                        .with_error_message(Some(text("m")));
                    return written.with_coordinators(vec![found]);
                }
                written
                    .with_node_id(theirs::BrokerId(2))
                    .with_host(text("h"))
                    .with_port(9)
                    .with_error_message(Some(text("m")))
            },
            |_| FindCoordinatorResponse {
                throttle: Duration::from_millis(3),
                error: ErrorCode::NONE,
                error_message: Some("m".to_owned()),
                coordinator: Some(Broker { id: BrokerId(2), host: "h".to_owned(), port: 9, rack: None }),
            },
        );
    }

    #[test]
    fn node_minus_one_is_no_coordinator() {
        check::response::<FindCoordinator, _>(
            |v| {
                let none = theirs::BrokerId(-1);
                if v >= 4 {
                    let found = theirs::find_coordinator_response::Coordinator::default()
                        .with_node_id(none)
                        .with_port(-1)
                        .with_error_code(15);
                    return theirs::FindCoordinatorResponse::default().with_coordinators(vec![found]);
                }
                theirs::FindCoordinatorResponse::default()
                    .with_node_id(none)
                    .with_port(-1)
                    .with_error_code(15)
            },
            |_| FindCoordinatorResponse {
                throttle: Duration::ZERO,
                error: ErrorCode::COORDINATOR_NOT_AVAILABLE,
                error_message: Some(String::new()),
                coordinator: None,
            },
        );
    }
}
