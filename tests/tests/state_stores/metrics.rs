//! What a worker says of itself over HTTP.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};

use anyhow::{Context as _, Result};
use velostream_testkit::services::free_ports;

/// The metrics of one worker; 0 while it does not answer, and for what it does not name.
#[derive(Debug)]
pub(crate) struct Metrics {
    port: u16,
}

impl Metrics {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { port: free_ports(1)?.pop().context("no port")? })
    }

    /// The part of the job file.
    pub(crate) fn listen(&self) -> String {
        format!("http: {{ listen: \"127.0.0.1:{}\" }}", self.port)
    }

    /// Calls of the state store that were answered.
    pub(crate) fn calls(&self, call: &str) -> u64 {
        self.number("exactly_once_state_store_call_duration_seconds_count", &format!("call=\"{call}\""))
    }

    pub(crate) fn delivered(&self) -> u64 {
        self.number("exactly_once_records_processed_total", "")
    }

    fn number(&self, name: &str, label: &str) -> u64 {
        let text = self.text().unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name) && line.contains(label));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0)
    }

    fn text(&self) -> Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    }
}
