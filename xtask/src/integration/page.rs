//! `docs/stores/CONFORMANCE.md`: cases against stores.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use velostream_conformance::{Group, cases};
use velostream_testkit::services::repository_root;
use velostream_testkit::states::StoreKind;

use super::found::{Found, Outcome};
use super::table::Count;
use crate::torture::report::{commit, now};

const PATH: &str = "docs/stores/CONFORMANCE.md";

/// What the variants of the suites are called on the page.
const TITLES: [(StoreKind, &str, &str); 7] = [
    (StoreKind::Redis, "single", "Redis"),
    (StoreKind::Redis, "cluster", "Valkey cluster"),
    (StoreKind::Redis, "sentinel", "Valkey sentinels"),
    (StoreKind::Postgres, "postgresql", "PostgreSQL"),
    (StoreKind::Postgres, "cockroachdb", "CockroachDB dialect"),
    (StoreKind::DynamoDb, "one", "DynamoDB"),
    (StoreKind::DynamoDb, "strong", "DynamoDB, strong"),
];

/// Where a case runs on the store itself: the store, what runs its server, the variant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Column(StoreKind, String, String);

impl Column {
    fn title(&self) -> String {
        let known = TITLES.iter().find(|(store, variant, _)| *store == self.0 && *variant == self.2);
        known.map_or_else(
            || format!("{} {}", self.0, self.2).trim().to_owned(),
            |(_, _, title)| (*title).to_owned(),
        )
    }
}

/// What the suites said, by case.
#[derive(Debug, Default)]
pub(super) struct Page {
    cells: BTreeMap<(Column, String), Outcome>,
    /// The same cases through a wrapper, and tests that are not cases of a contract.
    wrapped: BTreeMap<(StoreKind, String), Count>,
    own: BTreeMap<(StoreKind, String), Count>,
    failed: BTreeSet<String>,
    left_out: BTreeSet<String>,
}

impl Page {
    pub(super) fn add(&mut self, store: StoreKind, provider: &str, found: &[Found]) {
        for one in found {
            let of = (store, provider.to_owned());
            if one.outcome == Outcome::Failed {
                self.failed.insert(format!("{store} ({provider}): {}", one.path()));
            }
            if !cases().any(|(_, name)| name == one.name) {
                self.own.entry(of).or_default().add(&one.outcome);
            } else if one.place.contains("through_") {
                self.wrapped.entry(of).or_default().add(&one.outcome);
            } else {
                // A suite may run them beside the store's own cases, under a title of their own.
                let variant = one.place.trim_end_matches("shared").trim_end_matches("::");
                let column = Column(store, provider.to_owned(), variant.to_owned());
                self.cells.insert((column, one.name.clone()), one.outcome.clone());
            }
        }
    }

    /// What was not run, and why.
    pub(super) fn left_out(&mut self, what: &str, provider: &str, why: &str) {
        self.left_out.insert(format!("{what} ({provider}): {why}"));
    }

    /// Writes the page, whatever it says.
    pub(super) fn write(&self) -> Result<()> {
        let path = repository_root().join(PATH);
        std::fs::write(&path, self.text(&now()?, &commit()?)).with_context(|| format!("cannot write {PATH}"))
    }

    fn text(&self, date: &str, commit: &str) -> String {
        let columns: BTreeSet<&Column> = self.cells.keys().map(|(column, _)| column).collect();
        let mut reasons: Vec<&str> = Vec::new();
        let mut text = format!(
            "# Conformance\n\n\
             Every case of the contracts of `velostream-conformance` on every store that was run. Written by\n\
             `cargo xtask integration --write` on {date} at commit {commit}.\n\n\
             `pass`: it holds. A number: it does not apply, for the reason below. `-`: it was not run.\n\n\
             | store | server | cases | through wrappers | tests of its own |\n|---|---|---|---|---|\n"
        );
        for column in &columns {
            let mut count = Count::default();
            let of_column = self.cells.iter().filter(|((of, _), _)| of == *column);
            of_column.for_each(|(_, outcome)| count.add(outcome));
            line(&mut text, &[&column.title(), &column.1, &count.to_string(), "", ""]);
        }
        let others: BTreeSet<_> = self.wrapped.keys().chain(self.own.keys()).collect();
        for of in others {
            let count = |counts: &BTreeMap<_, Count>| counts.get(of).copied().unwrap_or_default().to_string();
            let title = format!("all of {}", of.0);
            line(&mut text, &[&title, &of.1, "", &count(&self.wrapped), &count(&self.own)]);
        }
        for (group, title) in GROUPS {
            write_line(&mut text, &format!("\n## {title}\n"));
            let mut head = vec!["case".to_owned()];
            head.extend(columns.iter().map(|column| {
                if columns.iter().any(|other| other.title() == column.title() && other != column) {
                    format!("{}, {}", column.title(), column.1)
                } else {
                    column.title()
                }
            }));
            line(&mut text, &head);
            line(&mut text, &vec!["---"; head.len()]);
            for (_, name) in cases().filter(|(of, _)| *of == group) {
                let mut cells = vec![name.replace('_', " ")];
                cells.extend(columns.iter().map(|column| {
                    let found = self.cells.get(&((*column).clone(), name.to_owned()));
                    cell(found, &mut reasons)
                }));
                line(&mut text, &cells);
            }
        }
        if !reasons.is_empty() {
            write_line(&mut text, "\n## Why a case does not apply\n");
        }
        for (number, why) in (1..).zip(&reasons) {
            write_line(&mut text, &format!("{number}. {why}"));
        }
        if !self.failed.is_empty() {
            write_line(&mut text, "\n## Failed\n");
        }
        for what in &self.failed {
            write_line(&mut text, &format!("- {what}"));
        }
        if !self.left_out.is_empty() {
            write_line(&mut text, "\n## Not run\n");
        }
        for what in &self.left_out {
            write_line(&mut text, &format!("- {what}"));
        }
        text
    }
}

