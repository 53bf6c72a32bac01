//! One socket to one broker, owned by whoever opened it.

mod channel;
mod pending;
mod run;

use std::sync::Arc;
use std::time::Duration;

use crate::frame::Frame;
use crate::requests::{ApiVersions, ApiVersionsResponse, VersionRange};
use crate::transport;
use crate::{ApiKey, BrokerId, Config, Error, ErrorCode, Request, Result};

use channel::{Channel, Refused};
pub use pending::Pending;

/// A connection to one broker. Clones share one socket; it closes when the last clone and the last [`Pending`] are
/// gone.
///
/// Requests go out in the order in which they were started and replies come back in that order. A reply that does not
/// come within the deadline closes the connection: the broker answers in order, so that nothing behind it could come
/// either, and a late reply must never be matched with anything.
///
/// # Cancel safety
/// Dropping the future of a request leaves the connection in order: its reply is still awaited and thrown away.
/// Whether the request had an effect is then unknown.
#[derive(Debug, Clone)]
pub struct Connection {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    channel: Arc<Channel>,
    versions: ApiVersionsResponse,
    client_id: String,
    request_timeout: Duration,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.channel.close("dropped by its owner");
    }
}

impl Connection {
    /// Opens a socket and asks for the broker's versions, both within [`Config::connect_timeout`].
    pub(crate) async fn open(broker: BrokerId, addr: Arc<str>, config: &Config) -> Result<Self> {
        let waited = config.connect_timeout;
        let at = Arc::clone(&addr);
        let opening = Self::open_unbounded(broker, addr, config);
        tokio::time::timeout(waited, Box::pin(opening))
            .await
            .unwrap_or_else(|_| Err(Error::Timeout { broker, addr: at, api: None, waited, sent: false }))
    }

