//! What each contender's runs came to.

use std::fmt;
use std::time::Duration;

use super::contender::Contender;
use crate::usage::Usage;

/// One run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figures {
    /// Between the first and the last visible record.
    pub(super) per_second: f64,
    pub(super) first: Duration,
    /// The longest time without a new visible record.
    pub(super) stall: Duration,
    pub(super) client: Usage,
    pub(super) source: Duration,
    pub(super) sink: Duration,
    pub(super) records: f64,
}

/// The runs of one scenario, in rounds of one run of each contender.
#[derive(Debug)]
pub(super) struct Table {
    bytes_of_a_record: usize,
    rows: Vec<(Contender, Vec<Figures>)>,
}

impl Table {
    pub(super) const fn new(bytes_of_a_record: usize) -> Self {
        Self { bytes_of_a_record, rows: Vec::new() }
    }

    pub(super) fn add(&mut self, contender: Contender, figures: Figures) {
        match self.rows.iter_mut().find(|(known, _)| *known == contender) {
            Some((_, runs)) => runs.push(figures),
            None => self.rows.push((contender, vec![figures])),
        }
    }

    /// The median over the rounds of the ratio within each round, with the least and the largest: what slows down a
    /// machine for some seconds slows down both sides of a ratio.
    fn ratio(&self, of: &[Figures], to: Contender) -> String {
        let Some((_, base)) = self.rows.iter().find(|(known, _)| *known == to) else { return "-".to_owned() };
        let mut ratios: Vec<f64> = of.iter().zip(base).map(|(f, b)| f.per_second / b.per_second).collect();
        ratios.sort_by(f64::total_cmp);
        match (ratios.first(), median(&ratios), ratios.last()) {
            (Some(least), Some(median), Some(most)) => format!("{median:.2} ({least:.2}..{most:.2})"),
            _ => "-".to_owned(),
        }
    }
}

fn median<T: Copy>(sorted: &[T]) -> Option<T> {
    sorted.get(sorted.len() / 2).copied()
}

/// What ratios are shown to, where it ran, and the heading of their column.
const BASES: [(Contender, &str); 4] = [
    (Contender::Ceiling, "of the ceiling"),
    (Contender::MirrorMakerTuned, "x MM2 tuned"),
    (Contender::AtLeastOnce, "of at least once"),
    (Contender::AtLeastOnceDeduplicated, "of at least once, deduplicated"),
];

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ran = |contender: Contender| self.rows.iter().any(|(known, _)| *known == contender);
        let bases: Vec<(Contender, &str)> = BASES.into_iter().filter(|(base, _)| ran(*base)).collect();
        let mut columns = vec!["contender", "records/s", "MB/s"];
        columns.extend(bases.iter().map(|(_, heading)| heading));
        columns.extend([
            "first record",
            "longest stall",
            "client CPU us/record",
            "source broker",
            "sink broker",
        ]);
        columns.push("peak MB");
        writeln!(f, "| {} |", columns.join(" | "))?;
        writeln!(f, "|{}", "---|".repeat(columns.len()))?;
        for (contender, runs) in &self.rows {
            let mut sorted = runs.clone();
            sorted.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
            let Some(run) = median(&sorted) else { continue };
            let peak = runs.iter().map(|r| r.client.peak_mb()).fold(0.0, f64::max);
            #[allow(clippy::cast_precision_loss, reason = "sizes of records are small")]
            let bytes = self.bytes_of_a_record as f64;
            let per_record = |cpu: Duration| format!("{:.3}", cpu.as_secs_f64() * 1e6 / run.records);
            let seconds = |time: Duration| format!("{:.2} s", time.as_secs_f64());
            let stall = runs.iter().map(|r| r.stall).max().unwrap_or_default();
            let rate = run.per_second;
            let mut cells = vec![contender.name().to_owned(), format!("{rate:.0}")];
            cells.push(format!("{:.0}", rate * bytes / 1e6));
            cells.extend(bases.iter().map(|(base, _)| self.ratio(runs, *base)));
            cells.extend([seconds(run.first), seconds(stall), per_record(run.client.cpu)]);
            cells.extend([per_record(run.source), per_record(run.sink), format!("{peak:.0}")]);
            writeln!(f, "| {} |", cells.join(" | "))?;
        }
        Ok(())
    }
}
