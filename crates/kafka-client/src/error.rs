//! What can go wrong, with what is known about the effect.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use velostream_core::{Code, Disposition};

use crate::{ApiKey, BrokerId, ErrorCode, Malformed};

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate. Cheap to clone, because one broken socket fails every request on it.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The socket could not be opened, or failed under this request.
    #[error("{}: {}: connection to {addr} failed{}", place(*.broker), called(*.api), sent_note(*.sent))]
    Io {
        /// Broker of the connection.
        broker: BrokerId,
        /// Its address.
        addr: Arc<str>,
        /// The request that met the error; `None` while connecting.
        api: Option<ApiKey>,
        /// False only where certainly not a byte of the request was written.
        sent: bool,
        /// The cause.
        #[source]
        source: Arc<io::Error>,
    },
    /// No reply within the deadline. The connection was closed, so that a late reply can match nothing.
    #[error("{}: {}: no answer from {addr} within {waited:?}{}", place(*.broker), called(*.api), sent_note(*.sent))]
    Timeout {
        /// Broker of the connection.
        broker: BrokerId,
        /// Its address.
        addr: Arc<str>,
        /// The request; `None` while connecting.
        api: Option<ApiKey>,
        /// How long was waited.
        waited: Duration,
        /// False only where certainly not a byte of the request was written.
        sent: bool,
    },
    /// The connection was closed before the reply came.
    #[error("{}: {api}: connection to {addr} is closed: {reason}{}", place(*.broker), sent_note(*.sent))]
    Closed {
        /// Broker of the connection.
        broker: BrokerId,
        /// Its address.
        addr: Arc<str>,
        /// The request.
        api: ApiKey,
        /// Who closed it and why.
        reason: Arc<str>,
        /// False only where certainly not a byte of the request was written.
        sent: bool,
    },
    /// More bytes are in flight than the connection admits; wait with [`Connection::ready`](crate::Connection::ready).
    #[error("{}: {api}: {in_flight_bytes} bytes in flight and {request_bytes} more exceed {max_bytes}", place(*.broker))]
    Busy {
        /// Broker of the connection.
        broker: BrokerId,
        /// The request.
        api: ApiKey,
        /// Bytes of requests without a reply.
        in_flight_bytes: usize,
        /// Bytes of this request.
        request_bytes: usize,
        /// The bound, [`Config::max_in_flight_bytes`](crate::Config::max_in_flight_bytes).
        max_bytes: usize,
    },
    /// A reply does not follow the protocol. The connection was closed.
    #[error("{}: {}: answer cannot be understood: {what}", place(*.broker), called(*.api))]
    Decode {
        /// Broker that sent it.
        broker: BrokerId,
        /// The request it should answer; `None` where the frame itself is wrong.
        api: Option<ApiKey>,
        /// What is wrong, and where.
        #[source]
        what: Malformed,
    },
    /// The broker does not offer a version that this request needs.
    #[error("{}: {api}: versions {}..={} needed, {} offered", place(*.broker), .needed.0, .needed.1, offer(*.offered))]
    Unsupported {
        /// The broker.
        broker: BrokerId,
        /// The request.
        api: ApiKey,
        /// Lowest and highest version that would do.
        needed: (i16, i16),
        /// Lowest and highest version offered; `None` where the API is absent.
        offered: Option<(i16, i16)>,
    },
    /// The broker answered with an error code.
    #[error("{}", broker_message(*.code, *.broker, *.api, .topic.as_deref(), *.partition, *.offset, .message.as_deref()))]
    Broker {
        /// The code.
        code: ErrorCode,
        /// The broker.
        broker: BrokerId,
        /// The request.
        api: ApiKey,
        /// Topic, group or transactional id, where the code belongs to one.
        topic: Option<String>,
        /// Partition, where the code belongs to one.
        partition: Option<i32>,
        /// Offset asked for, where that matters.
        offset: Option<i64>,
        /// The broker's own words.
        message: Option<String>,
    },
    /// No bootstrap server answered.
    #[error("no bootstrap server answered{}", tried_list(.tried))]
    NoBootstrap {
        /// Each address with its error.
        tried: Vec<(String, Self)>,
    },
    /// The cluster's metadata names no broker with this id.
    #[error("{broker} is not part of the cluster")]
    UnknownBroker {
        /// The id.
        broker: BrokerId,
    },
    /// A transactional offset commit without a real membership was refused before it was sent: a broker would accept
    /// it past every fence.
    #[error("offset commit of {group} refused: member {member:?} of generation {generation} is anonymous")]
    AnonymousMember {
        /// The group.
        group: String,
        /// The member id, empty for an anonymous one.
        member: String,
        /// The generation, negative for an anonymous one.
        generation: i32,
    },
    /// A request cannot be written: a name too long, a field that its version cannot carry.
    #[error("{api}: request cannot be written: {what}")]
    Encode {
        /// The request.
        api: ApiKey,
        /// What does not fit.
        what: &'static str,
    },
}

