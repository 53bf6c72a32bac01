//! Progress of long work: a bar on a terminal, plain lines elsewhere.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use exactly_once::run::View;
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};
use tokio::task::JoinHandle;

use crate::arguments::{Global, LogForm};

/// Between two updates of the bar.
const TICK: Duration = Duration::from_millis(250);
/// Between two plain lines.
const LINE: Duration = Duration::from_secs(5);

/// Shows how a worker gets on, on stderr.
#[derive(Debug)]
pub(crate) struct Progress {
    task: Option<JoinHandle<()>>,
    bar: Option<ProgressBar>,
    view: View,
}

impl Progress {
    /// Starts to show. Must be called inside a tokio runtime.
    pub(crate) fn start(view: View, hidden: bool, global: &Global) -> Self {
        if hidden {
            return Self { task: None, bar: None, view };
        }
        let bar = (io::stderr().is_terminal() && global.log_format == LogForm::Text).then(bar);
        let task = tokio::spawn(show(view.clone(), bar.clone()));
        Self { task: Some(task), bar, view }
    }

    /// Ends it with a last line.
    pub(crate) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
        if let Some(task) = self.task {
            task.abort();
            let stats = self.view.execution_stats();
            tracing::info!(
                records = stats.records,
                bytes = stats.bytes,
                transactions = stats.transactions,
                per_second = stats.records_per_second(),
                "committed"
            );
        }
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed_precise} {msg}") {
        bar.set_style(style);
    }
    bar
}

async fn show(view: View, bar: Option<ProgressBar>) {
    let every = if bar.is_some() { TICK } else { LINE };
    let mut tick = tokio::time::interval(every);
    tick.tick().await;
    let mut before = 0;
    loop {
        tick.tick().await;
        let status = view.status();
        let moved = status.records.saturating_sub(before);
        before = status.records;
        let rate = moved.saturating_mul(1000) / u64::try_from(every.as_millis()).unwrap_or(1).max(1);
        match &bar {
            Some(bar) => bar.set_message(format!(
                "{} records, {}, {}/s, {} behind",
                HumanCount(status.records),
                HumanBytes(status.bytes),
                HumanCount(rate),
                HumanCount(status.lag_records)
            )),
            None => tracing::info!(
                records = status.records,
                per_second = rate,
                lag = status.lag_records,
                "progress"
            ),
        }
    }
}
