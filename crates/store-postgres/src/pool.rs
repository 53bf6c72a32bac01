//! Connections: at most so many, made when needed, thrown away after anything unclear.

use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinHandle;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres::tls::NoTls;
use tokio_postgres::{AsyncMessage, Client, Config, Connection};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{Error, PostgresConfig, Tls, tls};

/// The connections of one store.
pub(crate) struct Pool {
    server: Config,
    tls: Option<MakeRustlsConnect>,
    idle: Mutex<Vec<Session>>,
    permits: Semaphore,
}

/// One connection, and the task that reads from it.
struct Session {
    client: Client,
    reader: JoinHandle<()>,
    warning: Arc<Mutex<Option<String>>>,
}

impl Drop for Session {
    fn drop(&mut self) {
        // Closes the socket at once, also where the server owes an answer.
        self.reader.abort();
    }
}

/// A connection in use. Dropped it is closed; only [`Lease::give_back`] keeps it.
pub(crate) struct Lease<'a> {
    pool: &'a Pool,
    session: Session,
    _permit: SemaphorePermit<'a>,
}

impl Pool {
    /// Connects to nothing yet.
    pub(crate) fn new(config: &PostgresConfig) -> Result<Self, Error> {
        // The parser's own words may quote a part of the URL, and so of a password.
        let parsed = config.url.parse::<Config>();
        let mut server =
            parsed.map_err(|_| Error::Config { setting: "url", why: "it is not a postgresql:// URL" })?;
        let tls = match &config.tls {
            Tls::Off if server.get_ssl_mode() == SslMode::Require => {
                return Err(Error::Config { setting: "url", why: "it asks for TLS, which is off" });
            }
            Tls::Off => {
                server.ssl_mode(SslMode::Disable);
                None
            }
            Tls::Verify { ca_file } => {
                server.ssl_mode(SslMode::Require);
                Some(tls::connector(ca_file.as_deref())?)
            }
        };
        server.connect_timeout(config.connect_timeout).application_name("velostream");
        server.target_session_attrs(TargetSessionAttrs::ReadWrite);
        Ok(Self { server, tls, idle: Mutex::default(), permits: Semaphore::new(config.connections) })
    }

    /// A connection, waiting for one where all are in use.
    pub(crate) async fn lease(&self, call: &'static str) -> Result<Lease<'_>, Error> {
        // The semaphore is never closed.
        let permit = self.permits.acquire().await.map_err(|_| Error::Contended { call })?;
        let session = loop {
            match self.idle().pop() {
                Some(session) if session.client.is_closed() => {}
                found => break found,
            }
        };
        let session = match session {
            Some(session) => session,
            None => self.connect().await.map_err(|source| Error::Connect { call, source })?,
        };
        Ok(Lease { pool: self, session, _permit: permit })
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Session>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self) -> Result<Session, tokio_postgres::Error> {
        match self.tls.clone() {
            Some(tls) => self.server.connect(tls).await.map(|(client, connection)| start(client, connection)),
            None => self.server.connect(NoTls).await.map(|(client, connection)| start(client, connection)),
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = self.server.get_hosts();
        f.debug_struct("Pool")
            .field("hosts", &hosts)
            .field("tls", &self.tls.is_some())
            .finish_non_exhaustive()
    }
}

impl Lease<'_> {
    pub(crate) fn client(&self) -> &Client {
        &self.session.client
    }

    /// The last warning that the server sent on this connection. It was read before the answer behind it.
    pub(crate) fn take_warning(&self) -> Option<String> {
        self.session.warning.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Keeps the connection for the next call.
    pub(crate) fn give_back(self) {
        self.pool.idle().push(self.session);
    }
}

fn start<S, T>(client: Client, mut connection: Connection<S, T>) -> Session
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let warning = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&warning);
    let reader = tokio::spawn(poll_fn(move |context| {
        loop {
            match std::task::ready!(connection.poll_message(context)) {
                Some(Ok(AsyncMessage::Notice(notice))) if notice.severity() == "WARNING" => {
                    *seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(notice.message().to_owned());
                }
                Some(Ok(_)) => {}
                // The calls that wait are told by their client.
                Some(Err(_)) | None => return Poll::Ready(()),
            }
        }
    }));
    Session { client, reader, warning }
}
