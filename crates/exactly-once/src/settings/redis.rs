//! Settings of the Redis store.

use velostream_store_redis as store;

use crate::config::{RedisFsync, RedisStateConfig};

/// Settings of the store.
#[must_use]
pub fn store(redis: &RedisStateConfig) -> store::RedisConfig {
    let mut settings = store::RedisConfig::single(redis.url.expose());
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

/// What the store refuses without a server: the setting, and why.
pub(crate) fn refusal(redis: &RedisStateConfig) -> Option<(&'static str, String)> {
    match store(redis).check() {
        Ok(()) => None,
        Err(store::Error::Config { setting, why }) => Some((setting, why)),
        Err(error) => Some(("url", error.to_string())),
    }
}
