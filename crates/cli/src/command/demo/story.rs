//! What happened: told to people line by line, kept for programs.

use std::path::Path;

use indicatif::{HumanBytes, HumanCount};
use serde::Serialize;

use super::comparison::Comparison;
use super::input::{FILES, Input};
use super::life::{End, Life};
use crate::arguments::Form;
use crate::failure::Failure;
use crate::output;

/// The end of the story.
#[derive(Debug, Serialize)]
pub(crate) struct Verdict {
    /// True where each line is there once, in order.
    pub(crate) clean: bool,
    seed: u64,
    directory: String,
    records: u64,
    kills: usize,
    /// Time that workers ran, milliseconds.
    worked_ms: u64,
    records_per_second: u64,
    #[serde(flatten)]
    comparison: Comparison,
    lives: Vec<Life>,
}

impl Verdict {
    /// Lines that are not where they must be.
    pub(crate) fn differences(&self) -> u64 {
        self.comparison.differences()
    }
}

/// The story so far.
pub(crate) struct Story {
    form: Form,
    records: u64,
    kills_wanted: u32,
    lives: Vec<Life>,
}

impl Story {
    pub(crate) const fn new(form: Form) -> Self {
        Self { form, records: 0, kills_wanted: 0, lives: Vec::new() }
    }

    /// Lives that are over.
    pub(crate) fn lives(&self) -> u32 {
        u32::try_from(self.lives.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn opens(&mut self, input: &Input, kills: u32, seed: u64) -> Result<(), Failure> {
        (self.records, self.kills_wanted) = (input.records, kills);
        self.tell(|| {
            format!(
                "{} lines ({}) in {FILES} files go to one directory, exactly once; the worker is killed with -9 \
                 {kills} times (--seed {seed}).\n\
                 There is no server and no state store: the sink commits lines and position in one step.\n\
                 Directory: {}\n\n",
                HumanCount(input.records),
                HumanBytes(input.bytes),
                input.directory.display()
            )
        })
    }

    pub(crate) fn life(&mut self, life: Life) -> Result<(), Failure> {
        let gained =
            life.committed_records.saturating_sub(self.lives.last().map_or(0, |l| l.committed_records));
        self.tell(|| {
            let how = match life.end {
                End::Killed => "killed with -9",
                End::ByItself => "ended by itself",
            };
            let left = match life.uncommitted_bytes {
                0 => String::new(),
                bytes => format!("; {} uncommitted, to be taken back", HumanBytes(bytes)),
            };
            format!(
                "worker {}: {how} after {}: {} records committed (+{}){left}\n",
                life.life,
                seconds(life.lived_ms),
                HumanCount(life.committed_records),
                HumanCount(gained)
            )
        })?;
        if self.form == Form::Ndjson {
            output::document(self.form, &life, |_| String::new())?;
        }
        self.lives.push(life);
        Ok(())
    }

    pub(crate) fn ends(
        self,
        comparison: Comparison,
        seed: u64,
        directory: &Path,
    ) -> Result<Verdict, Failure> {
        let worked_ms: u64 = self.lives.iter().map(|life| life.lived_ms).sum();
        let verdict = Verdict {
            clean: comparison.matched == self.records && comparison.differences() == 0,
            seed,
            directory: directory.display().to_string(),
            records: self.records,
            kills: self.lives.iter().filter(|life| life.end == End::Killed).count(),
            worked_ms,
            records_per_second: self.records.saturating_mul(1000) / worked_ms.max(1),
            comparison,
            lives: self.lives,
        };
        output::document(self.form, &verdict, |verdict| table(verdict, self.kills_wanted))?;
        Ok(verdict)
    }

    /// People see it as it happens.
    fn tell(&self, text: impl FnOnce() -> String) -> Result<(), Failure> {
        if self.form == Form::Table { output::text(&text()) } else { Ok(()) }
    }
}

fn table(verdict: &Verdict, kills_wanted: u32) -> String {
    let found = &verdict.comparison;
    let mut text = "\nCompared with the input, line by line:\n".to_owned();
    text.push_str(&output::columns(
        &["lines", "matched", "missing", "duplicated", "reordered", "unexpected"],
        [[
            verdict.records,
            found.matched,
            found.missing,
            found.duplicated,
            found.reordered,
            found.unexpected,
        ]
        .map(|count| HumanCount(count).to_string())
        .to_vec()],
    ));
    for example in &found.examples {
        text.push_str(&format!("  {example}\n"));
    }
    if verdict.kills < usize::try_from(kills_wanted).unwrap_or(usize::MAX) {
        text.push_str(&format!(
            "\nThe work was done after {} of {kills_wanted} kills: --records gives more of it.\n",
            verdict.kills
        ));
    }
    let words = if verdict.clean {
        format!("clean: {} records, each once, in order per file", HumanCount(verdict.records))
    } else {
        format!("NOT CLEAN: {} lines are not where they must be", HumanCount(found.differences()))
    };
    text.push_str(&format!(
        "\n{words}; {} kills, {} of work, {} records/s\n",
        verdict.kills,
        seconds(verdict.worked_ms),
        HumanCount(verdict.records_per_second)
    ));
    text
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{:02} s", milliseconds / 1000, milliseconds % 1000 / 10)
}