/// In the order of the page.
const GROUPS: [(Group, &str); 7] = [
    (Group::Contract, "The store"),
    (Group::Concurrency, "Several clients at a time"),
    (Group::Fencing, "Who owns a task"),
    (Group::Batch, "Batches and checkpoints"),
    (Group::Expiry, "Ids that run out, and garbage"),
    (Group::Faults, "Lost replies and late requests"),
    (Group::Shared, "Ids that several jobs share"),
];

fn cell<'a>(found: Option<&'a Outcome>, reasons: &mut Vec<&'a str>) -> String {
    match found {
        None => "-".to_owned(),
        Some(Outcome::Passed) => "pass".to_owned(),
        Some(Outcome::Failed) => "**FAILED**".to_owned(),
        Some(Outcome::NotApplicable(why)) => {
            let place = reasons.iter().position(|known| known == why).unwrap_or_else(|| {
                reasons.push(why);
                reasons.len() - 1
            });
            format!("n/a ({})", place + 1)
        }
    }
}

fn line(text: &mut String, cells: &[impl AsRef<str>]) {
    let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
    write_line(text, &format!("| {} |", cells.join(" | ")));
}

fn write_line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{GROUPS, Page};
    use crate::integration::found::{Found, Outcome};
    use velostream_conformance::{SHARED_CASES, STORE_CASES, cases};
    use velostream_testkit::states::StoreKind;

    fn found(place: &str, name: &str, outcome: Outcome) -> Found {
        Found { place: place.into(), name: name.into(), outcome }
    }

    #[test]
    fn page_shows_each_case_on_each_store_and_numbers_the_reasons() {
        let (first, second, shared) = (STORE_CASES[0].name, STORE_CASES[1].name, SHARED_CASES[0].name);
        let mut page = Page::default();
        page.add(
            StoreKind::Redis,
            "native",
            &[
                found("single", first, Outcome::Passed),
                found("single::through_retries", first, Outcome::Passed),
                found("single::shared", shared, Outcome::Passed),
                found("single", second, Outcome::NotApplicable("no disk".into())),
                found("", "something_else_holds", Outcome::Passed),
            ],
        );
        page.add(
            StoreKind::DynamoDb,
            "containers",
            &[
                found("one", first, Outcome::Failed),
                found("one", second, Outcome::NotApplicable("no disk".into())),
                found("one", shared, Outcome::NotApplicable("no items".into())),
            ],
        );
        page.left_out("store_redis_topologies", "containers", "one network");
        let text = page.text("today", "abc");
        for wanted in [
            "on today at commit abc",
            "| Redis | native | 2 pass, 1 n/a |  |  |",
            "| all of redis | native |  | 1 pass | 1 pass |",
            "| DynamoDB | containers | 1 FAILED, 2 n/a |  |  |",
            "| case | Redis | DynamoDB |",
            "1. no disk\n2. no items\n",
            "- store_redis_topologies (containers): one network\n",
            "## Failed\n\n- dynamodb (containers): one::",
        ] {
            assert!(text.contains(wanted), "{wanted}: {text}");
        }
        let row = |name: &str| format!("| {} |", name.replace('_', " "));
        assert!(text.contains(&format!("{} pass | **FAILED** |", row(first))), "{text}");
        assert!(text.contains(&format!("{} n/a (1) | n/a (1) |", row(second))), "{text}");
        assert!(text.contains(&format!("{} pass | n/a (2) |", row(shared))), "{text}");
    }

    #[test]
    fn every_group_of_cases_has_a_title() {
        let titled: BTreeSet<_> = GROUPS.iter().map(|(group, _)| *group).collect();
        let groups: BTreeSet<_> = cases().map(|(group, _)| group).collect();
        assert_eq!(titled, groups);
    }
}
