//! Whether a server's settings keep what is claimed.

use velostream_core::DurabilityClass;

use crate::Error;

/// The settings of a PostgreSQL server, as its current backend has them.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) in_recovery: bool,
    pub(crate) synchronous_commit: String,
    pub(crate) synchronous_standby_names: String,
    pub(crate) fsync: String,
    pub(crate) full_page_writes: String,
    /// Every table is there and is a logged one (`pg_class.relpersistence` is `p`).
    pub(crate) logged: bool,
}

/// Refuses a claim that these settings do not keep (PostgreSQL manual, "Replication" and "Write Ahead Log").
pub(crate) fn postgres(claimed: DurabilityClass, remote: &[String], found: &Settings) -> Result<(), Error> {
    let weak = |setting: String| Err(Error::Weak { claimed, setting });
    if found.in_recovery {
        return weak("the server is a standby (pg_is_in_recovery)".into());
    }
    if found.fsync != "on" {
        return weak("fsync is off: a crash of the machine may damage everything".into());
    }
    if found.full_page_writes != "on" {
        return weak("full_page_writes is off: a torn page stays torn".into());
    }
    if !found.logged {
        return weak("a table is missing, unlogged or temporary: it is emptied after a crash".into());
    }
    if found.synchronous_commit == "off" {
        return weak("synchronous_commit=off: a crash loses commits that were acknowledged".into());
    }
    if claimed < DurabilityClass::Zone {
        return Ok(());
    }
    let Some(standbys) = Standbys::parse(&found.synchronous_standby_names) else {
        return weak("synchronous_standby_names is empty: no standby has to have a commit".into());
    };
    if !matches!(found.synchronous_commit.as_str(), "on" | "remote_apply") {
        return weak(format!(
            "synchronous_commit={}: a commit is acknowledged before a standby has it on disk",
            found.synchronous_commit
        ));
    }
    if claimed == DurabilityClass::Region && !standbys.always_one_of(remote) {
        return weak(format!(
            "synchronous_standby_names={} can be satisfied without a standby of {remote:?}",
            found.synchronous_standby_names
        ));
    }
    Ok(())
}

/// `[FIRST|ANY] k (a, b, ...)`, or `a, b` which is `FIRST 1 (a, b)`.
#[derive(Debug, PartialEq, Eq)]
struct Standbys {
    needed: usize,
    names: Vec<String>,
}

impl Standbys {
    fn parse(setting: &str) -> Option<Self> {
        let (head, list) = match setting.split_once('(') {
            Some((head, rest)) => (head, rest.trim_end().strip_suffix(')')?),
            None => ("1", setting),
        };
        let needed = head.split_whitespace().next_back()?.parse().ok()?;
        let names: Vec<String> =
            list.split(',').map(|name| name.trim().trim_matches('"').to_lowercase()).collect();
        let named = needed > 0 && names.iter().all(|name| !name.is_empty());
        named.then_some(Self { needed, names })
    }

    /// True where whichever standbys acknowledge, one of `remote` is among them.
    fn always_one_of(&self, remote: &[String]) -> bool {
        let others = self.names.iter().filter(|name| !remote.iter().any(|r| r.eq_ignore_ascii_case(name)));
        // `*` stands for any number of standbys anywhere.
        !self.names.iter().any(|name| name == "*") && others.count() < self.needed
    }
}

/// Refuses an isolation under which the compare-and-set of CockroachDB is none.
pub(crate) fn isolation(claimed: DurabilityClass, found: &str) -> Result<(), Error> {
    if found.eq_ignore_ascii_case("serializable") {
        return Ok(());
    }
    Err(Error::Weak { claimed, setting: format!("transaction_isolation is {found}, not serializable") })
}

/// Refuses a database whose survival goal is weaker than the class.
pub(crate) fn survival(claimed: DurabilityClass, goal: &str, regions: i64) -> Result<(), Error> {
    let weak = |setting: String| Err(Error::Weak { claimed, setting });
    match claimed {
        DurabilityClass::Region if goal != "region" => {
            weak(format!("the database survives a {goal} failure only"))
        }
        DurabilityClass::Region if regions < 3 => {
            weak(format!("the database has {regions} regions; surviving one needs three"))
        }
        _ if !matches!(goal, "zone" | "region") => {
            weak(format!("the database has no survival goal ({goal})"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Settings {
        Settings {
            in_recovery: false,
            synchronous_commit: "on".into(),
            synchronous_standby_names: "ANY 1 (a, b)".into(),
            fsync: "on".into(),
            full_page_writes: "on".into(),
            logged: true,
        }
    }

    fn holds(claimed: DurabilityClass, change: impl FnOnce(&mut Settings)) -> bool {
        let mut found = good();
        change(&mut found);
        postgres(claimed, &["b".into()], &found).is_ok()
    }

    #[test]
    fn claim_above_the_settings_is_refused() {
        use DurabilityClass::{AsyncReplica, Restart, Zone};
        assert!(holds(Zone, |_| {}));
        assert!(holds(Zone, |s| s.synchronous_commit = "remote_apply".into()));
        for weaker in ["off", "local", "remote_write"] {
            assert!(!holds(Zone, |s| s.synchronous_commit = weaker.into()), "{weaker}");
        }
        assert!(holds(Restart, |s| s.synchronous_commit = "local".into()));
        assert!(!holds(Restart, |s| s.synchronous_commit = "off".into()));
        assert!(!holds(Zone, |s| s.synchronous_standby_names.clear()));
        assert!(holds(AsyncReplica, |s| s.synchronous_standby_names.clear()));
        assert!(!holds(Restart, |s| s.fsync = "off".into()));
        assert!(!holds(Restart, |s| s.full_page_writes = "off".into()));
        assert!(!holds(Restart, |s| s.logged = false));
        assert!(!holds(Restart, |s| s.in_recovery = true));
    }

    #[test]
    fn region_needs_a_remote_standby_in_every_quorum() {
        let region =
            |names: &str| holds(DurabilityClass::Region, |s| s.synchronous_standby_names = names.into());
        assert!(!region("ANY 1 (a, b)"));
        assert!(region("ANY 2 (a, b)"));
        assert!(region("FIRST 2 (a, \"B\")"));
        assert!(region("b"));
        assert!(!region("a, b"));
        assert!(!region("*"));
        assert!(!region("2 (*)"));
        assert!(!region("ANY x (a)"));
    }

    #[test]
    fn cockroachdb_goal_below_the_class_is_refused() {
        assert!(survival(DurabilityClass::Region, "region", 3).is_ok());
        assert!(survival(DurabilityClass::Region, "zone", 3).is_err());
        assert!(survival(DurabilityClass::Region, "region", 2).is_err());
        assert!(survival(DurabilityClass::Zone, "zone", 1).is_ok());
        assert!(survival(DurabilityClass::Zone, "", 0).is_err());
        assert!(isolation(DurabilityClass::Zone, "serializable").is_ok());
        assert!(isolation(DurabilityClass::Zone, "read committed").is_err());
    }
}
