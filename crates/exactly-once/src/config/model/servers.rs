//! The addresses of a Kafka cluster.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// `host:port` of brokers, separated by commas; one that answers is enough.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Servers(Vec<String>);

impl Servers {
    /// The addresses, at least one.
    #[must_use]
    pub fn addresses(&self) -> &[String] {
        &self.0
    }

    /// True where one address is in both lists.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.0.iter().any(|address| other.0.contains(address))
    }
}

/// What is wrong with a list of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a list of brokers\nwrite host:port, or several separated by commas")]
pub struct InvalidServers;

impl FromStr for Servers {
    type Err = InvalidServers;

    fn from_str(text: &str) -> Result<Self, InvalidServers> {
        let addresses: Vec<_> = text.split(',').map(|address| address.trim().to_owned()).collect();
        if addresses.iter().all(|address| is_address(address)) {
            Ok(Self(addresses))
        } else {
            Err(InvalidServers)
        }
    }
}

fn is_address(address: &str) -> bool {
    let Some((host, port)) = address.rsplit_once(':') else { return false };
    let inner = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let host_fits = match inner {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
        }
    };
    host_fits && port.parse::<u16>().is_ok_and(|port| port != 0)
}

impl TryFrom<String> for Servers {
    type Error = InvalidServers;

    fn try_from(text: String) -> Result<Self, InvalidServers> {
        text.parse()
    }
}

impl From<Servers> for String {
    fn from(servers: Servers) -> Self {
        servers.to_string()
    }
}

impl fmt::Display for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_split_and_trimmed() {
        let servers: Servers = "a:9092, [::1]:9093,10.0.0.1:1".parse().unwrap();
        assert_eq!(servers.addresses(), ["a:9092", "[::1]:9093", "10.0.0.1:1"]);
        assert_eq!(servers.to_string(), "a:9092,[::1]:9093,10.0.0.1:1");
    }

    #[test]
    fn text_that_is_no_address_is_refused() {
        for bad in
            ["", "a", "a:", ":1", "a:0", "a:65536", "a:1,", "kafka://a:1", "a b:1", "[::g]:1", "a:1 b:2"]
        {
            assert!(bad.parse::<Servers>().is_err(), "{bad}");
        }
    }
}
