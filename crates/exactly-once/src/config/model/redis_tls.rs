//! What encrypted connections to Redis trust and show.

use serde::{Deserialize, Serialize};

/// What encrypted connections trust and show; that they are encrypted, the URL says: `rediss://`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RedisTls {
    /// The server's certificate is checked, against its name and these authorities.
    Verify(VerifyRedis),
}

/// Who may have signed the server's certificate, and who this is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct VerifyRedis {
    /// File of the authorities in PEM. Default: those of the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// For servers with `tls-auth-clients yes`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<RedisClient>,
}

/// A certificate of this client.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RedisClient {
    /// File of the certificate and what signed it, in PEM.
    pub certificate_file: String,
    /// File of its key, in PEM.
    pub key_file: String,
}

impl RedisTls {
    /// Checked by the authorities of this file.
    #[must_use]
    pub fn by(ca_file: impl Into<String>) -> Self {
        Self::Verify(VerifyRedis { ca_file: Some(ca_file.into()), client: None })
    }
}
