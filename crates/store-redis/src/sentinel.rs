//! The primary that sentinels name.

use std::sync::{Arc, Mutex, PoisonError};

use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{Client, ConnectionAddr, RedisError, TlsMode};
use tokio::sync::Mutex as AsyncMutex;

use crate::access::Access;
use crate::pool::Pool;
use crate::{Error, RedisConfig};

/// Sentinels, and the primary that they named last.
pub(crate) struct Sentinel {
    /// For errors: the name under which the sentinels watch the servers.
    pub(crate) name: String,
    pub(crate) servers: Access,
    /// `&mut` in the library: one question at a time.
    sentinels: AsyncMutex<SentinelClient>,
    primary: Mutex<Option<Arc<Pool>>>,
}

impl Sentinel {
    /// Connects to nothing yet.
    pub(crate) fn new(sentinels: &[String], primary: &str, config: &RedisConfig) -> Result<Self, Error> {
        let urls: Vec<&str> = sentinels.iter().map(String::as_str).collect();
        let (watchers, addresses) = Access::of(&urls, &config.tls)?;
        let (servers, named) = Access::of(&[primary], &config.tls)?;
        let name = match named.into_iter().next() {
            Some(ConnectionAddr::Tcp(name, _) | ConnectionAddr::TcpTls { host: name, .. }) => name,
            _ => {
                let why = "it has to name what the sentinels watch".into();
                return Err(Error::Config { setting: "primary", why });
            }
        };
        let unusable = |_| Error::Config { setting: "sentinels", why: "they cannot be used".into() };
        let builder = SentinelClientBuilder::new(addresses, &name, SentinelServerType::Master);
        let client = builder.and_then(|builder| logged_in(builder, &watchers, &servers).build());
        let sentinels = AsyncMutex::new(client.map_err(unusable)?);
        Ok(Self { name, servers, sentinels, primary: Mutex::default() })
    }

    /// The primary: the one that was named last, or else asked for.
    pub(crate) async fn primary(&self, config: &RedisConfig) -> Result<Arc<Pool>, Error> {
        if let Some(pool) = self.known() {
            return Ok(pool);
        }
        let mut sentinels = self.sentinels.lock().await;
        // Asked by somebody else meanwhile.
        if let Some(pool) = self.known() {
            return Ok(pool);
        }
        let named: Result<Client, RedisError> = sentinels.async_get_client().await;
        let client =
            named.map_err(|source| Error::of_connecting(format!("sentinels of {}", self.name), source))?;
        let pool = Arc::new(Pool::new(client, config).of_a_primary());
        *self.primary.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&pool));
        Ok(pool)
    }

    fn known(&self) -> Option<Arc<Pool>> {
        self.primary.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks the sentinels again before the next call.
    pub(crate) fn doubt(&self) {
        *self.primary.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Login and encryption for the sentinels, and for the servers that they name.
fn logged_in(
    mut builder: SentinelClientBuilder,
    watchers: &Access,
    servers: &Access,
) -> SentinelClientBuilder {
    if let Some(user) = watchers.login.username() {
        builder = builder.set_client_to_sentinel_username(user);
    }
    if let Some(password) = watchers.login.password() {
        builder = builder.set_client_to_sentinel_password(password);
    }
    if watchers.encrypted {
        builder = builder.set_client_to_sentinel_tls_mode(TlsMode::Secure);
    }
    if let Some(certificates) = &watchers.certificates {
        builder = builder.set_client_to_sentinel_certificates(certificates.clone());
    }
    if let Some(user) = servers.login.username() {
        builder = builder.set_client_to_redis_username(user);
    }
    if let Some(password) = servers.login.password() {
        builder = builder.set_client_to_redis_password(password);
    }
    if servers.encrypted {
        builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
    }
    if let Some(certificates) = &servers.certificates {
        builder = builder.set_client_to_redis_certificates(certificates.clone());
    }
    builder.set_client_to_redis_db(servers.login.db())
}
