//! Who a broker is and where it listens.

use std::fmt;
use std::sync::Arc;

/// Node id of a broker. Negative: a bootstrap address whose id is not known yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BrokerId(pub i32);

impl BrokerId {
    /// A server that was reached by a bootstrap address.
    pub const BOOTSTRAP: Self = Self(-1);
}

impl fmt::Display for BrokerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 0 { f.write_str("bootstrap broker") } else { write!(f, "broker {}", self.0) }
    }
}

/// A broker as a response names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    /// Node id.
    pub id: BrokerId,
    /// Host name of the advertised listener.
    pub host: String,
    /// Port of the advertised listener.
    pub port: u16,
    /// Rack, where the broker has one.
    pub rack: Option<String>,
}

impl Broker {
    /// `host:port`, with brackets around an IPv6 address.
    #[must_use]
    pub fn addr(&self) -> Arc<str> {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port).into()
        } else {
            format!("{}:{}", self.host, self.port).into()
        }
    }
}
