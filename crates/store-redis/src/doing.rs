//! What a call does, and what a failure of it says about its effect.

use redis::RedisError;

use crate::Error;

/// What a call does, for errors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Doing {
    pub(crate) what: &'static str,
    pub(crate) writes: bool,
}

pub(crate) const READ: Doing = Doing { what: "read", writes: false };
pub(crate) const LIST: Doing = Doing { what: "list", writes: false };
pub(crate) const COMMIT: Doing = Doing { what: "commit", writes: true };
pub(crate) const DELETE: Doing = Doing { what: "delete", writes: true };
pub(crate) const MEMBER: Doing = Doing { what: "read a member", writes: false };
pub(crate) const MEMBERS: Doing = Doing { what: "list members", writes: false };
pub(crate) const ENTER: Doing = Doing { what: "enter", writes: true };
pub(crate) const TAKE: Doing = Doing { what: "take ids", writes: true };
pub(crate) const PROMISE: Doing = Doing { what: "promise", writes: true };
pub(crate) const SETTLE: Doing = Doing { what: "settle", writes: true };
pub(crate) const LEAVE: Doing = Doing { what: "leave", writes: true };
pub(crate) const EXPIRE: Doing = Doing { what: "expire ids", writes: true };
pub(crate) const ATTEST: Doing = Doing { what: "attest", writes: false };
pub(crate) const PING: Doing = Doing { what: "health check", writes: false };

/// Sorts a failure by what is known about its effect.
pub(crate) fn failed(doing: Doing, server: &str, source: RedisError) -> Error {
    let (server, what) = (server.to_owned(), doing.what);
    match source.code() {
        Some("NOAUTH" | "WRONGPASS" | "NOPERM") => Error::Denied { server, doing: what, source },
        _ if is_denied_to_a_script(&source) => Error::Denied { server, doing: what, source },
        Some(code) if is_refusal(code) => Error::Refused { server, doing: what, source },
        _ if doing.writes => Error::Lost { server, doing: what, source },
        _ => Error::Read { server, doing: what, source },
    }
}

/// A script that came to a command that its user may not run; the answer has no code of its own (seen on Redis 7.0.15 and
/// Valkey 9.1.2). What it has written before stands.
fn is_denied_to_a_script(source: &RedisError) -> bool {
    let told = ["The user executing the script can't run", "ACL failure in script"];
    source.detail().is_some_and(|detail| told.iter().any(|told| detail.contains(told)))
}

/// Refusals of a command before it begins, and of a script before its first write, never in its middle (Redis 7.0
/// sources, server.c processCommand, cluster.c getNodeByQuery, script.c scriptVerifyWriteCommandAllow and
/// scriptVerifyOOM).
pub(crate) fn is_refusal(code: &str) -> bool {
    matches!(
        code,
        "LOADING"
            | "READONLY"
            | "NOREPLICAS"
            | "MISCONF"
            | "OOM"
            | "BUSY"
            | "CLUSTERDOWN"
            | "TRYAGAIN"
            | "CROSSSLOT"
            | "MASTERDOWN"
            | "MOVED"
            | "ASK"
            | "NOSCRIPT"
    )
}

/// Refusals that say that somebody else may serve the task.
pub(crate) fn is_of_another_role(code: &str) -> bool {
    matches!(code, "READONLY" | "MASTERDOWN" | "CLUSTERDOWN" | "LOADING" | "MOVED")
}

#[cfg(test)]
mod tests {
    use velostream_core::Disposition;

    use super::*;

    fn disposition(line: &str, doing: Doing) -> Disposition {
        let value = redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
        failed(doing, "h:1", value.extract_error().unwrap_err()).disposition()
    }

    #[test]
    fn refusal_before_the_first_write_is_retried() {
        for line in [
            "MOVED 1 h:2",
            "ASK 1 h:2",
            "TRYAGAIN Multiple keys request during rehashing of slot",
            "CLUSTERDOWN The cluster is down",
            "READONLY You can't write against a read only replica.",
            "LOADING Redis is loading the dataset in memory",
            "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
            "NOREPLICAS Not enough good replicas to write.",
            "CROSSSLOT Keys in request don't hash to the same slot",
            "NOSCRIPT No matching script.",
        ] {
            assert_eq!(disposition(line, COMMIT), Disposition::Retry, "{line}");
            assert_eq!(disposition(line, READ), Disposition::Retry, "{line}");
        }
    }

    #[test]
    fn answer_that_says_nothing_about_its_effect_is_reconciled_where_it_writes() {
        for line in
            ["ERR something", "UNBLOCKED force unblock from blocking operation", "EXECABORT x", "NEW x"]
        {
            assert_eq!(disposition(line, COMMIT), Disposition::Reconcile, "{line}");
            assert_eq!(disposition(line, DELETE), Disposition::Reconcile, "{line}");
            assert_eq!(disposition(line, READ), Disposition::Retry, "{line}");
        }
    }

    #[test]
    fn answer_to_a_user_without_rights_is_rejected() {
        for line in [
            "NOPERM no",
            "NOAUTH Authentication required.",
            "WRONGPASS x",
            "ERR The user executing the script can't run this command or subcommand script: 05, on @user_script:1.",
            "ERR ACL failure in script: User u has no permissions to run the 'append' command script: on @user_script:1.",
        ] {
            assert_eq!(disposition(line, COMMIT), Disposition::Reject, "{line}");
        }
    }
}
