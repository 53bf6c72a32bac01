//! A section of docs/TEST-REPORT.md.

use std::time::Duration;

use anyhow::Result;
use velostream_testkit::states::StoreKind;

use super::round::Counts;
use crate::torture::report::{commit, machine, now};

const HEADER: &str = "| store | records sent | different | delivered | kill -9 | outside the window, delivered again | most memory of a worker (bound) | seconds |\n|---|---|---|---|---|---|---|---|\n";

/// One row of the table.
pub(crate) fn row(kind: StoreKind, counts: &Counts) -> String {
    format!(
        "| {kind} | {} | {} | {} | {} | {} | {} MiB ({} MiB) | {} |",
        counts.sent,
        counts.different,
        counts.delivered,
        counts.kills,
        counts.outside,
        counts.peak_kib / 1024,
        counts.bound_kib / 1024,
        counts.seconds
    )
}

/// The section about this run.
pub(crate) fn section(
    seed: u64,
    elapsed: Duration,
    outcomes: &[(StoreKind, Result<Counts>)],
) -> Result<String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rows: String = outcomes
        .iter()
        .map(|(kind, outcome)| match outcome {
            Ok(counts) => format!("{}\n", row(*kind, counts)),
            Err(error) => {
                let why = format!("{error:#}");
                format!("| {kind} | FAILED: {} | | | | | | |\n", why.lines().next().unwrap_or_default())
            }
        })
        .collect();
    let wrong = outcomes.iter().filter(|(_, outcome)| outcome.is_err()).count();
    let verdict = match wrong {
        0 => "each content is there exactly once, nothing foreign, memory under its bound".to_owned(),
        wrong => format!("{wrong} of {} stores are not in order", outcomes.len()),
    };
    Ok(format!(
        "## Content ids on every state store, seed {seed}, {}\n\n`cargo xtask {}` at commit {}, on {}, {} s: {verdict}.\n\nKafka to Kafka, 4 partitions, `content_hash`; a fifth of all records are repetitions at any distance, in any partition. The count is that of a reader on librdkafka that compares each record with the one that was sent.\n\n{HEADER}{rows}",
        now()?,
        arguments.join(" "),
        commit()?,
        machine(),
        elapsed.as_secs(),
    ))
}
