//! What the server says about itself, against what the store claims.

use redis::{Pipeline, RedisError, Value, cmd, from_redis_value};

use crate::{Error, Fsync, RedisConfig};

/// Settings in the order in which they are asked for. One call each: several names in one are Redis 7.
const SETTINGS: [&str; 4] = ["maxmemory-policy", "appendonly", "appendfsync", "no-appendfsync-on-rewrite"];

/// Writes that the server repeats from its append-only file as the user `default`. Where that user may not, a restart
/// drops every transaction of the file, and says so only in the server's log (seen on Redis 7.0.15).
const REPEATED: [&str; 2] = ["SET", "ZADD"];

/// The server's answers.
#[derive(Debug, Default)]
pub(crate) struct Found {
    info: String,
    /// Empty where the server does not tell.
    settings: [String; SETTINGS.len()],
    /// `OK`, or why the user `default` may not.
    repeated: [String; REPEATED.len()],
}

/// What to ask.
pub(crate) fn questions(prefix: &str) -> Pipeline {
    let mut questions = Pipeline::new();
    questions.add_command(cmd("INFO"));
    for setting in SETTINGS {
        questions.add_command(cmd("CONFIG").arg("GET").arg(setting).to_owned());
    }
    for write in REPEATED {
        let mut question = cmd("ACL");
        question.arg("DRYRUN").arg("default").arg(write).arg(format!("{prefix}{{attest}}")).arg("0");
        if write == "ZADD" {
            question.arg("member");
        }
        questions.add_command(question);
    }
    questions
}

impl Found {
    pub(crate) fn parse(answers: Vec<Value>) -> Result<Self, RedisError> {
        let mut answers = answers.into_iter();
        let info = from_redis_value(answers.next().unwrap_or(Value::Nil))?;
        let mut found = Self { info, ..Self::default() };
        for (slot, answer) in found.settings.iter_mut().zip(answers.by_ref()) {
            // Name and value; nothing where the server does not have the setting.
            let pair: Vec<String> = from_redis_value(answer)?;
            *slot = pair.into_iter().nth(1).unwrap_or_default();
        }
        for (slot, answer) in found.repeated.iter_mut().zip(answers) {
            *slot = from_redis_value(answer)?;
        }
        Ok(found)
    }

    /// Refuses what is weaker than the claim. What the server does not tell counts as weak: managed services that hide
    /// their settings cannot be attested.
    pub(crate) fn check(&self, server: &str, config: &RedisConfig) -> Result<(), Error> {
        let [policy, appendonly, appendfsync, lazy] = &self.settings;
        let weak = |setting, found: &str, wanted| {
            Err(Error::Weak { server: server.to_owned(), setting, found: found.to_owned(), wanted })
        };
        let mode = self.field("redis_mode");
        if mode != "standalone" {
            return weak("redis_mode", mode, "standalone: one server was configured");
        }
        let role = self.field("role");
        if role != "master" {
            return weak("role", role, "master: replicas answer late and forget");
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &str =
        "# Server\r\nredis_mode:standalone\r\n# Replication\r\nrole:master\r\nconnected_slaves:0\r\n";

    fn refusal(info: &str, settings: [&str; 4], fsync: Fsync) -> String {
        let repeated = ["OK".to_owned(), "OK".to_owned()];
        let found = Found { info: info.into(), settings: settings.map(str::to_owned), repeated };
        let config = RedisConfig { fsync, ..RedisConfig::single("redis://h") };
        found.check("h:6379", &config).map_or_else(|error| error.to_string(), |()| String::new())
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
        assert!(refusal(&INFO.replace("standalone", "cluster"), good, Fsync::Always).contains("redis_mode"));
    }
}
