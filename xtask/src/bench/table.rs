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

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| contender | records/s | MB/s | of the ceiling | x MM2 tuned | of at least once | first record | longest stall | client CPU us/record | source broker | sink broker | peak MB |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|---|---|---|---|")?;
        for (contender, runs) in &self.rows {
            let mut sorted = runs.clone();
            sorted.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
            let Some(run) = median(&sorted) else { continue };
            let peak = runs.iter().map(|r| r.client.peak_mb()).fold(0.0, f64::max);
            #[allow(clippy::cast_precision_loss, reason = "sizes of records are small")]
            let bytes = self.bytes_of_a_record as f64;
            let per_record = |cpu: Duration| cpu.as_secs_f64() * 1e6 / run.records;
            writeln!(
                f,
                "| {} | {:.0} | {:.0} | {} | {} | {} | {:.2} s | {:.2} s | {:.3} | {:.3} | {:.3} | {peak:.0} |",
                contender.name(),
                run.per_second,
                run.per_second * bytes / 1e6,
                self.ratio(runs, Contender::Ceiling),
                self.ratio(runs, Contender::MirrorMakerTuned),
                self.ratio(runs, Contender::AtLeastOnce),
                run.first.as_secs_f64(),
                runs.iter().map(|r| r.stall).max().unwrap_or_default().as_secs_f64(),
                per_record(run.client.cpu),
                per_record(run.source),
                per_record(run.sink),
            )?;
        }
        Ok(())
    }
}