    async fn open_unbounded(broker: BrokerId, addr: Arc<str>, config: &Config) -> Result<Self> {
        let (read, write) = transport::open(&addr, &config.security).await.map_err(|source| Error::Io {
            broker,
            addr: Arc::clone(&addr),
            api: None,
            sent: false,
            source: Arc::new(source),
        })?;
        let channel = Channel::new(broker, addr, config.max_in_flight_bytes);
        tokio::spawn(run::run(Arc::clone(&channel), read, write, config.max_response_bytes));
        let mut inner = Inner {
            channel,
            versions: ApiVersionsResponse::default(),
            client_id: config.client_id.clone(),
            request_timeout: config.request_timeout,
        };
        inner.versions = Self::negotiate(&inner).await?;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// ApiVersions is asked before any version is known: a broker that does not speak ours answers in version 0
    /// (KIP-511).
    async fn negotiate(inner: &Inner) -> Result<ApiVersionsResponse> {
        let mut version = ApiVersions::MAX;
        loop {
            let frame = Frame::encode(&ApiVersions::default(), version, &inner.client_id)?;
            let pending = match inner.channel.queue::<ApiVersions>(frame, inner.request_timeout) {
                Ok(pending) => pending,
                Err(Refused::Closed(error)) => return Err(error),
                Err(Refused::Busy(frame)) => return Err(inner.channel.busy_error(&frame)),
            };
            let versions = pending.await?;
            match versions.error {
                ErrorCode::UNSUPPORTED_VERSION if version > 0 => version = 0,
                error => {
                    error.check(inner.channel.broker(), ApiKey::ApiVersions)?;
                    return Ok(versions);
                }
            }
        }
    }

    fn frame<R: Request>(&self, request: &R) -> Result<Frame> {
        let version = self.version_of(request)?;
        Frame::encode(request, version, &self.inner.client_id)
    }

    /// The version in which this request would be sent.
    ///
    /// # Errors
    /// [`Error::Unsupported`] (Reject) where the broker offers none that would do.
    pub fn version_of<R: Request>(&self, request: &R) -> Result<i16> {
        let needed = (request.min_version().max(R::MIN), request.max_version().min(R::MAX));
        let offered = self.inner.versions.range(R::KEY);
        let version = offered.and_then(|range| range.highest_common(needed.0, needed.1));
        version.ok_or_else(|| Error::Unsupported {
            broker: self.broker(),
            api: R::KEY,
            needed,
            offered: offered.map(|range| (range.min, range.max)),
        })
    }

    /// Sends a request and waits for the reply, at most [`Config::request_timeout`].
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Timeout`], [`Error::Closed`]: Reconcile when it may have been sent, else Retry.
    /// [`Error::Decode`] (Corrupt), [`Error::Unsupported`], [`Error::Encode`], [`Error::AnonymousMember`] (Reject).
    /// A broker's error codes are fields of the response, not errors.
    ///
    /// # Cancel safety
    /// See [`Connection`].
    pub async fn send<R: Request>(&self, request: R) -> Result<R::Response> {
        self.send_within(request, self.inner.request_timeout).await
    }

    /// As [`send`](Self::send) with a deadline of its own, for requests that the broker holds back on purpose
    /// (JoinGroup).
    ///
    /// # Errors
    /// See [`send`](Self::send).
    pub async fn send_within<R: Request>(&self, request: R, deadline: Duration) -> Result<R::Response> {
        let mut frame = self.frame(&request)?;
        drop(request);
        loop {
            let bytes = frame.len();
            match self.inner.channel.queue::<R>(frame, deadline) {
                Ok(pending) => return pending.keeping(self.clone()).await,
                Err(Refused::Closed(error)) => return Err(error),
                Err(Refused::Busy(refused)) => frame = refused,
            }
            // What fills the connection has a deadline of its own, which closes it: this ends.
            self.inner.channel.ready(bytes).await;
        }
    }

    /// Queues a request behind those that were started before and returns at once. The deadline is
    /// [`Config::request_timeout`].
    ///
    /// # Errors
    /// [`Error::Busy`] (Retry) where it would exceed [`Config::max_in_flight_bytes`]; [`Error::Closed`] with
    /// `sent: false` (Retry); [`Error::Unsupported`], [`Error::Encode`], [`Error::AnonymousMember`] (Reject).
    pub fn start<R: Request>(&self, request: R) -> Result<Pending<R::Response>> {
        let frame = self.frame(&request)?;
        match self.inner.channel.queue::<R>(frame, self.inner.request_timeout) {
            Ok(pending) => Ok(pending.keeping(self.clone())),
            Err(Refused::Closed(error)) => Err(error),
            Err(Refused::Busy(frame)) => Err(self.inner.channel.busy_error(&frame)),
        }
    }

    /// Waits until a request of `bytes` would be admitted, or the connection is closed.
    ///
    /// # Cancel safety
    /// Safe: reserves nothing.
    pub async fn ready(&self, bytes: usize) {
        self.inner.channel.ready(bytes).await;
    }

    /// Closes the socket; requests without a reply end with [`Error::Closed`].
    pub fn close(&self) {
        self.inner.channel.close("closed by its owner");
    }

    /// True once the socket is closed, by whoever.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.inner.channel.is_closed()
    }

    /// Waits until the socket is closed, by whoever.
    pub async fn closed(&self) {
        self.inner.channel.closed().await;
    }

    /// The broker at the other end.
    #[must_use]
    pub fn broker(&self) -> BrokerId {
        self.inner.channel.broker()
    }

    /// Its address.
    #[must_use]
    pub fn addr(&self) -> &str {
        self.inner.channel.addr()
    }

    /// What the broker said about its versions and features.
    #[must_use]
    pub fn api_versions(&self) -> &ApiVersionsResponse {
        &self.inner.versions
    }

    /// Versions that the broker offers of one API.
    #[must_use]
    pub fn offered(&self, api: ApiKey) -> Option<VersionRange> {
        self.inner.versions.range(api)
    }
}
