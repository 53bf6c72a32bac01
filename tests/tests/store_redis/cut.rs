//! A proxy that cuts the connection between a request and its reply.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Hands bytes on. Once armed, it hands the next request to the server, waits for the reply, and closes both sides
/// instead of handing it on.
#[derive(Debug)]
pub(crate) struct Cut {
    pub(crate) port: u16,
    armed: Arc<AtomicBool>,
}

impl Cut {
    /// Listens on a port of its own as long as the runtime lives.
    pub(crate) async fn before(server: u16) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let armed = Arc::new(AtomicBool::new(false));
        let shared = Arc::clone(&armed);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // A connection that ends ends with an error as often as not.
                tokio::spawn(forward(client, server, Arc::clone(&shared)));
            }
        });
        Ok(Self { port, armed })
    }

    /// Loses the next reply.
    pub(crate) fn arm(&self) {
        self.armed.store(true, Ordering::SeqCst);
    }

    /// True until a reply was lost.
    pub(crate) fn is_armed(&self) -> bool {
        self.armed.load(Ordering::SeqCst)
    }
}

async fn forward(mut client: TcpStream, server: u16, armed: Arc<AtomicBool>) -> Result<()> {
    let mut server = TcpStream::connect(("127.0.0.1", server)).await?;
    let (mut request, mut reply) = (vec![0; 65536], vec![0; 65536]);
    loop {
        tokio::select! {
            read = client.read(&mut request) => match read? {
                0 => return Ok(()),
                n => server.write_all(request.get(..n).unwrap_or_default()).await?,
            },
            read = server.read(&mut reply) => match read? {
                0 => return Ok(()),
                _ if armed.swap(false, Ordering::SeqCst) => return Ok(()),
                n => client.write_all(reply.get(..n).unwrap_or_default()).await?,
            },
        }
    }
}
