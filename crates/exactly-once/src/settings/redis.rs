//! Settings of the Redis store.

use velostream_store_redis as store;

use crate::config::{RedisFsync, RedisStateConfig, RedisTls, RedisTopology};

/// Settings of the store.
#[must_use]
pub fn store(redis: &RedisStateConfig) -> store::RedisConfig {
    let mut settings = store::RedisConfig::new(topology(redis));
    if let Some(RedisTls::Verify(verify)) = &redis.tls {
        settings.tls.ca_file = verify.ca_file.as_ref().map(Into::into);
        settings.tls.client = verify.client.as_ref().map(|client| store::ClientCertificate {
            certificate: (&client.certificate_file).into(),
            key: (&client.key_file).into(),
        });
    }
    settings.prefix.clone_from(&redis.prefix);
    settings.fsync = match redis.fsync {
        RedisFsync::Always => store::Fsync::Always,
        RedisFsync::EverySecond => store::Fsync::EverySecond,
    };
    settings.replicas = redis.replicas.map(|replicas| store::Replicas {
        count: replicas.count,
        timeout: replicas.timeout,
        synced: replicas.synced,
    });
    settings.connect_timeout = redis.connect_timeout;
    settings.request_timeout = redis.request_timeout;
    settings
}

fn topology(redis: &RedisStateConfig) -> store::Topology {
    let url = redis.url.expose().to_owned();
    match &redis.topology {
        RedisTopology::One => store::Topology::Single { url },
        RedisTopology::Sentinel(watched) => store::Topology::Sentinel {
            sentinels: watched.urls.iter().map(|url| url.expose().to_owned()).collect(),
            primary: url,
        },
        RedisTopology::Cluster(cluster) => {
            let others: Vec<String> = cluster.nodes.iter().map(|node| at(&url, node)).collect();
            store::Topology::Cluster { urls: [vec![url], others].concat() }
        }
        RedisTopology::Enterprise => store::Topology::Enterprise { url },
        RedisTopology::ActiveActive => store::Topology::ActiveActive { urls: vec![url] },
    }
}

/// The URL with another host and port (RFC 3986, section 3.2: the authority ends at the first of `/?#`).
fn at(url: &str, node: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("redis", url));
    let (authority, behind) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let login = authority.rsplit_once('@').map_or_else(String::new, |(login, _)| format!("{login}@"));
    format!("{scheme}://{login}{node}{behind}")
}

/// What the store refuses without a server: the setting, and why.
pub(crate) fn refusal(redis: &RedisStateConfig) -> Option<(&'static str, String)> {
    if redis.tls.is_some() && !redis.url.expose().starts_with("rediss://") {
        let why =
            "the connection is not encrypted\nwrite rediss:// in place of redis:// in url, or leave it out";
        return Some(("tls", why.to_owned()));
    }
    match store(redis).check() {
        Ok(()) => None,
        Err(store::Error::Config { setting: "urls", why }) => Some((urls(redis), why)),
        Err(store::Error::Config { setting, why }) => Some((setting, why)),
        Err(store::Error::CannotFence { topology, why }) => {
            Some(("topology", format!("{topology} cannot fence: {}", with_remedy(why))))
        }
        Err(store::Error::CannotAttest { topology, why }) => {
            Some(("topology", format!("{topology} cannot be attested: {}", with_remedy(why))))
        }
        Err(error) => Some(("url", error.to_string())),
    }
}

/// Where the servers are named that the store has refused.
const fn urls(redis: &RedisStateConfig) -> &'static str {
    match redis.topology {
        RedisTopology::Sentinel(_) => "topology.sentinel.urls",
        RedisTopology::Cluster(_) => "topology.cluster.nodes",
        _ => "url",
    }
}

/// The reason on the first line, and behind it what to do.
fn with_remedy(why: &str) -> String {
    why.replacen("; ", "\n", 1)
}

#[cfg(test)]
mod tests {
    use super::at;

    #[test]
    fn other_servers_are_reached_with_the_login_and_database_of_the_first() {
        for (url, expected) in [
            ("redis://u:p@a:1", "redis://u:p@b:2"),
            ("rediss://u:p%40x@a:1/3", "rediss://u:p%40x@b:2/3"),
            ("redis://a", "redis://b:2"),
            ("redis://:p@a:1?protocol=resp3", "redis://:p@b:2?protocol=resp3"),
        ] {
            assert_eq!(at(url, "b:2"), expected);
        }
    }
}
