//! A report for people, and for programs.

use serde::Serialize;
use velostream_verifier::{Kind, PartitionReport, Report};

use crate::output;

/// The report with its verdict in front.
#[derive(Serialize)]
pub(crate) struct Verdict<'a> {
    identical: bool,
    #[serde(flatten)]
    report: &'a Report,
}

impl<'a> Verdict<'a> {
    pub(crate) fn new(report: &'a Report) -> Self {
        Self { identical: report.is_identical(), report }
    }
}

pub(crate) fn table(report: &Report) -> String {
    let seconds = report.elapsed_ms / 1000;
    let tenth = report.elapsed_ms % 1000 / 100;
    let (matched, partitions) = (report.counts.matched, report.partitions.len());
    let verdict = match (report.is_identical(), matched) {
        (true, 0) => "identical: both sides are empty".to_owned(),
        (true, _) => format!("identical: {matched} records, each once, in order, unchanged"),
        (false, _) => format!("different: {matched} records match, {} differ", report.counts.differences()),
    };
    let mut text = format!("{verdict} ({partitions} partitions, {seconds}.{tenth} s)\n\n");
    text.push_str(&output::columns(
        &["topic", "partition", "matched", "missing", "duplicated", "reordered", "changed", "unexpected"],
        report.partitions.iter().map(row),
    ));
    if report.uncertain > 0 {
        text.push_str(&format!(
            "\n{} differences are larger than the window: their kind is a guess\n",
            report.uncertain
        ));
    }
    if report.unread_headers > 0 {
        text.push_str(&format!(
            "\n{} records have a header whose name holds a zero byte: it was compared up to there\n",
            report.unread_headers
        ));
    }
    if !report.examples.is_empty() {
        text.push_str("\nExamples\n");
    }
    for finding in &report.examples {
        text.push_str(&format!(
            "  {} {}-{}: {}\n",
            finding.kind, finding.topic, finding.partition, finding.what
        ));
    }
    text
}

fn row(partition: &PartitionReport) -> Vec<String> {
    let topic = if partition.source_topic == partition.sink_topic {
        partition.source_topic.clone()
    } else {
        format!("{} -> {}", partition.source_topic, partition.sink_topic)
    };
    let counts = Kind::ALL.into_iter().map(|kind| partition.counts.of(kind));
    let numbers = std::iter::once(partition.counts.matched).chain(counts).map(|count| count.to_string());
    [topic, partition.partition.to_string()].into_iter().chain(numbers).collect()
}
