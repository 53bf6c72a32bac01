//! What can go wrong with the server. No variant holds the URL.

use std::error::Error as _;
use std::path::PathBuf;

use tokio_postgres::error::SqlState;
use velostream_core::{Code, Disposition, NotAdmitted};

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting cannot hold.
    #[error("postgres store: {setting}: {why}")]
    Config {
        /// The setting.
        setting: &'static str,
        /// Why not.
        why: &'static str,
    },
    /// The file of authorities cannot be used.
    #[error("postgres store: tls: {}: {why}", path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// No connection; nothing was sent.
    #[error("postgres store: {call}: no connection")]
    Connect {
        /// The call.
        call: &'static str,
        /// Why.
        source: tokio_postgres::Error,
    },
    /// No connection in time; nothing was sent.
    #[error("postgres store: {call}: no connection within {limit_ms} ms")]
    ConnectSlow {
        /// The call.
        call: &'static str,
        /// The limit in milliseconds.
        limit_ms: u128,
    },
    /// No answer to a statement that changes nothing.
    #[error("postgres store: {call}: no answer within {limit_ms} ms")]
    Slow {
        /// The call.
        call: &'static str,
        /// The limit in milliseconds.
        limit_ms: u128,
    },
    /// No answer to a statement that changes something: it may stand, now or later.
    #[error("postgres store: {call}: no answer within {limit_ms} ms; it may have been applied")]
    AnswerLost {
        /// The call.
        call: &'static str,
        /// The limit in milliseconds.
        limit_ms: u128,
    },
    /// The server refused a statement, or the connection broke in it.
    #[error("postgres store: {call} failed")]
    Statement {
        /// The call.
        call: &'static str,
        /// Whether the statement changes something.
        changes: bool,
        /// What the server or the network said.
        source: tokio_postgres::Error,
    },
    /// The server answered with a warning: what it applied may not have reached its standbys.
    #[error("postgres store: {call}: {warning}")]
    Warned {
        /// The call.
        call: &'static str,
        /// The server's words.
        warning: String,
    },
    /// Other writers came in between each time.
    #[error("postgres store: {call}: other writers came in between")]
    Contended {
        /// The call.
        call: &'static str,
    },
    /// A row whose checksum does not fit.
    #[error("postgres store: the value of {key} is damaged: its checksum does not fit")]
    CorruptValue {
        /// The key.
        key: String,
    },
    /// The tables are missing, or some of this release are.
    #[error("postgres store: schema {schema} has no tables, or those of an earlier release")]
    NotMigrated {
        /// The schema.
        schema: String,
    },
    /// A later version wrote the tables.
    #[error(
        "postgres store: schema {schema} is of a later version (format {found}, this program reads {supported})"
    )]
    NewerVersion {
        /// The schema.
        schema: String,
        /// Its format.
        found: i32,
        /// The format that this program reads.
        supported: i32,
    },
    /// The server is weaker than what is claimed.
    #[error("postgres store: {claimed} is claimed, but {setting}")]
    Weak {
        /// The class that is claimed.
        claimed: velostream_core::DurabilityClass,
        /// The setting that breaks it.
        setting: String,
    },
    /// A commit that no store takes, or not this one.
    #[error(transparent)]
    NotAdmitted(#[from] NotAdmitted),
}

impl Error {
    /// What is known about the effect.
    #[must_use]
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Connect { source, .. } => connecting(source),
            Self::Statement { changes, source, .. } => statement(*changes, source),
            Self::ConnectSlow { .. } | Self::Slow { .. } | Self::Contended { .. } => Disposition::Retry,
            Self::AnswerLost { .. } | Self::Warned { .. } => Disposition::Reconcile,
            Self::CorruptValue { .. } => Disposition::Corrupt,
            Self::Config { .. }
            | Self::Authorities { .. }
            | Self::NotMigrated { .. }
            | Self::NewerVersion { .. }
            | Self::Weak { .. }
            | Self::NotAdmitted(_) => Disposition::Reject,
        }
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Config { .. } | Self::Authorities { .. } => Code::Config,
            Self::Connect { .. }
            | Self::ConnectSlow { .. }
            | Self::Slow { .. }
            | Self::AnswerLost { .. }
            | Self::Statement { .. }
            | Self::Contended { .. }
            | Self::NotMigrated { .. } => Code::StoreUnavailable,
            Self::Warned { .. } | Self::Weak { .. } => Code::StoreWeak,
            Self::CorruptValue { .. } => Code::StateCorrupt,
            Self::NewerVersion { .. } => Code::StateVersion,
            Self::NotAdmitted(why) => why.code(),
        }
    }

    /// True where the server undid the statement for another one's sake: it may be sent again at once.
    pub(crate) fn is_contention(&self) -> bool {
        let Self::Statement { source, .. } = self else { return false };
        let code = source.code();
        code == Some(&SqlState::T_R_SERIALIZATION_FAILURE) || code == Some(&SqlState::T_R_DEADLOCK_DETECTED)
    }

    /// True where a row was not as the commit expected and the statement was undone.
    pub(crate) fn is_unexpected_row(&self) -> bool {
        let Self::Statement { source, .. } = self else { return false };
        source.code() == Some(&SqlState::NOT_NULL_VIOLATION)
    }
}

/// Nothing was sent. Wrong credentials do not heal.
fn connecting(source: &tokio_postgres::Error) -> Disposition {
    let class = source.code().and_then(|code| code.code().get(..2));
    match class {
        Some("28" | "3D" | "42") => Disposition::Reject,
        _ if is_distrusted(source) => Disposition::Reject,
        _ => Disposition::Retry,
    }
}

/// Whether the server showed a certificate that is not trusted, or speaks no version of TLS that we do: asking again
/// changes neither.
fn is_distrusted(source: &tokio_postgres::Error) -> bool {
    let io = source.source().and_then(|cause| cause.downcast_ref::<std::io::Error>());
    let tls = io.and_then(std::io::Error::get_ref).and_then(|cause| cause.downcast_ref());
    matches!(tls, Some(rustls::Error::InvalidCertificate(_) | rustls::Error::PeerIncompatible(_)))
}

/// By SQLSTATE (PostgreSQL manual, appendix A). What is not known to have been undone may stand.
fn statement(changes: bool, source: &tokio_postgres::Error) -> Disposition {
    let unknown = if changes { Disposition::Reconcile } else { Disposition::Retry };
    let Some(code) = source.code() else { return unknown };
    if *code == SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN {
        return unknown;
    }
    match code.code().get(..2) {
        // Serialization failure, deadlock; a standby that takes no writes; no disk, no memory, no connection.
        Some("40" | "25" | "53") => Disposition::Retry,
        Some("22" | "23" | "28" | "3D" | "3F" | "42" | "54") => Disposition::Reject,
        Some("XX") if code.code() != "XX000" => Disposition::Corrupt,
        _ => unknown,
    }
}

impl From<Error> for velostream_core::Error {
    fn from(error: Error) -> Self {
        let raised = Self::new(error.code(), error.disposition(), error.to_string());
        match error {
            Error::NotMigrated { .. } => {
                raised.with_remedy("Create the tables or bring them up to date, as a user who may (`velostream state init JOB.yaml`), and grant the worker's user the rights in grants.sql.")
            }
            Error::Connect { ref source, .. } if is_distrusted(source) => raised.with_remedy(
                "Name the file of the authority that signed the server's certificate in `tls`, and the server as the \
                 certificate has it.",
            ),
            _ => raised,
        }
        .with_source(error)
    }
}
