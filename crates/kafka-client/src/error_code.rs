//! The broker's error codes: one table of names and of what each one says about the effect.

use std::fmt;

use velostream_core::Disposition;

use crate::{ApiKey, BrokerId, Error};

/// An error code as a broker sends it. Codes without a name are kept as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ErrorCode(pub i16);

/// What has to be looked up again before a request is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refresh {
    /// Nothing: what is known still holds.
    Nothing,
    /// Topic metadata: the leader, the topic id or the controller may be another one.
    Metadata,
    /// The coordinator may be another broker.
    Coordinator,
}

struct Row {
    code: i16,
    name: &'static str,
    disposition: Disposition,
    refresh: Refresh,
}

macro_rules! error_codes {
    ($($name:ident = $code:literal, $disposition:ident, $refresh:ident;)+) => {
        impl ErrorCode {
            $(#[doc = concat!("Code ", stringify!($code), ".")] pub const $name: Self = Self($code);)+

            /// Every named code, ascending.
            pub const ALL: &'static [Self] = &[$(Self($code),)+];
        }

        const TABLE: &[Row] = &[$(Row {
            code: $code,
            name: stringify!($name),
            disposition: Disposition::$disposition,
            refresh: Refresh::$refresh,
        },)+];
    };
}

// Names and numbers: org.apache.kafka.common.protocol.Errors of Kafka 4.3.1. The disposition is what holds when a
// request that changes something gets this answer: "Retry" only where the broker refuses before it appends. A leader
// that lost its leadership, a coordinator that moved and a time-out may have appended first (partition and
// coordinator logs answer 6, 7, 15, 16, 20, 56 after an append), so they are "Reconcile".
error_codes! {
    UNKNOWN_SERVER_ERROR = -1, Reconcile, Nothing;
    NONE = 0, Retry, Nothing;
    OFFSET_OUT_OF_RANGE = 1, Reject, Nothing;
    CORRUPT_MESSAGE = 2, Retry, Nothing;
    UNKNOWN_TOPIC_OR_PARTITION = 3, Retry, Metadata;
    INVALID_FETCH_SIZE = 4, Reject, Nothing;
    LEADER_NOT_AVAILABLE = 5, Retry, Metadata;
    NOT_LEADER_OR_FOLLOWER = 6, Reconcile, Metadata;
    REQUEST_TIMED_OUT = 7, Reconcile, Nothing;
    BROKER_NOT_AVAILABLE = 8, Retry, Nothing;
    REPLICA_NOT_AVAILABLE = 9, Retry, Metadata;
    MESSAGE_TOO_LARGE = 10, Reject, Nothing;
    STALE_CONTROLLER_EPOCH = 11, Retry, Nothing;
    OFFSET_METADATA_TOO_LARGE = 12, Reject, Nothing;
    NETWORK_EXCEPTION = 13, Reconcile, Nothing;
    COORDINATOR_LOAD_IN_PROGRESS = 14, Retry, Coordinator;
    COORDINATOR_NOT_AVAILABLE = 15, Reconcile, Coordinator;
    NOT_COORDINATOR = 16, Reconcile, Coordinator;
    INVALID_TOPIC_EXCEPTION = 17, Reject, Nothing;
    RECORD_LIST_TOO_LARGE = 18, Reject, Nothing;
    NOT_ENOUGH_REPLICAS = 19, Retry, Nothing;
    NOT_ENOUGH_REPLICAS_AFTER_APPEND = 20, Reconcile, Nothing;
    INVALID_REQUIRED_ACKS = 21, Reject, Nothing;
    ILLEGAL_GENERATION = 22, Fenced, Nothing;
    INCONSISTENT_GROUP_PROTOCOL = 23, Reject, Nothing;
    INVALID_GROUP_ID = 24, Reject, Nothing;
    UNKNOWN_MEMBER_ID = 25, Fenced, Nothing;
    INVALID_SESSION_TIMEOUT = 26, Reject, Nothing;
    REBALANCE_IN_PROGRESS = 27, Abort, Nothing;
    INVALID_COMMIT_OFFSET_SIZE = 28, Reject, Nothing;
    TOPIC_AUTHORIZATION_FAILED = 29, Reject, Nothing;
    GROUP_AUTHORIZATION_FAILED = 30, Reject, Nothing;
    CLUSTER_AUTHORIZATION_FAILED = 31, Reject, Nothing;
    INVALID_TIMESTAMP = 32, Reject, Nothing;
    UNSUPPORTED_SASL_MECHANISM = 33, Reject, Nothing;
    ILLEGAL_SASL_STATE = 34, Reject, Nothing;
    UNSUPPORTED_VERSION = 35, Reject, Nothing;
    TOPIC_ALREADY_EXISTS = 36, Reconcile, Nothing;
    INVALID_PARTITIONS = 37, Reject, Nothing;
    INVALID_REPLICATION_FACTOR = 38, Reject, Nothing;
    INVALID_REPLICA_ASSIGNMENT = 39, Reject, Nothing;
    INVALID_CONFIG = 40, Reject, Nothing;
    NOT_CONTROLLER = 41, Retry, Metadata;
    INVALID_REQUEST = 42, Reject, Nothing;
    UNSUPPORTED_FOR_MESSAGE_FORMAT = 43, Reject, Nothing;
    POLICY_VIOLATION = 44, Reject, Nothing;
    OUT_OF_ORDER_SEQUENCE_NUMBER = 45, Reconcile, Nothing;
    DUPLICATE_SEQUENCE_NUMBER = 46, Reconcile, Nothing;
    INVALID_PRODUCER_EPOCH = 47, Fenced, Nothing;
    INVALID_TXN_STATE = 48, Reconcile, Nothing;
    INVALID_PRODUCER_ID_MAPPING = 49, Reconcile, Nothing;
    INVALID_TRANSACTION_TIMEOUT = 50, Reject, Nothing;
    CONCURRENT_TRANSACTIONS = 51, Retry, Nothing;
    TRANSACTION_COORDINATOR_FENCED = 52, Reconcile, Nothing;
    TRANSACTIONAL_ID_AUTHORIZATION_FAILED = 53, Reject, Nothing;
    SECURITY_DISABLED = 54, Reject, Nothing;
    OPERATION_NOT_ATTEMPTED = 55, Retry, Nothing;
    KAFKA_STORAGE_ERROR = 56, Reconcile, Metadata;
    LOG_DIR_NOT_FOUND = 57, Reject, Nothing;
    SASL_AUTHENTICATION_FAILED = 58, Reject, Nothing;
    UNKNOWN_PRODUCER_ID = 59, Reconcile, Nothing;
    REASSIGNMENT_IN_PROGRESS = 60, Retry, Nothing;
    DELEGATION_TOKEN_AUTH_DISABLED = 61, Reject, Nothing;
    DELEGATION_TOKEN_NOT_FOUND = 62, Reject, Nothing;
    DELEGATION_TOKEN_OWNER_MISMATCH = 63, Reject, Nothing;
    DELEGATION_TOKEN_REQUEST_NOT_ALLOWED = 64, Reject, Nothing;
    DELEGATION_TOKEN_AUTHORIZATION_FAILED = 65, Reject, Nothing;
    DELEGATION_TOKEN_EXPIRED = 66, Reject, Nothing;
    INVALID_PRINCIPAL_TYPE = 67, Reject, Nothing;
    NON_EMPTY_GROUP = 68, Reject, Nothing;
    GROUP_ID_NOT_FOUND = 69, Fenced, Nothing;
    FETCH_SESSION_ID_NOT_FOUND = 70, Retry, Nothing;
    INVALID_FETCH_SESSION_EPOCH = 71, Retry, Nothing;
    LISTENER_NOT_FOUND = 72, Retry, Metadata;
    TOPIC_DELETION_DISABLED = 73, Reject, Nothing;
    FENCED_LEADER_EPOCH = 74, Retry, Metadata;
    UNKNOWN_LEADER_EPOCH = 75, Retry, Metadata;
    UNSUPPORTED_COMPRESSION_TYPE = 76, Reject, Nothing;
    STALE_BROKER_EPOCH = 77, Reconcile, Nothing;
    OFFSET_NOT_AVAILABLE = 78, Retry, Nothing;
    MEMBER_ID_REQUIRED = 79, Retry, Nothing;
    PREFERRED_LEADER_NOT_AVAILABLE = 80, Retry, Metadata;
    GROUP_MAX_SIZE_REACHED = 81, Reject, Nothing;
    FENCED_INSTANCE_ID = 82, Fenced, Nothing;
    ELIGIBLE_LEADERS_NOT_AVAILABLE = 83, Retry, Metadata;
    ELECTION_NOT_NEEDED = 84, Retry, Nothing;
    NO_REASSIGNMENT_IN_PROGRESS = 85, Retry, Nothing;
    GROUP_SUBSCRIBED_TO_TOPIC = 86, Reject, Nothing;
    INVALID_RECORD = 87, Reject, Nothing;
    UNSTABLE_OFFSET_COMMIT = 88, Retry, Nothing;
    THROTTLING_QUOTA_EXCEEDED = 89, Retry, Nothing;
    PRODUCER_FENCED = 90, Fenced, Nothing;
    RESOURCE_NOT_FOUND = 91, Reject, Nothing;
    DUPLICATE_RESOURCE = 92, Reconcile, Nothing;
    UNACCEPTABLE_CREDENTIAL = 93, Reject, Nothing;
    INCONSISTENT_VOTER_SET = 94, Reject, Nothing;
    INVALID_UPDATE_VERSION = 95, Reject, Nothing;
    FEATURE_UPDATE_FAILED = 96, Reject, Nothing;
    PRINCIPAL_DESERIALIZATION_FAILURE = 97, Reject, Nothing;
    SNAPSHOT_NOT_FOUND = 98, Reject, Nothing;
    POSITION_OUT_OF_RANGE = 99, Reject, Nothing;
    UNKNOWN_TOPIC_ID = 100, Retry, Metadata;
    DUPLICATE_BROKER_REGISTRATION = 101, Reject, Nothing;
    BROKER_ID_NOT_REGISTERED = 102, Reject, Nothing;
    INCONSISTENT_TOPIC_ID = 103, Retry, Metadata;
    INCONSISTENT_CLUSTER_ID = 104, Reject, Nothing;
    TRANSACTIONAL_ID_NOT_FOUND = 105, Reject, Nothing;
    FETCH_SESSION_TOPIC_ID_ERROR = 106, Retry, Metadata;
    INELIGIBLE_REPLICA = 107, Reconcile, Nothing;
    NEW_LEADER_ELECTED = 108, Retry, Metadata;
    OFFSET_MOVED_TO_TIERED_STORAGE = 109, Reject, Nothing;
    FENCED_MEMBER_EPOCH = 110, Fenced, Nothing;
    UNRELEASED_INSTANCE_ID = 111, Fenced, Nothing;
    UNSUPPORTED_ASSIGNOR = 112, Reject, Nothing;
    STALE_MEMBER_EPOCH = 113, Fenced, Nothing;
    MISMATCHED_ENDPOINT_TYPE = 114, Reject, Nothing;
    UNSUPPORTED_ENDPOINT_TYPE = 115, Reject, Nothing;
    UNKNOWN_CONTROLLER_ID = 116, Retry, Nothing;
    UNKNOWN_SUBSCRIPTION_ID = 117, Reject, Nothing;
    TELEMETRY_TOO_LARGE = 118, Reject, Nothing;
    INVALID_REGISTRATION = 119, Reject, Nothing;
    TRANSACTION_ABORTABLE = 120, Abort, Nothing;
    INVALID_RECORD_STATE = 121, Reject, Nothing;
    SHARE_SESSION_NOT_FOUND = 122, Retry, Nothing;
    INVALID_SHARE_SESSION_EPOCH = 123, Retry, Nothing;
    FENCED_STATE_EPOCH = 124, Fenced, Nothing;
    INVALID_VOTER_KEY = 125, Reject, Nothing;
    DUPLICATE_VOTER = 126, Reject, Nothing;
    VOTER_NOT_FOUND = 127, Reject, Nothing;
    INVALID_REGULAR_EXPRESSION = 128, Reject, Nothing;
    REBOOTSTRAP_REQUIRED = 129, Retry, Metadata;
    STREAMS_INVALID_TOPOLOGY = 130, Reject, Nothing;
    STREAMS_INVALID_TOPOLOGY_EPOCH = 131, Reject, Nothing;
    STREAMS_TOPOLOGY_FENCED = 132, Fenced, Nothing;
    SHARE_SESSION_LIMIT_REACHED = 133, Retry, Nothing;
}

impl ErrorCode {
    fn row(self) -> Option<&'static Row> {
        TABLE.binary_search_by_key(&self.0, |row| row.code).ok().and_then(|at| TABLE.get(at))
    }

    /// True for "no error".
    #[must_use]
    pub const fn is_ok(self) -> bool {
        self.0 == 0
    }

    /// Kafka's name, or `UNNAMED` for a code newer than this table.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().map_or("UNNAMED", |row| row.name)
    }

    /// What this code says about the effect of a request that changes something. Codes without a name are
    /// [`Disposition::Reconcile`]. Without meaning for [`ErrorCode::NONE`]. For read-only requests see
    /// [`Error::disposition`].
    #[must_use]
    pub fn disposition(self) -> Disposition {
        self.row().map_or(Disposition::Reconcile, |row| row.disposition)
    }

    /// What has to be looked up again before the request is repeated.
    #[must_use]
    pub fn refresh(self) -> Refresh {
        self.row().map_or(Refresh::Nothing, |row| row.refresh)
    }

    /// This code as an error of a whole request; add the place with [`Error::at`].
    #[must_use]
    pub fn into_error(self, broker: BrokerId, api: ApiKey) -> Error {
        Error::Broker { code: self, broker, api, topic: None, partition: None, offset: None, message: None }
    }

    /// `Ok` for "no error".
    ///
    /// # Errors
    /// [`Error::Broker`] with the disposition of the code.
    pub fn check(self, broker: BrokerId, api: ApiKey) -> Result<(), Error> {
        if self.is_ok() { Ok(()) } else { Err(self.into_error(broker, api)) }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_dense_from_minus_one_to_133() {
        let codes: Vec<i16> = TABLE.iter().map(|row| row.code).collect();
        assert_eq!(codes, (-1..=133).collect::<Vec<i16>>());
    }

    #[test]
    fn unnamed_code_is_reconcile() {
        assert_eq!(ErrorCode(9999).name(), "UNNAMED");
        assert_eq!(ErrorCode(9999).disposition(), Disposition::Reconcile);
    }

    #[test]
    fn codes_that_may_follow_an_append_are_never_retry() {
        for code in [-1, 6, 7, 13, 15, 16, 20, 48, 49, 52, 56, 59] {
            assert_eq!(ErrorCode(code).disposition(), Disposition::Reconcile, "{}", ErrorCode(code));
        }
    }

    #[test]
    fn fences_are_fenced_and_abortable_is_abort() {
        for code in [
            ErrorCode::ILLEGAL_GENERATION,
            ErrorCode::UNKNOWN_MEMBER_ID,
            ErrorCode::INVALID_PRODUCER_EPOCH,
            ErrorCode::PRODUCER_FENCED,
            ErrorCode::FENCED_INSTANCE_ID,
        ] {
            assert_eq!(code.disposition(), Disposition::Fenced, "{code}");
        }
        assert_eq!(ErrorCode::TRANSACTION_ABORTABLE.disposition(), Disposition::Abort);
    }

    #[test]
    fn refresh_names_what_went_stale() {
        assert_eq!(ErrorCode::NOT_COORDINATOR.refresh(), Refresh::Coordinator);
        assert_eq!(ErrorCode::NOT_LEADER_OR_FOLLOWER.refresh(), Refresh::Metadata);
        assert_eq!(ErrorCode::CONCURRENT_TRANSACTIONS.refresh(), Refresh::Nothing);
    }
}