impl Error {
    /// What is known about the effect: the disposition of the code for [`Error::Broker`]; `Retry` for a lost
    /// connection when not a byte was written, else `Reconcile`. Where the request changes nothing
    /// ([`ApiKey::is_read_only`]) `Retry` stands for `Reconcile`.
    #[must_use]
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Io { api, sent, .. } | Self::Timeout { api, sent, .. } => lost(*api, *sent),
            Self::Closed { api, sent, .. } => lost(Some(*api), *sent),
            Self::Broker { code, api, .. } => match code.disposition() {
                Disposition::Reconcile if api.is_read_only() => Disposition::Retry,
                other => other,
            },
            Self::Busy { .. } | Self::NoBootstrap { .. } | Self::UnknownBroker { .. } => Disposition::Retry,
            Self::Decode { .. } => Disposition::Corrupt,
            Self::Unsupported { .. } | Self::AnonymousMember { .. } | Self::Encode { .. } => {
                Disposition::Reject
            }
        }
    }

    /// The stable code for operators.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Io { api: None, .. } | Self::NoBootstrap { .. } => Code::Unreachable,
            Self::Io { .. } | Self::Closed { .. } | Self::UnknownBroker { .. } => Code::KafkaIo,
            Self::Timeout { .. } | Self::Busy { .. } => Code::KafkaTimeout,
            Self::Decode { .. } => Code::KafkaProtocol,
            Self::Unsupported { .. } => Code::KafkaUnsupported,
            Self::Broker { .. } => Code::KafkaRefused,
            Self::AnonymousMember { .. } | Self::Encode { .. } => Code::Internal,
        }
    }

    /// The broker's error code, where there is one.
    #[must_use]
    pub fn broker_code(&self) -> Option<ErrorCode> {
        match self {
            Self::Broker { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Names the partition that an [`Error::Broker`] belongs to; other variants stay as they are.
    #[must_use]
    pub fn at(mut self, in_topic: impl Into<String>, in_partition: i32) -> Self {
        if let Self::Broker { topic, partition, .. } = &mut self {
            *topic = Some(in_topic.into());
            *partition = Some(in_partition);
        }
        self
    }

    /// Names the topic, group or transactional id that an [`Error::Broker`] belongs to.
    #[must_use]
    pub fn of(mut self, name: impl Into<String>) -> Self {
        if let Self::Broker { topic, .. } = &mut self {
            *topic = Some(name.into());
        }
        self
    }

    /// Names the offset that an [`Error::Broker`] belongs to.
    #[must_use]
    pub fn at_offset(mut self, at: i64) -> Self {
        if let Self::Broker { offset, .. } = &mut self {
            *offset = Some(at);
        }
        self
    }

    /// Keeps the broker's own words in an [`Error::Broker`].
    #[must_use]
    pub fn saying(mut self, words: Option<impl Into<String>>) -> Self {
        if let Self::Broker { message, .. } = &mut self {
            *message = words.map(Into::into);
        }
        self
    }
}

impl From<Error> for velostream_core::Error {
    fn from(error: Error) -> Self {
        Self::new(error.code(), error.disposition(), error.to_string()).with_source(error)
    }
}

fn lost(api: Option<ApiKey>, sent: bool) -> Disposition {
    if sent && !api.is_some_and(ApiKey::is_read_only) { Disposition::Reconcile } else { Disposition::Retry }
}

fn place(broker: BrokerId) -> String {
    broker.to_string()
}

fn called(api: Option<ApiKey>) -> &'static str {
    api.map_or("connect", ApiKey::name)
}

fn sent_note(sent: bool) -> &'static str {
    if sent { "" } else { " (nothing was sent)" }
}

