//! Free loopback ports.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Result, bail};

/// Below the range from which kernels give ports to outgoing connections (32768 to 60999 on Linux), so that no
/// connection of a client takes a port between its choice and the server's bind.
const FIRST: u32 = 20_000;
const COUNT: u32 = 12_000;

/// Ports handed out by this process so far.
static TAKEN: AtomicU32 = AtomicU32::new(0);

/// `count` distinct TCP ports that were free on 127.0.0.1 a moment ago, and that this process has not handed out before.
///
/// # Errors
/// When none is left.
pub fn free_ports(count: usize) -> Result<Vec<u16>> {
    // Processes begin far from each other.
    let start = std::process::id().wrapping_mul(7919) % COUNT;
    let mut ports = Vec::with_capacity(count);
    while ports.len() < count {
        let taken = TAKEN.fetch_add(1, Ordering::Relaxed);
        if taken >= COUNT {
            bail!("no port between {FIRST} and {} is free on 127.0.0.1", FIRST + COUNT);
        }
        let port = u16::try_from(FIRST + (start + taken) % COUNT)?;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            ports.push(port);
        }
    }
    Ok(ports)
}
