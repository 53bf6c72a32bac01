//! Requests that the proxy knows by name.

use std::fmt;

/// An API of the Kafka protocol, of those that a job uses (source: the request schemas of Kafka 4.3). Numbers and
/// versions are repeated here on purpose: what the proxy believes must not come from the client under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Api {
    /// API 0.
    Produce,
    /// API 1.
    Fetch,
    /// API 2.
    ListOffsets,
    /// API 3.
    Metadata,
    /// API 9.
    OffsetFetch,
    /// API 10.
    FindCoordinator,
    /// API 11.
    JoinGroup,
    /// API 12.
    Heartbeat,
    /// API 13.
    LeaveGroup,
    /// API 14.
    SyncGroup,
    /// API 18.
    ApiVersions,
    /// API 22.
    InitProducerId,
    /// API 24.
    AddPartitionsToTxn,
    /// API 25.
    AddOffsetsToTxn,
    /// API 26.
    EndTxn,
    /// API 28.
    TxnOffsetCommit,
    /// Any other, by its number.
    Other(i16),
}

impl Api {
    /// The API with this number.
    #[must_use]
    pub const fn of(number: i16) -> Self {
        match number {
            0 => Self::Produce,
            1 => Self::Fetch,
            2 => Self::ListOffsets,
            3 => Self::Metadata,
            9 => Self::OffsetFetch,
            10 => Self::FindCoordinator,
            11 => Self::JoinGroup,
            12 => Self::Heartbeat,
            13 => Self::LeaveGroup,
            14 => Self::SyncGroup,
            18 => Self::ApiVersions,
            22 => Self::InitProducerId,
            24 => Self::AddPartitionsToTxn,
            25 => Self::AddOffsetsToTxn,
            26 => Self::EndTxn,
            28 => Self::TxnOffsetCommit,
            other => Self::Other(other),
        }
    }

    /// The first version with compact strings and tagged fields (KIP-482); `None` where the proxy does not know.
    #[must_use]
    pub const fn first_flexible(self) -> Option<i16> {
        Some(match self {
            Self::Produce | Self::Metadata => 9,
            Self::Fetch => 12,
            Self::ListOffsets | Self::OffsetFetch | Self::JoinGroup => 6,
            Self::Heartbeat | Self::LeaveGroup | Self::SyncGroup => 4,
            Self::FindCoordinator | Self::ApiVersions | Self::AddPartitionsToTxn => 3,
            Self::AddOffsetsToTxn | Self::EndTxn | Self::TxnOffsetCommit => 3,
            Self::InitProducerId => 2,
            Self::Other(_) => return None,
        })
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(number) => write!(f, "API {number}"),
            known => write!(f, "{known:?}"),
        }
    }
}
