//! What the answers of the scripts and of WAIT say.

use redis::{ErrorKind, Value, from_redis_value};
use velostream_core::{NotAdmitted, Outcome, RootWrite, Versioned};
use velostream_envelope::entry;

use crate::doing::{COMMIT, failed};
use crate::{Error, Replicas};

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

/// Counts the replicas in the answer of WAIT or WAITAOF. The write stands already, whatever this says.
pub(crate) fn replicated(server: &str, wanted: Replicas, answer: Value) -> Result<(), Error> {
    let lost = |source| Error::Lost { server: server.to_owned(), doing: "wait for replicas", source };
    let answer = answer.extract_error().map_err(|source| match source.code() {
        Some("NOPERM") => Error::Denied { server: server.to_owned(), doing: "wait for replicas", source },
        // Also what would be a refusal of the write itself.
        _ => lost(source),
    })?;
    let found = match answer {
        Value::Int(replicas) => Ok(replicas),
        // WAITAOF: the server itself, replicas.
        other => from_redis_value::<(i64, i64)>(other).map(|(_, replicas)| replicas),
    };
    let found = found.map_err(|error| lost(error.into()))?;
    match found >= i64::from(wanted.count) {
        true => Ok(()),
        false => Err(Error::NotReplicated { server: server.to_owned(), found, wanted: wanted.count }),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use velostream_core::Disposition;

    use super::*;

    const TWO: Replicas = Replicas { count: 2, timeout: Duration::from_millis(1), synced: false };

    fn disposition(line: &str) -> Option<Disposition> {
        let answer = redis::parse_redis_value(line.as_bytes()).unwrap();
        replicated("h:1", TWO, answer).err().map(|error| error.disposition())
    }

    #[test]
    fn write_that_too_few_replicas_have_is_reconciled() {
        assert_eq!(disposition(":2\r\n"), None);
        assert_eq!(disposition("*2\r\n:0\r\n:2\r\n"), None);
        assert_eq!(disposition(":1\r\n"), Some(Disposition::Reconcile));
        assert_eq!(disposition("*2\r\n:1\r\n:1\r\n"), Some(Disposition::Reconcile));
    }

    #[test]
    fn refusal_to_wait_says_nothing_against_the_write() {
        for line in ["-UNBLOCKED x\r\n", "-MASTERDOWN x\r\n", "-LOADING x\r\n", "-ERR x\r\n"] {
            assert_eq!(disposition(line), Some(Disposition::Reconcile), "{line}");
        }
        assert_eq!(disposition("-NOPERM x\r\n"), Some(Disposition::Reject));
    }
}
