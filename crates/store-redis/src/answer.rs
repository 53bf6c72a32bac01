//! What the answers of the scripts say.

use redis::{ErrorKind, Value, from_redis_value};
use velostream_core::{NotAdmitted, Outcome, RootWrite, Versioned};
use velostream_envelope::entry;

use crate::Error;
use crate::doing::{COMMIT, failed};

/// A stored entry.
pub(crate) fn decoded(server: &str, key: &str, bytes: &[u8]) -> Result<Versioned, Error> {
    let corrupt = |why| Error::CorruptValue { server: server.to_owned(), key: key.to_owned(), why };
    entry::decode(key, bytes).map_err(corrupt)
}

/// The outcome of a commit from the script's answer.
pub(crate) fn outcome(server: &str, root: &RootWrite, answer: Value) -> Result<Outcome, Error> {
    let parsed = from_redis_value::<Vec<Value>>(answer);
    let parsed = parsed.map_err(|error| failed(COMMIT, server, error.into()))?;
    let mut parts = parsed.into_iter().map(|part| match part {
        Value::BulkString(bytes) => bytes,
        Value::SimpleString(text) => text.into_bytes(),
        _ => Vec::new(),
    });
    let (verdict, entry) = (parts.next().unwrap_or_default(), parts.next());
    match (verdict.as_slice(), entry) {
        (b"applied", Some(entry)) => Ok(Outcome::Applied(decoded(server, &root.key, &entry)?.version)),
        (b"conflict", None) => Ok(Outcome::Conflict(None)),
        (b"conflict", Some(entry)) => Ok(Outcome::Conflict(Some(decoded(server, &root.key, &entry)?))),
        (b"rewritten", Some(key)) => {
            Err(NotAdmitted::Rewritten { key: String::from_utf8_lossy(&key).into_owned() }.into())
        }
        _ => {
            let unknown = (ErrorKind::UnexpectedReturnType, "the script's answer is not one of ours");
            Err(failed(COMMIT, server, unknown.into()))
        }
    }
}
