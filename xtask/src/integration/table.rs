//! Stores against groups of cases.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use velostream_conformance::{Group, cases};

use super::found::{Found, Outcome};
use velostream_testkit::states::StoreKind;

use super::suite::Suite;

/// The columns; the last one is for what is not a case of the contract.
const COLUMNS: [(&str, Option<Group>); 8] = [
    ("contract", Some(Group::Contract)),
    ("fencing", Some(Group::Fencing)),
    ("batch", Some(Group::Batch)),
    ("expiry", Some(Group::Expiry)),
    ("concurrency", Some(Group::Concurrency)),
    ("faults", Some(Group::Faults)),
    ("shared ids", Some(Group::Shared)),
    ("its own tests", None),
];

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Count {
    passed: u64,
    failed: u64,
    not_applicable: u64,
}

impl Count {
    pub(super) fn add(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Passed => self.passed += 1,
            Outcome::Failed => self.failed += 1,
            Outcome::NotApplicable(_) => self.not_applicable += 1,
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if self.failed > 0 {
            parts.push(format!("{} FAILED", self.failed));
        }
        if self.passed > 0 {
            parts.push(format!("{} pass", self.passed));
        }
        if self.not_applicable > 0 {
            parts.push(format!("{} n/a", self.not_applicable));
        }
        write!(f, "{}", if parts.is_empty() { "-".to_owned() } else { parts.join(", ") })
    }
}

/// Store, what runs its server, and the variant of the store.
type Row = (&'static str, String, String);

/// Everything that was run so far.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<(Row, BTreeMap<usize, Count>)>,
    /// Why what did not apply, and which tests.
    reasons: BTreeMap<(String, String), BTreeSet<String>>,
    broken: Vec<String>,
}

impl Table {
    pub(super) fn add(&mut self, store: StoreKind, provider: &str, suite: &Suite, found: &[Found]) {
        for one in found {
            let group = cases().find(|(_, name)| *name == one.name).map(|(group, _)| group);
            let column = COLUMNS.iter().position(|(_, column)| *column == group).unwrap_or(COLUMNS.len() - 1);
            let variant = match group {
                Some(_) => one.place.replace("::through_", ", ").replace("through_", ""),
                None => String::new(),
            };
            let row = (store.key(), provider.to_owned(), variant);
            let place = self.rows.iter().position(|(known, _)| *known == row).unwrap_or_else(|| {
                self.rows.push((row, BTreeMap::new()));
                self.rows.len() - 1
            });
            if let Some((_, counts)) = self.rows.get_mut(place) {
                counts.entry(column).or_default().add(&one.outcome);
            }
            if let Outcome::NotApplicable(why) = &one.outcome {
                let key = (format!("{} ({provider})", suite.name()), why.clone());
                self.reasons.entry(key).or_default().insert(one.name.clone());
            }
        }
    }

    /// A suite that was left out as a whole.
    pub(super) fn not_applicable(&mut self, store: StoreKind, provider: &str, suite: &Suite, why: &str) {
        let row = (store.key(), provider.to_owned(), suite.name().to_owned());
        self.rows.push((row, BTreeMap::new()));
        let key = (format!("{} ({provider})", suite.name()), why.to_owned());
        self.reasons.entry(key).or_default().insert("the whole suite".to_owned());
    }

    /// Something that could not be run at all.
    pub(super) fn could_not_run(&mut self, what: &str, error: &anyhow::Error) {
        self.broken.push(format!("{what}: {error:#}"));
    }

    /// Failed tests, and what could not be run.
    pub(super) fn failed(&self) -> u64 {
        self.sum(|count| count.failed) + u64::try_from(self.broken.len()).unwrap_or(u64::MAX)
    }

    /// `N passed, M failed`, with those that do not apply where there are any.
    pub(super) fn closing_line(&self) -> String {
        let skipped = self.sum(|count| count.not_applicable);
        let skipped = if skipped > 0 { format!(", {skipped} skipped") } else { String::new() };
        format!("{} passed, {} failed{skipped}", self.sum(|count| count.passed), self.failed())
    }

    fn sum(&self, what: fn(&Count) -> u64) -> u64 {
        self.rows.iter().flat_map(|(_, counts)| counts.values()).map(what).sum()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "| store | server | variant |")?;
        COLUMNS.iter().try_for_each(|(name, _)| write!(f, " {name} |"))?;
        writeln!(f, "\n|---|---|---|{}", "---|".repeat(COLUMNS.len()))?;
        for ((store, provider, variant), counts) in &self.rows {
            write!(f, "| {store} | {provider} | {variant} |")?;
            for column in 0..COLUMNS.len() {
                write!(f, " {} |", counts.get(&column).copied().unwrap_or_default())?;
            }
            writeln!(f)?;
        }
        if !self.reasons.is_empty() {
            writeln!(f, "\nNot applicable:")?;
        }
        for ((suite, why), tests) in &self.reasons {
            let tests: Vec<&str> = tests.iter().map(String::as_str).collect();
            writeln!(f, "- {suite}: {why}: {}", tests.join(", "))?;
        }
        for broken in &self.broken {
            writeln!(f, "\nFAILED to run {broken}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::found::{Found, Outcome};
    use super::super::suite::suites;
    use super::Table;
    use velostream_conformance::{SHARED_CASES, STORE_CASES};
    use velostream_testkit::states::StoreKind;

    fn found(place: &str, name: &str, outcome: Outcome) -> Found {
        Found { place: place.into(), name: name.into(), outcome }
    }

    #[test]
    fn table_counts_by_group_and_names_what_does_not_apply() {
        let suite = suites(StoreKind::Memory).unwrap().remove(0);
        let (case, shared) = (STORE_CASES[0].name, SHARED_CASES[0].name);
        let mut table = Table::default();
        table.add(
            StoreKind::Memory,
            "none needed",
            &suite,
            &[
                found("", case, Outcome::Passed),
                found("", shared, Outcome::Passed),
                found("through_retries", case, Outcome::NotApplicable("no disk".into())),
                found("", "something_else_holds", Outcome::Failed),
            ],
        );
        let text = table.to_string();
        assert!(
            text.contains("| memory | none needed |  | 1 pass | - | - | - | - | - | 1 pass | 1 FAILED |"),
            "{text}"
        );
        assert!(text.contains("| memory | none needed | retries | 1 n/a |"), "{text}");
        assert!(text.contains("no disk: "), "{text}");
        assert_eq!(table.closing_line(), "2 passed, 1 failed, 1 skipped");
    }

    #[test]
    fn what_could_not_be_run_has_failed() {
        let mut table = Table::default();
        table.could_not_run("redis", &anyhow::anyhow!("no server"));
        assert_eq!(table.closing_line(), "0 passed, 1 failed");
        assert!(table.to_string().contains("FAILED to run redis: no server"));
    }
}