fn offer(offered: Option<(i16, i16)>) -> String {
    offered.map_or_else(|| "none".to_owned(), |(low, high)| format!("{low}..={high}"))
}

fn broker_message(
    code: ErrorCode,
    broker: BrokerId,
    api: ApiKey,
    topic: Option<&str>,
    partition: Option<i32>,
    offset: Option<i64>,
    message: Option<&str>,
) -> String {
    let mut text = format!("{broker}: {api}");
    // Writing to a String cannot fail.
    if let Some(topic) = topic {
        let _ok = write!(text, " {topic}");
    }
    if let Some(partition) = partition {
        let _ok = write!(text, "-{partition}");
    }
    if let Some(offset) = offset {
        let _ok = write!(text, "@{offset}");
    }
    let _ok = write!(text, ": {code}");
    if let Some(message) = message.filter(|m| !m.is_empty()) {
        let _ok = write!(text, ": {message}");
    }
    text
}

fn tried_list(tried: &[(String, Error)]) -> String {
    let mut text = String::new();
    for (addr, error) in tried {
        let _ok = write!(text, "; {addr}: {error}");
        let mut cause = std::error::Error::source(error);
        while let Some(source) = cause {
            let _ok = write!(text, ": {source}");
            cause = source.source();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed(api: ApiKey, sent: bool) -> Error {
        Error::Closed { broker: BrokerId(1), addr: "b:9092".into(), api, reason: "test".into(), sent }
    }

    #[test]
    fn lost_reply_is_reconcile_only_where_something_was_sent_that_changes_something() {
        assert_eq!(closed(ApiKey::EndTxn, true).disposition(), Disposition::Reconcile);
        assert_eq!(closed(ApiKey::EndTxn, false).disposition(), Disposition::Retry);
        assert_eq!(closed(ApiKey::Fetch, true).disposition(), Disposition::Retry);
    }

    #[test]
    fn not_leader_is_reconcile_for_produce_and_retry_for_fetch() {
        let code = ErrorCode::NOT_LEADER_OR_FOLLOWER;
        assert_eq!(code.into_error(BrokerId(1), ApiKey::Produce).disposition(), Disposition::Reconcile);
        assert_eq!(code.into_error(BrokerId(1), ApiKey::Fetch).disposition(), Disposition::Retry);
    }

    #[test]
    fn broker_error_names_broker_api_partition_offset_and_words() {
        let error = ErrorCode::OFFSET_OUT_OF_RANGE
            .into_error(BrokerId(2), ApiKey::Fetch)
            .at("orders", 3)
            .at_offset(55)
            .saying(Some("gone"));
        assert_eq!(error.to_string(), "broker 2: Fetch orders-3@55: OFFSET_OUT_OF_RANGE (1): gone");
    }

    #[test]
    fn no_bootstrap_names_each_address_with_its_cause() {
        let source = Arc::new(io::Error::new(io::ErrorKind::ConnectionRefused, "refused"));
        let io = Error::Io { broker: BrokerId(-1), addr: "a:1".into(), api: None, sent: false, source };
        let error = Error::NoBootstrap { tried: vec![("a:1".to_owned(), io)] };
        assert_eq!(
            error.to_string(),
            "no bootstrap server answered; a:1: bootstrap broker: connect: connection to a:1 failed \
             (nothing was sent): refused"
        );
    }
}
