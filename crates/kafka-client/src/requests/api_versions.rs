//! ApiVersions: what a broker speaks (KIP-35, KIP-511) and which features the cluster has finalized (KIP-584).

use std::collections::BTreeMap;
use std::time::Duration;

use crate::{ApiKey, ErrorCode, Malformed, Reader, Request, Result, Writer};

/// Asks for the versions; a connection does it by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApiVersions {}

/// An inclusive range of versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VersionRange {
    /// Lowest.
    pub min: i16,
    /// Highest.
    pub max: i16,
}

impl VersionRange {
    /// The highest version in both ranges.
    #[must_use]
    pub fn highest_common(self, low: i16, high: i16) -> Option<i16> {
        let version = self.max.min(high);
        (version >= self.min.max(low)).then_some(version)
    }
}

/// The versions that one broker offers, and the features of its cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApiVersionsResponse {
    /// Error of the whole request.
    pub error: ErrorCode,
    /// Range per API number, those unknown to this crate too.
    pub ranges: BTreeMap<i16, VersionRange>,
    /// Pause asked for.
    pub throttle: Duration,
    /// Features of the cluster.
    pub features: Features,
}

impl ApiVersionsResponse {
    /// What is offered of one API.
    #[must_use]
    pub fn range(&self, api: ApiKey) -> Option<VersionRange> {
        self.ranges.get(&api.number()).copied()
    }
}

/// Features that the cluster has finalized. Empty for brokers before 2.7.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Features {
    /// Level per name.
    pub finalized: BTreeMap<String, i16>,
    /// Grows with each change; -1 where unknown.
    pub epoch: i64,
}

impl Default for Features {
    fn default() -> Self {
        Self { finalized: BTreeMap::new(), epoch: -1 }
    }
}

impl Features {
    /// The transaction protocol in force: 2 = every EndTxn bumps the epoch and Produce and TxnOffsetCommit add
    /// partitions and groups implicitly (KIP-890 part 2). 0 where the broker names none.
    #[must_use]
    pub fn transaction_version(&self) -> u16 {
        self.finalized.get("transaction.version").and_then(|v| u16::try_from(*v).ok()).unwrap_or(0)
    }
}

impl Request for ApiVersions {
    type Response = ApiVersionsResponse;
    const KEY: ApiKey = ApiKey::ApiVersions;
    const MIN: i16 = 0;
    const MAX: i16 = 3;
    const FLEXIBLE: i16 = 3;

    fn encode(&self, w: &mut Writer) -> Result<()> {
        if w.version() >= 3 {
            // The broker refuses characters outside [a-zA-Z0-9.-] here.
            w.string("velostream");
            w.string(env!("CARGO_PKG_VERSION"));
        }
        w.end_struct();
        Ok(())
    }

    fn decode(r: &mut Reader) -> Result<ApiVersionsResponse, Malformed> {
        let error = r.error_code()?;
        // A broker that does not speak our version answers in version 0 (KIP-511).
        if error == ErrorCode::UNSUPPORTED_VERSION && r.version() > 0 {
            r.skip_rest();
            return Ok(ApiVersionsResponse { error, ..ApiVersionsResponse::default() });
        }
        let ranges = r.array(|r| {
            let entry = (r.i16()?, VersionRange { min: r.i16()?, max: r.i16()? });
            r.end_struct()?;
            Ok(entry)
        })?;
        let throttle = if r.version() >= 1 { r.millis()? } else { Duration::ZERO };
        let mut features = Features::default();
        r.tags(|tag, r| {
            match tag {
                1 => features.epoch = r.i64()?,
                2 => {
                    let levels = r.array(|r| {
                        let (name, max, _min) = (r.string()?, r.i16()?, r.i16()?);
                        r.end_struct()?;
                        Ok((name, max))
                    })?;
                    features.finalized = levels.into_iter().collect();
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(ApiVersionsResponse { error, ranges: ranges.into_iter().collect(), throttle, features })
    }

    fn throttle(response: &ApiVersionsResponse) -> Duration {
        response.throttle
    }
}
