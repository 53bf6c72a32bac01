//! What can go wrong with the server.

use std::path::PathBuf;
use std::sync::Arc;
use std::{error, io};

use redis::{ErrorKind, RedisError};
use velostream_core::{Code, Disposition, NotAdmitted};

/// Why a call failed. No text holds a password; a server's own refusal may name the user.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting of the configuration cannot be used.
    #[error("redis: {setting}: {why}")]
    Config {
        /// The setting.
        setting: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A topology in which two owners can both believe that they have claimed a task.
    #[error("redis: {topology} cannot fence: {why}")]
    CannotFence {
        /// The topology.
        topology: &'static str,
        /// The reason.
        why: &'static str,
    },
    /// A topology that tells too little about itself.
    #[error("redis: {topology} cannot be attested: {why}")]
    CannotAttest {
        /// The topology.
        topology: &'static str,
        /// The reason.
        why: &'static str,
    },
    /// A file of certificates or keys cannot be used.
    #[error("redis: tls: {}: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The server's settings are weaker than the claim.
    #[error("redis {server}: {setting} is {found:?} and must be {wanted}")]
    Weak {
        /// Host and port.
        server: String,
        /// The setting.
        setting: &'static str,
        /// Its value; empty where the server does not tell it.
        found: String,
        /// What it must be.
        wanted: &'static str,
    },
    /// No connection; nothing was sent.
    #[error("redis {server}: connect: {source}")]
    Connect {
        /// Host and port.
        server: String,
        /// Why.
        source: RedisError,
    },
    /// The server's certificate is not trusted; nothing was sent.
    #[error("redis {server}: its certificate is refused: {source}")]
    Untrusted {
        /// Host and port.
        server: String,
        /// Why.
        source: RedisError,
    },
    /// The server refused the call and has not applied it.
    #[error("redis {server}: {doing}: {source}")]
    Refused {
        /// Host and port.
        server: String,
        /// What was being done.
        doing: &'static str,
        /// The server's answer.
        source: RedisError,
    },
    /// The server refuses this user or command, and will again.
    #[error("redis {server}: {doing}: {source}")]
    Denied {
        /// Host and port.
        server: String,
        /// What was being done.
        doing: &'static str,
        /// The server's answer.
        source: RedisError,
    },
    /// A read failed.
    #[error("redis {server}: {doing}: {source}")]
    Read {
        /// Host and port.
        server: String,
        /// What was being done.
        doing: &'static str,
        /// Why.
        source: RedisError,
    },
    /// The connection was lost, or the answer not understood, after a write was sent: it may stand or not.
    #[error("redis {server}: {doing}: the answer was lost: {source}")]
    Lost {
        /// Host and port.
        server: String,
        /// What was being done.
        doing: &'static str,
        /// Why.
        source: RedisError,
    },
    /// No answer to a read, or no connection, by the deadline.
    #[error("redis {server}: {doing}: no answer in {deadline_ms} ms")]
    Slow {
        /// Host and port.
        server: String,
        /// What was being done.
        doing: &'static str,
        /// The deadline in milliseconds.
        deadline_ms: u128,
    },
    /// No answer to a write by the deadline: it may stand or not.
    #[error("redis {server}: {doing}: no answer in {deadline_ms} ms, it may have been applied")]
    Unanswered {
        /// Host and port.
        server: String,
        /// What was being done.
        doing: &'static str,
        /// The deadline in milliseconds.
        deadline_ms: u128,
    },
    /// The write stands on the primary, but fewer replicas than configured have acknowledged it.
    #[error("redis {server}: {found} replicas acknowledged the write, {wanted} are configured")]
    NotReplicated {
        /// Host and port.
        server: String,
        /// How many did.
        found: i64,
        /// How many must.
        wanted: u32,
    },
    /// A stored value is damaged.
    #[error("redis {server}: the value of {key} is damaged: {why}")]
    CorruptValue {
        /// Host and port.
        server: String,
        /// The key.
        key: String,
        /// What does not fit.
        why: &'static str,
    },
    /// A put of a key that belongs to another task than the root, hence to another slot.
    #[error("key {key:?} belongs to another task than root {root:?}")]
    ForeignKey {
        /// The key.
        key: String,
        /// The root.
        root: String,
    },
    /// A commit that no store takes, or not this one.
    #[error(transparent)]
    NotAdmitted(#[from] NotAdmitted),
}

impl Error {
    /// Sorts a failure to connect: nothing was sent, but some will fail again until an operator acts.
    pub(crate) fn of_connecting(server: String, source: RedisError) -> Self {
        let denied = source.kind() == ErrorKind::AuthenticationFailed
            || matches!(source.code(), Some("NOAUTH" | "WRONGPASS" | "NOPERM"));
        match (denied, untrusted(&source)) {
            (true, _) => Self::Denied { server, doing: "log in", source },
            (_, true) => Self::Untrusted { server, source },
            _ => Self::Connect { server, source },
        }
    }

    /// What is known about the effect.
    #[must_use]
    pub const fn disposition(&self) -> Disposition {
        match self {
            Self::Connect { .. } | Self::Refused { .. } | Self::Read { .. } | Self::Slow { .. } => {
                Disposition::Retry
            }
            Self::Lost { .. } | Self::Unanswered { .. } | Self::NotReplicated { .. } => {
                Disposition::Reconcile
            }
            Self::Config { .. }
            | Self::CannotFence { .. }
            | Self::CannotAttest { .. }
            | Self::File { .. }
            | Self::Weak { .. }
            | Self::Untrusted { .. }
            | Self::Denied { .. }
            | Self::ForeignKey { .. }
            | Self::NotAdmitted(_) => Disposition::Reject,
            Self::CorruptValue { .. } => Disposition::Corrupt,
        }
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Config { .. } | Self::File { .. } => Code::Config,
            Self::CannotFence { .. } | Self::CannotAttest { .. } | Self::Weak { .. } => Code::StoreWeak,
            Self::Connect { .. }
            | Self::Untrusted { .. }
            | Self::Refused { .. }
            | Self::Denied { .. }
            | Self::Read { .. }
            | Self::Lost { .. }
            | Self::Slow { .. }
            | Self::Unanswered { .. }
            | Self::NotReplicated { .. } => Code::StoreUnavailable,
            Self::CorruptValue { .. } => Code::StateCorrupt,
            Self::ForeignKey { .. } => Code::Internal,
            Self::NotAdmitted(why) => why.code(),
        }
    }
}

/// True where the handshake has failed by the server's certificate.
fn untrusted(source: &RedisError) -> bool {
    // The library shares its inner error, and I/O errors do not name what they wrap as their source.
    let inner = error::Error::source(source);
    let shared = inner.and_then(|inner| inner.downcast_ref::<Arc<dyn error::Error + Send + Sync>>());
    let io = shared.and_then(|shared| shared.downcast_ref::<io::Error>()).and_then(io::Error::get_ref);
    let tls = io.and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(tls, Some(rustls::Error::InvalidCertificate(_)))
}

impl From<Error> for velostream_core::Error {
    fn from(error: Error) -> Self {
        Self::new(error.code(), error.disposition(), error.to_string()).with_source(error)
    }
}
