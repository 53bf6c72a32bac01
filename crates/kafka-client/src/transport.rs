//! The byte stream under a connection. TLS and SASL belong here: a new variant of [`Security`] and its arm below.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// Encryption and authentication of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Security {
    /// Neither.
    #[default]
    Plaintext,
}

pub(crate) type ReadHalf = Box<dyn AsyncRead + Send + Unpin>;
pub(crate) type WriteHalf = Box<dyn AsyncWrite + Send + Unpin>;

/// Opens a stream to `addr` (`host:port`); each address that the name resolves to is tried.
pub(crate) async fn open(addr: &str, security: &Security) -> io::Result<(ReadHalf, WriteHalf)> {
    match security {
        Security::Plaintext => {
            let stream = TcpStream::connect(addr).await?;
            // Requests are written whole; waiting for more to coalesce would only delay them.
            stream.set_nodelay(true)?;
            let (read, write) = stream.into_split();
            Ok((Box::new(read), Box::new(write)))
        }
    }
}
