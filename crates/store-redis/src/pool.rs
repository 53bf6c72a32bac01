//! Connections, each lent to one call at a time: WAIT concerns the writes of its own connection and holds it up.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, ErrorKind, Pipeline, RedisError, Value};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{Error, RedisConfig};

/// Connections to one server.
pub(crate) struct Pool {
    client: Client,
    /// Host and port, for errors.
    pub(crate) server: String,
    connect_timeout: Duration,
    idle: Mutex<Vec<MultiplexedConnection>>,
    permits: Semaphore,
}

impl Pool {
    /// Connects to nothing yet.
    pub(crate) fn new(url: &str, config: &RedisConfig) -> Result<Self, Error> {
        // The library's text is left out: it may repeat the URL, and with it a password.
        let unusable = |_| Error::Config { setting: "url", why: "it cannot be understood".into() };
        let client = Client::open(url).map_err(unusable)?;
        let server = match client.get_connection_info().addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                format!("{host}:{port}")
            }
            _ => "local socket".into(),
        };
        Ok(Self {
            client,
            server,
            connect_timeout: config.connect_timeout,
            idle: Mutex::default(),
            permits: Semaphore::new(config.connections),
        })
    }

    /// A connection for one call; waits while all are lent.
    pub(crate) async fn lease(&self) -> Result<Lease<'_>, Error> {
        let closed = |_| self.connect_error(RedisError::from((ErrorKind::Client, "the store is closed")));
        let permit = self.permits.acquire().await.map_err(closed)?;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => {
                // Calls have deadlines of their own, which differ from one to the next.
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(self.connect_timeout))
                    .set_response_timeout(None);
                let connecting = self.client.get_multiplexed_async_connection_with_config(&config);
                connecting.await.map_err(|error| self.connect_error(error))?
            }
        };
        Ok(Lease { pool: self, connection, _permit: permit })
    }

    /// Lets go of every connection that is not lent: where one has broken, the others have most likely too.
    pub(crate) fn forget(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn connect_error(&self, source: RedisError) -> Error {
        let server = self.server.clone();
        let denied = source.kind() == ErrorKind::AuthenticationFailed
            || matches!(source.code(), Some("NOAUTH" | "WRONGPASS" | "NOPERM"));
        match denied {
            true => Error::Denied { server, doing: "log in", source },
            false => Error::Connect { server, source },
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The client knows the password.
        f.debug_struct("Pool").field("server", &self.server).finish_non_exhaustive()
    }
}

/// A connection while one call has it. Dropped in the middle of the call it is closed, so that no late answer meets
/// the next call.
pub(crate) struct Lease<'a> {
    pool: &'a Pool,
    connection: MultiplexedConnection,
    _permit: SemaphorePermit<'a>,
}

impl Lease<'_> {
    /// Sends commands in one write and returns one answer for each; a refusal is an answer too.
    pub(crate) async fn exchange(&mut self, commands: &Pipeline) -> Result<Vec<Value>, RedisError> {
        let count = commands.len();
        let answers = self.connection.send_packed_commands(commands, 0, count).await?;
        match answers.len() == count {
            true => Ok(answers),
            false => Err(RedisError::from((ErrorKind::Parse, "another number of answers than of commands"))),
        }
    }

    /// Gives the connection back for the next call.
    pub(crate) fn keep(self) {
        self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push(self.connection);
    }
}
