//! A reply that is on its way.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::Connection;
use super::channel::Channel;
use crate::{Error, Result};

/// The reply of a request that was started. The request is on its way, and its deadline acts, whether or not this is
/// polled.
///
/// # Cancel safety
/// Dropping it throws the reply away when it comes; the connection stays in order. Whether the request had an effect
/// is then unknown.
#[must_use = "without its reply the effect of a request is unknown"]
pub struct Pending<T> {
    channel: Arc<Channel>,
    reply: oneshot::Receiver<Result<T>>,
    /// Keeps the socket open while its reply is awaited.
    owner: Option<Connection>,
}

impl<T> Pending<T> {
    pub(super) fn new(channel: Arc<Channel>, reply: oneshot::Receiver<Result<T>>) -> Self {
        Self { channel, reply, owner: None }
    }

    pub(super) fn keeping(mut self, owner: Connection) -> Self {
        self.owner = Some(owner);
        self
    }
}

impl<T> fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("broker", &self.channel.broker()).finish_non_exhaustive()
    }
}

impl<T> Future for Pending<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        Pin::new(&mut this.reply).poll(cx).map(|result| {
            // A queued request is always answered or failed, unless the runtime drops the connection's task.
            result.unwrap_or_else(|_| {
                Err(Error::Io {
                    broker: this.channel.broker(),
                    addr: this.channel.addr().into(),
                    api: None,
                    sent: true,
                    source: Arc::new(std::io::ErrorKind::ConnectionAborted.into()),
                })
            })
        })
    }
}
