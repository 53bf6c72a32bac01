//! Connections to one server, each lent to one call at a time: WAIT concerns the writes of its own connection and holds
//! it up.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use std::{fmt, io};

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ErrorKind, Pipeline, RedisError, ServerErrorKind, Value, cmd,
    from_redis_value,
};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::access::shown;
use crate::slots::Address;
use crate::{Error, RedisConfig};

/// Connections to one server.
pub(crate) struct Pool {
    client: Client,
    /// Host and port, for errors.
    pub(crate) server: String,
    connect_timeout: Duration,
    asks_role: bool,
    idle: Mutex<Vec<MultiplexedConnection>>,
    permits: Semaphore,
}

impl Pool {
    /// Connects to nothing yet.
    pub(crate) fn new(client: Client, config: &RedisConfig) -> Self {
        Self {
            server: shown(client.get_connection_info().addr()),
            client,
            connect_timeout: config.connect_timeout,
            asks_role: false,
            idle: Mutex::default(),
            permits: Semaphore::new(config.connections),
        }
    }

    /// Asks for the role on each new connection, and takes none to a replica.
    pub(crate) const fn of_a_primary(mut self) -> Self {
        self.asks_role = true;
        self
    }

    /// Host and port.
    pub(crate) fn address(&self) -> Address {
        match self.server.rsplit_once(':') {
            Some((host, port)) => (host.to_owned(), port.parse().unwrap_or_default()),
            None => (self.server.clone(), 0),
        }
    }

    /// A connection for one call; waits while all are lent.
    pub(crate) async fn lease(&self) -> Result<Lease<'_>, Error> {
        let closed = |_| self.connect_error((ErrorKind::Client, "the store is closed").into());
        let permit = self.permits.acquire().await.map_err(closed)?;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.connect().await.map_err(|error| self.connect_error(error))?,
        };
        Ok(Lease { pool: self, connection, _permit: permit })
    }

    async fn connect(&self) -> Result<MultiplexedConnection, RedisError> {
        // Calls have deadlines of their own, which differ from one to the next.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.connect_timeout))
            .set_response_timeout(None);
        let mut connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        if self.asks_role {
            let role = cmd("ROLE");
            let asked = connection.send_packed_command(&role);
            let answer = tokio::time::timeout(self.connect_timeout, asked).await.map_err(io::Error::from)?;
            let parts = from_redis_value::<Vec<Value>>(answer?.extract_error()?)?;
            let role: String = from_redis_value(parts.into_iter().next().unwrap_or(Value::Nil))?;
            if role != "master" {
                let kind = ErrorKind::Server(ServerErrorKind::ReadOnly);
                return Err((kind, "the server that was named is not a primary").into());
            }
        }
        Ok(connection)
    }

    /// Lets go of every connection that is not lent: where one has broken, the others have most likely too.
    pub(crate) fn forget(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn connect_error(&self, source: RedisError) -> Error {
        Error::of_connecting(self.server.clone(), source)
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
