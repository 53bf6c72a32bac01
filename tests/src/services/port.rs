//! Free loopback ports.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, Result};

/// `count` distinct TCP ports that were free on 127.0.0.1 a moment ago.
///
/// All are held while the last is picked, so they differ. Another process may take one before the server binds it;
/// the server then fails to start and says so.
///
/// # Errors
/// When the kernel has no port to give.
pub fn free_ports(count: usize) -> Result<Vec<u16>> {
    let mut held = Vec::with_capacity(count);
    for _ in 0..count {
        held.push(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port on 127.0.0.1")?);
    }
    held.iter().map(|listener| Ok(listener.local_addr()?.port())).collect()
}
