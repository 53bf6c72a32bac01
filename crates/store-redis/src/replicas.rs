//! Replicas that a commit waits for.

use redis::{Cmd, Value, cmd, from_redis_value};

use crate::{Error, Replicas};

/// Most of the time that a wait for the receipt may take where the sync is waited for.
const LONGEST_RECEIPT_MS: u64 = 100;

/// The commands that wait until replicas have what was written before on the connection, or have synced it; for the
/// configured time in all.
///
/// For a synced write two are needed, lest it takes a second: each wait asks the replicas once how far they are, and a
/// replica answers before it syncs what it has just read; after that it tells every second (Valkey 9.1 sources,
/// `replication.c`, `waitaofCommand` and `replicationCron`). The question of the second wait finds the write synced.
pub(crate) fn waits(wanted: &Replicas) -> Vec<Cmd> {
    let timeout_ms = u64::try_from(wanted.timeout.as_millis()).unwrap_or(u64::MAX);
    let wait = |timeout_ms: u64| cmd("WAIT").arg(wanted.count).arg(timeout_ms).to_owned();
    if !wanted.synced {
        return vec![wait(timeout_ms)];
    }
    let receipt_ms = timeout_ms.div_ceil(2).min(LONGEST_RECEIPT_MS);
    // 0 would be for ever.
    let sync_ms = timeout_ms.saturating_sub(receipt_ms).max(1);
    vec![wait(receipt_ms), cmd("WAITAOF").arg(0).arg(wanted.count).arg(sync_ms).to_owned()]
}

/// Counts the replicas in the answer of the last wait. The write stands already, whatever this says.
pub(crate) fn counted(server: &str, wanted: Replicas, answers: Vec<Value>) -> Result<(), Error> {
    let answer = answers.into_iter().last().unwrap_or(Value::Nil);
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

    fn sent(timeout_ms: u64, synced: bool) -> Vec<String> {
        let wanted = Replicas { timeout: Duration::from_millis(timeout_ms), synced, ..TWO };
        let words = |wait: &Cmd| {
            let words = wait.args_iter().map(|word| match word {
                redis::Arg::Simple(word) => String::from_utf8_lossy(word).into_owned(),
                _ => "?".into(),
            });
            words.collect::<Vec<_>>().join(" ")
        };
        waits(&wanted).iter().map(words).collect()
    }

    #[test]
    fn waits_take_the_configured_time_together_and_none_waits_for_ever() {
        assert_eq!(sent(700, false), ["WAIT 2 700"]);
        assert_eq!(sent(700, true), ["WAIT 2 100", "WAITAOF 0 2 600"]);
        assert_eq!(sent(9, true), ["WAIT 2 5", "WAITAOF 0 2 4"]);
        assert_eq!(sent(1, true), ["WAIT 2 1", "WAITAOF 0 2 1"]);
    }

    #[test]
    fn the_last_wait_judges() {
        let answers = [":0\r\n", "*2\r\n:0\r\n:2\r\n"];
        let answers = answers.map(|line| redis::parse_redis_value(line.as_bytes()).unwrap());
        assert!(counted("h:1", TWO, answers.to_vec()).is_ok());
        assert!(counted("h:1", TWO, Vec::new()).is_err());
    }

    fn disposition(line: &str) -> Option<Disposition> {
        let answer = redis::parse_redis_value(line.as_bytes()).unwrap();
        counted("h:1", TWO, vec![answer]).err().map(|error| error.disposition())
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
