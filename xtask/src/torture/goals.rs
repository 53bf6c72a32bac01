//! The totals that a torture is to reach.

use std::str::FromStr;

use anyhow::{Context, Error, Result, bail};
use velostream_testkit::nemesis::{Tally, Tamper};
use velostream_testkit::proxy::Api;

/// Totals, 0 where nothing is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Goals {
    kills: u64,
    zombies: u64,
    restarts: u64,
    /// EndTxn and TxnOffsetCommit that were held or doubled, each.
    commits: u64,
    cuts: u64,
}

impl FromStr for Goals {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut goals = Self::default();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (name, count) = part.split_once('=').with_context(|| format!("`{part}` is no NAME=COUNT"))?;
            let count = count.parse().with_context(|| format!("`{count}` is no count"))?;
            match name {
                "kills" => goals.kills = count,
                "zombies" => goals.zombies = count,
                "restarts" => goals.restarts = count,
                "commits" => goals.commits = count,
                "cuts" => goals.cuts = count,
                _ => bail!("no total {name}; there are kills, zombies, restarts, commits and cuts"),
            }
        }
        Ok(goals)
    }
}

impl Goals {
    /// What is not reached.
    pub(crate) fn missing(&self, tally: &Tally) -> Vec<String> {
        let of = |api| held_or_doubled(tally, api);
        [
            ("kills", tally.kills, self.kills),
            ("zombies that noticed", tally.zombies, self.zombies),
            ("broker restarts", tally.restarts(), self.restarts),
            ("held or doubled EndTxn", of(Api::EndTxn), self.commits),
            ("held or doubled TxnOffsetCommit", of(Api::TxnOffsetCommit), self.commits),
            ("cuts", tally.cuts(None), self.cuts),
        ]
        .into_iter()
        .filter(|(_, is, wanted)| is < wanted)
        .map(|(what, is, wanted)| format!("{is} of {wanted} {what}"))
        .collect()
    }
}

/// Requests of a kind that were held past their timeout, or sent twice.
pub(crate) fn held_or_doubled(tally: &Tally, api: Api) -> u64 {
    tally.frames.count(Tamper::Held, api) + tally.frames.count(Tamper::Doubled, api)
}

#[cfg(test)]
mod tests {
    use velostream_testkit::nemesis::Tally;

    use super::Goals;

    #[test]
    fn goals_name_what_is_not_reached() {
        let goals: Goals = "kills=3,cuts=0".parse().expect("goals");
        let mut tally = Tally::new();
        assert_eq!(goals.missing(&tally), ["0 of 3 kills"]);
        tally.kills = 3;
        assert!(goals.missing(&tally).is_empty());
        assert!("kils=3".parse::<Goals>().is_err());
        assert!("kills".parse::<Goals>().is_err());
    }
}
