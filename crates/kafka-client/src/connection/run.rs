//! The task that owns the socket of one connection.

use std::io;
use std::sync::Arc;

use tokio::io::AsyncWriteExt;

use super::channel::Channel;
use crate::frame::{Broken, read_response};
use crate::transport::{ReadHalf, WriteHalf};

/// Writes requests and reads responses until the channel is closed or the socket fails. The socket closes with it.
pub(super) async fn run(channel: Arc<Channel>, read: ReadHalf, write: WriteHalf, max_response_bytes: usize) {
    let broken = tokio::select! {
        biased;
        () = channel.closed() => return,
        () = channel.overdue() => return channel.expire(),
        broken = read_all(&channel, read, max_response_bytes) => broken,
        error = write_all(&channel, write) => Broken::Io(error),
    };
    channel.fail(broken);
}

async fn read_all(channel: &Channel, mut read: ReadHalf, max_response_bytes: usize) -> Broken {
    loop {
        match read_response(&mut read, max_response_bytes).await {
            Ok((correlation, frame)) => {
                if let Err(what) = channel.reply(correlation, frame) {
                    return Broken::Malformed(what);
                }
            }
            Err(broken) => return broken,
        }
    }
}

async fn write_all(channel: &Channel, mut write: WriteHalf) -> io::Error {
    loop {
        let mut segments = channel.next_unsent().await;
        if let Err(error) = write.write_all_buf(&mut segments).await {
            return error;
        }
        if let Err(error) = write.flush().await {
            return error;
        }
    }
}
