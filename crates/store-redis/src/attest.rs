//! What the server says about itself, against what the store claims.

use redis::{Cmd, RedisError, Value, cmd, from_redis_value};

use crate::slots::Address;
use crate::{Error, Fsync, RedisConfig, Topology};

/// Settings in the order in which they are asked for. One call each: several names in one are Redis 7.
const SETTINGS: [&str; 4] = ["maxmemory-policy", "appendonly", "appendfsync", "no-appendfsync-on-rewrite"];

/// Writes that the server repeats from its append-only file as the user `default`. Where that user may not, a restart
/// drops every transaction of the file, and says so only in the server's log (seen on Redis 7.0.15).
const REPEATED: [(&str, &[&str]); 4] =
    [("SET", &["0"]), ("ZADD", &["0", "member"]), ("HSET", &["field", "0"]), ("APPEND", &["0"])];

/// The server's answers.
#[derive(Debug, Default)]
pub(crate) struct Found {
    info: String,
    replicas: Vec<Address>,
    /// Empty where the server does not tell.
    settings: [String; SETTINGS.len()],
    /// `OK`, or why the user `default` may not.
    repeated: [String; REPEATED.len()],
}

/// What a server is expected to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// It takes writes.
    Primary,
    /// It may take over.
    Replica,
}

/// What to ask.
pub(crate) fn questions(prefix: &str) -> Vec<Cmd> {
    let mut questions = vec![cmd("INFO"), cmd("ROLE")];
    for setting in SETTINGS {
        questions.push(cmd("CONFIG").arg("GET").arg(setting).to_owned());
    }
    for (command, arguments) in REPEATED {
        let mut question = cmd("ACL");
        question.arg("DRYRUN").arg("default").arg(command).arg(format!("{prefix}{{attest}}")).arg(arguments);
        questions.push(question);
    }
    questions
}

impl Found {
    pub(crate) fn parse(info: Value, rest: Vec<Value>) -> Result<Self, RedisError> {
        let mut answers = rest.into_iter();
        let mut next = || answers.next().unwrap_or(Value::Nil).extract_error();
        let mut found =
            Self { info: from_redis_value(info)?, replicas: replicas(next()?)?, ..Self::default() };
        for slot in &mut found.settings {
            // Name and value; nothing where the server does not have the setting.
            let pair: Vec<String> = from_redis_value(next()?)?;
            *slot = pair.into_iter().nth(1).unwrap_or_default();
        }
        for slot in &mut found.repeated {
            *slot = from_redis_value(next()?)?;
        }
        Ok(found)
    }

    /// Where the replicas of this server are.
    pub(crate) fn replicas(&self) -> &[Address] {
        &self.replicas
    }

    /// Refuses what is weaker than the claim. What the server does not tell counts as weak: managed services that hide
    /// their settings cannot be attested.
    pub(crate) fn check(&self, server: &str, config: &RedisConfig, role: Role) -> Result<(), Error> {
        self.check_place(server, config, role)?;
        let [policy, appendonly, appendfsync, lazy] = &self.settings;
        let weak = |setting, found: &str, wanted| {
            Err(Error::Weak { server: server.to_owned(), setting, found: found.to_owned(), wanted })
        };
        if policy != "noeviction" {
            return weak("maxmemory-policy", policy, "noeviction: an evicted id is a duplicate");
        }
        if appendonly != "yes" {
            return weak(
                "appendonly",
                appendonly,
                "yes: a restart forgets everything since the last snapshot",
            );
        }
        match (config.fsync, appendfsync.as_str()) {
            (_, "always") | (Fsync::EverySecond, "everysec") => {}
            (Fsync::Always, found) => return weak("appendfsync", found, "always"),
            (Fsync::EverySecond, found) => return weak("appendfsync", found, "everysec or always"),
        }
        if lazy != "no" {
            return weak(
                "no-appendfsync-on-rewrite",
                lazy,
                "no: nothing is synced while the file is rewritten",
            );
        }
        if let Some(why) = self.repeated.iter().find(|answer| *answer != "OK") {
            return weak(
                "ACL of user default",
                why,
                "off, but allowed all: the server loads its file as this user",
            );
        }
        Ok(())
    }

