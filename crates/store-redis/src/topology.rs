//! Which servers there are, and who of them is asked.

use std::fmt;

use crate::access::Access;
use crate::{Error, Tls};

/// Which servers, and who of them is asked.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Topology {
    /// One server, named by a URL such as `redis://user:password@host:6379`; `rediss://` is encrypted.
    Single {
        /// The URL.
        url: String,
    },
    /// One primary with replicas, watched by sentinels, which are asked who the primary is.
    Sentinel {
        /// URLs of sentinels; user and password are those of the sentinels, the same for all.
        sentinels: Vec<String>,
        /// Scheme, user and password for the servers, and the name under which the sentinels watch them in place of a
        /// host: `redis://user:password@orders`.
        primary: String,
    },
    /// A cluster: each task lives on the primary that serves its slot.
    Cluster {
        /// URLs of some of its servers; scheme, user and password are the same for all servers.
        urls: Vec<String>,
    },
    /// Redis Enterprise in one region: always refused.
    Enterprise {
        /// The URL.
        url: String,
    },
    /// Redis Enterprise Active-Active, or MemoryDB Multi-Region: always refused.
    ActiveActive {
        /// The URL of each region.
        urls: Vec<String>,
    },
}

impl Topology {
    /// Refuses what cannot hold the state of a job.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self {
            Self::Single { url } => check_urls(&[url], "url"),
            Self::Sentinel { sentinels, primary } => {
                check_urls(sentinels, "urls")?;
                check_urls(&[primary], "url")
            }
            Self::Cluster { urls } => check_urls(urls, "urls"),
            Self::Enterprise { .. } => Err(Error::CannotAttest {
                topology: "Redis Enterprise",
                why: "its proxy hides the role, the sync and the eviction of the shards behind it, so that nothing \
                      that a claim rests on can be checked; use servers that answer CONFIG GET and ROLE",
            }),
            Self::ActiveActive { .. } => Err(Error::CannotFence {
                topology: "Active-Active",
                why: "each region answers for itself and merges later, so that two workers can both be told that they \
                      have claimed a task; use one region, or a store that is linearizable across regions",
            }),
        }
    }
}

impl fmt::Debug for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = |urls: &[String]| urls.iter().map(|url| redacted(url)).collect::<Vec<_>>();
        match self {
            Self::Single { url } => f.debug_struct("Single").field("url", &redacted(url)).finish(),
            Self::Sentinel { sentinels, primary } => f
                .debug_struct("Sentinel")
                .field("sentinels", &all(sentinels))
                .field("primary", &redacted(primary))
                .finish(),
            Self::Cluster { urls } => f.debug_struct("Cluster").field("urls", &all(urls)).finish(),
            Self::Enterprise { url } => f.debug_struct("Enterprise").field("url", &redacted(url)).finish(),
            Self::ActiveActive { urls } => f.debug_struct("ActiveActive").field("urls", &all(urls)).finish(),
        }
    }
}

/// Refuses URLs that cannot be used, or that differ where they must not.
fn check_urls(urls: &[impl AsRef<str>], setting: &'static str) -> Result<(), Error> {
    let urls: Vec<&str> = urls.iter().map(AsRef::as_ref).collect();
    match Access::of(&urls, &Tls::default()) {
        Ok(_) => Ok(()),
        Err(Error::Config { why, .. }) => Err(Error::Config { setting, why }),
        Err(error) => Err(error),
    }
}

/// A URL without user and password: everything up to the last `@` goes, and so do parameters.
fn redacted(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("redis", url));
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    format!("{scheme}://{}", host.split('?').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RedisConfig;

    const URL: &str = "redis://ann:s3c@ret@host:1/0?password=s3c";

    #[test]
    fn topology_shown_has_no_secrets() {
        for topology in [
            Topology::Single { url: URL.into() },
            Topology::Sentinel { sentinels: vec![URL.into()], primary: URL.into() },
            Topology::Cluster { urls: vec![URL.into()] },
            Topology::Enterprise { url: URL.into() },
            Topology::ActiveActive { urls: vec![URL.into()] },
        ] {
            let shown = format!("{:?}", RedisConfig::new(topology));
            assert!(shown.contains("redis://host:1/0"), "{shown}");
            assert!(!shown.contains("s3c") && !shown.contains("ann"), "{shown}");
        }
    }

    #[test]
    fn topology_that_cannot_fence_is_refused_with_the_reason() {
        let topology = Topology::ActiveActive { urls: vec!["redis://a".into(), "redis://b".into()] };
        let refused = RedisConfig::new(topology).check().unwrap_err();
        assert!(refused.to_string().contains("claimed a task"), "{refused}");
    }

    #[test]
    fn topology_that_cannot_be_attested_is_refused_with_the_reason() {
        let refused = RedisConfig::new(Topology::Enterprise { url: URL.into() }).check().unwrap_err();
        assert!(refused.to_string().contains("proxy hides"), "{refused}");
    }

    #[test]
    fn topology_without_servers_is_refused() {
        assert!(RedisConfig::new(Topology::Cluster { urls: vec![] }).check().is_err());
        let topology = Topology::Sentinel { sentinels: vec![], primary: "redis://orders".into() };
        assert!(RedisConfig::new(topology).check().is_err());
    }

    #[test]
    fn urls_that_cannot_be_used_are_refused_without_a_server() {
        let refused = |topology| {
            let said = RedisConfig::new(topology).check().unwrap_err().to_string();
            assert!(!said.contains("s3c"), "{said}");
            said
        };
        let single = refused(Topology::Single { url: "rediss://u:s3c@a/#insecure".into() });
        assert!(single.starts_with("redis: url: "), "{single}");
        let urls = vec!["redis://u:s3c@a".into(), "redis://u:other@b".into()];
        let cluster = refused(Topology::Cluster { urls: urls.clone() });
        assert!(cluster.starts_with("redis: urls: ") && cluster.contains("the same in all"), "{cluster}");
        let sentinel = refused(Topology::Sentinel { sentinels: urls, primary: "redis://orders".into() });
        assert_eq!(sentinel, cluster);
    }
}
