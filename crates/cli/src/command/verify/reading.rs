//! How far a verification is: one line that changes on a terminal, a log line every five seconds elsewhere.

use std::fmt;
use std::io::{self, IsTerminal as _};
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use tracing::info;
use velostream_verifier::Progress;

/// Pause between two log lines.
const EVERY: Duration = Duration::from_secs(5);

/// How far it is.
struct Snapshot {
    progress: Progress,
    /// Time since the start.
    elapsed: Duration,
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Progress { records_read, partitions_done, partitions } = self.progress;
        let milliseconds = self.elapsed.as_millis().max(1);
        let rate = u64::try_from(u128::from(records_read) * 1000 / milliseconds).unwrap_or(u64::MAX);
        write!(
            f,
            "{} records read, {}/s, {partitions_done} of {partitions} partitions done",
            HumanCount(records_read),
            HumanCount(rate)
        )
    }
}

/// Shows how far it is.
pub(crate) enum Reading {
    Terminal(ProgressBar),
    Lines {
        /// When the last line was written, since the start.
        last: Duration,
    },
}

impl Reading {
    /// On a terminal a line that changes, elsewhere log lines.
    pub(crate) fn start() -> Self {
        if !io::stderr().is_terminal() {
            return Self::Lines { last: Duration::ZERO };
        }
        let bar = ProgressBar::new_spinner();
        Self::Terminal(match ProgressStyle::with_template("{spinner} {elapsed_precise} {msg}") {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        })
    }

    /// Shows it; `elapsed` is the time since the start.
    pub(crate) fn show(&mut self, progress: Progress, elapsed: Duration) {
        let snapshot = Snapshot { progress, elapsed };
        match self {
            Self::Terminal(bar) => {
                bar.set_message(snapshot.to_string());
                bar.tick();
            }
            Self::Lines { last } if elapsed.saturating_sub(*last) >= EVERY => {
                *last = elapsed;
                info!("{snapshot}");
            }
            Self::Lines { .. } => {}
        }
    }

    /// Takes the line away.
    pub(crate) fn finish(self) {
        if let Self::Terminal(bar) = self {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRESS: Progress = Progress { records_read: 12_345, partitions_done: 1, partitions: 4 };

    #[test]
    fn snapshot_says_records_rate_and_partitions() {
        let snapshot = Snapshot { progress: PROGRESS, elapsed: Duration::from_secs(5) };
        assert_eq!(snapshot.to_string(), "12,345 records read, 2,469/s, 1 of 4 partitions done");
    }

    #[test]
    fn lines_come_every_five_seconds_at_most() {
        let mut reading = Reading::Lines { last: Duration::ZERO };
        for (second, expected) in [(1, 0), (5, 5), (9, 5), (10, 10), (60, 60)] {
            reading.show(PROGRESS, Duration::from_secs(second));
            let Reading::Lines { last } = reading else { panic!() };
            assert_eq!(last, Duration::from_secs(expected));
        }
    }
}