    /// Mode, role and number of replicas.
    fn check_place(&self, server: &str, config: &RedisConfig, role: Role) -> Result<(), Error> {
        let weak = |setting, found: &str, wanted| {
            Err(Error::Weak { server: server.to_owned(), setting, found: found.to_owned(), wanted })
        };
        let (wanted, why) = match config.topology {
            Topology::Cluster { .. } => ("cluster", "cluster: a cluster was configured"),
            _ => ("standalone", "standalone: no cluster was configured"),
        };
        // Redis says `redis_mode`, Valkey `server_mode` (seen on 9.1.2).
        let mode = match self.field("redis_mode") {
            "" => self.field("server_mode"),
            mode => mode,
        };
        if mode != wanted {
            return weak("server mode", mode, why);
        }
        let found = self.field("role");
        match role {
            Role::Primary if found != "master" => {
                return weak("role", found, "master: replicas answer late and forget");
            }
            Role::Replica if found != "slave" => return weak("role", found, "slave: a primary names it so"),
            // A replica has replicas only where they are chained.
            Role::Replica => return Ok(()),
            Role::Primary => {}
        }
        let connected = self.field("connected_slaves");
        let wanted = config.replicas.map_or(0, |replicas| replicas.count);
        if connected.parse::<u32>().unwrap_or(0) < wanted {
            return weak(
                "connected_slaves",
                connected,
                "at least the number of replicas that commits wait for",
            );
        }
        Ok(())
    }

    /// A line `name:value` of INFO.
    fn field(&self, name: &str) -> &str {
        let line = self.info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_default().trim_end()
    }
}

/// The replicas in an answer of ROLE: the role, an offset, then address, port and offset of each; a replica's own
/// answer names its primary instead (Redis documentation, command ROLE).
fn replicas(answer: Value) -> Result<Vec<Address>, RedisError> {
    let mut parts = from_redis_value::<Vec<Value>>(answer)?.into_iter();
    match parts.nth(2) {
        Some(Value::Array(all)) => {
            let all = all.into_iter().map(from_redis_value::<Vec<String>>);
            let all: Vec<Vec<String>> = all.collect::<Result<_, _>>()?;
            let address = |one: Vec<String>| {
                let mut one = one.into_iter();
                Some((one.next()?, one.next()?.parse().ok()?))
            };
            Ok(all.into_iter().filter_map(address).collect())
        }
        _ => Ok(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &str =
        "# Server\r\nredis_mode:standalone\r\n# Replication\r\nrole:master\r\nconnected_slaves:0\r\n";

    fn refusal(info: &str, settings: [&str; 4], fsync: Fsync) -> String {
        let repeated = REPEATED.map(|_| "OK".to_owned());
        let settings = settings.map(str::to_owned);
        let found = Found { info: info.into(), replicas: Vec::new(), settings, repeated };
        let config = RedisConfig { fsync, ..RedisConfig::single("redis://h") };
        found
            .check("h:6379", &config, Role::Primary)
            .map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn server_that_keeps_its_claim_is_attested() {
        assert_eq!(refusal(INFO, ["noeviction", "yes", "always", "no"], Fsync::Always), "");
        assert_eq!(refusal(INFO, ["noeviction", "yes", "everysec", "no"], Fsync::EverySecond), "");
    }

    #[test]
    fn server_weaker_than_its_claim_is_refused_by_the_setting() {
        for (settings, fsync, named) in [
            (["allkeys-lru", "yes", "always", "no"], Fsync::Always, "maxmemory-policy"),
            (["noeviction", "no", "always", "no"], Fsync::Always, "appendonly"),
            (["noeviction", "yes", "everysec", "no"], Fsync::Always, "appendfsync"),
            (["noeviction", "yes", "no", "no"], Fsync::EverySecond, "appendfsync"),
            (["noeviction", "yes", "always", "yes"], Fsync::Always, "no-appendfsync-on-rewrite"),
            (["", "", "", ""], Fsync::Always, "maxmemory-policy"),
        ] {
            let refusal = refusal(INFO, settings, fsync);
            assert!(refusal.contains(named), "{settings:?}: {refusal}");
        }
        let good = ["noeviction", "yes", "always", "no"];
        assert!(refusal(&INFO.replace("master", "slave"), good, Fsync::Always).contains("role"));
        assert!(refusal(&INFO.replace("standalone", "cluster"), good, Fsync::Always).contains("server mode"));
        assert_eq!(refusal(&INFO.replace("redis_mode", "server_mode"), good, Fsync::Always), "");
    }
}
