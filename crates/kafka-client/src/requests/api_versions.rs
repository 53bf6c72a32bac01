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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::cross_check::{self as check, text, theirs};

    #[test]
    fn request_reads_back_in_every_version() {
        check::request(&ApiVersions {}, |v| {
            let mut expected = theirs::ApiVersionsRequest::default();
            if v >= 3 {
                expected.client_software_name = text("velostream");
                expected.client_software_version = text(env!("CARGO_PKG_VERSION"));
            }
            expected
        });
    }

    #[test]
    fn response_reads_in_every_version() {
        check::response::<ApiVersions, _>(
            |v| {
                let range = |key, max| {
                    theirs::api_versions_response::ApiVersion::default()
                        .with_api_key(key)
                        .with_min_version(1)
                        .with_max_version(max)
                };
                let mut written =
                    theirs::ApiVersionsResponse::default().with_api_keys(vec![range(0, 12), range(999, 4)]);
                if v >= 1 {
                    written.throttle_time_ms = 5;
                }
                if v >= 3 {
                    written.finalized_features_epoch = 9;
                    written.finalized_features = vec![
                        theirs::api_versions_response::FinalizedFeatureKey::default()
                            .with_name(text("transaction.version"))
                            .with_max_version_level(2)
                            .with_min_version_level(1),
                    ];
                }
                written
            },
            |v| {
                let finalized = if v >= 3 {
                    BTreeMap::from([("transaction.version".to_owned(), 2)])
                } else {
                    BTreeMap::new()
                };
                ApiVersionsResponse {
                    error: ErrorCode::NONE,
                    ranges: BTreeMap::from([
                        (0, VersionRange { min: 1, max: 12 }),
                        (999, VersionRange { min: 1, max: 4 }),
                    ]),
                    throttle: Duration::from_millis(if v >= 1 { 5 } else { 0 }),
                    features: Features { finalized, epoch: if v >= 3 { 9 } else { -1 } },
                }
            },
        );
    }

    #[test]
    fn transaction_version_is_zero_where_the_broker_names_none() {
        assert_eq!(Features::default().transaction_version(), 0);
        let features =
            Features { finalized: BTreeMap::from([("transaction.version".to_owned(), 2)]), epoch: 1 };
        assert_eq!(features.transaction_version(), 2);
    }

    #[test]
    fn refusal_in_version_zero_is_understood() {
        // UNSUPPORTED_VERSION and one range, as a broker that does not know version 3 answers (KIP-511).
        let mut r = Reader::new(bytes::Bytes::from_static(&[0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 2]), 3, true);
        assert_eq!(ApiVersions::decode(&mut r).unwrap().error, ErrorCode::UNSUPPORTED_VERSION);
    }

    #[test]
    fn highest_common_version_is_none_where_ranges_do_not_meet() {
        let range = VersionRange { min: 2, max: 5 };
        assert_eq!(range.highest_common(0, 9), Some(5));
        assert_eq!(range.highest_common(3, 4), Some(4));
        assert_eq!(range.highest_common(6, 9), None);
        assert_eq!(range.highest_common(0, 1), None);
    }
}
