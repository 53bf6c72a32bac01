//! How far a seed has come, in a file.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};
use velostream_testkit::nemesis::{Matrix, Tally};

/// Rounds and totals of a seed.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    path: PathBuf,
    /// Number of the next round.
    pub(crate) next: u64,
    pub(crate) tally: Tally,
    /// Rounds that did not come out as promised.
    pub(crate) failed: Vec<u64>,
    /// Seconds that the rounds took.
    pub(crate) seconds: u64,
}

/// Where a seed's files are: `torture/<seed>` below the target directory.
pub(crate) fn directory(seed: u64) -> Result<PathBuf> {
    let metadata = cargo_metadata::MetadataCommand::new().no_deps().exec()?;
    Ok(metadata.target_directory.join("torture").join(seed.to_string()).into_std_path_buf())
}

impl Progress {
    /// What was noted of the seed where it is to go on, else nothing yet.
    ///
    /// # Errors
    /// When there is nothing to go on with, or it cannot be read.
    pub(crate) fn open(seed: u64, resume: bool) -> Result<Self> {
        let path = directory(seed)?.with_extension("json");
        let fresh = Self { path, next: 0, tally: Tally::new(), failed: Vec::new(), seconds: 0 };
        if !resume {
            return Ok(fresh);
        }
        let text = fs::read_to_string(&fresh.path)
            .with_context(|| format!("seed {seed} has no {}", fresh.path.display()))?;
        let value: Value = serde_json::from_str(&text)?;
        let number =
            |key: &str| value.get(key).and_then(Value::as_u64).with_context(|| format!("no `{key}`"));
        let failed = value.get("failed").and_then(Value::as_array).context("no `failed`")?;
        Ok(Self {
            next: number("next")?,
            seconds: number("seconds")?,
            failed: failed.iter().filter_map(Value::as_u64).collect(),
            tally: tally(value.get("tally").context("no `tally`")?)?,
            ..fresh
        })
    }

    /// Notes a round. Of one that failed only what is wrong counts.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn add(&mut self, tally: Tally, failed: bool, seconds: u64) -> Result<()> {
        if failed {
            self.failed.push(self.next);
            let Tally { lost, doubled, reordered, .. } = tally;
            self.tally = Tally { lost, doubled, reordered, ..self.tally.clone() };
        } else {
            self.tally = tally;
        }
        self.next += 1;
        self.seconds += seconds;
        let value = json!({
            "next": self.next,
            "seconds": self.seconds,
            "failed": self.failed,
            "tally": tally_value(&self.tally),
        });
        write(&self.path, &value)
    }
}

/// Writes a value so that the file is whole whatever happens.
pub(crate) fn write(path: &Path, value: &Value) -> Result<()> {
    fs::create_dir_all(path.parent().context("a file has a directory")?)?;
    let fresh = path.with_extension("json.new");
    fs::write(&fresh, serde_json::to_string_pretty(value)?)
        .and_then(|()| fs::rename(&fresh, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

const COUNTS: [&str; 13] = [
    "rounds_v2",
    "rounds_v1",
    "kills",
    "pauses",
    "zombies",
    "broker_kills",
    "broker_stops",
    "missed",
    "gave_up",
    "records",
    "lost",
    "doubled",
    "reordered",
];

fn counts(tally: &mut Tally) -> [&mut u64; 13] {
    let Tally { rounds_v2, rounds_v1, kills, pauses, zombies, broker_kills, broker_stops, .. } = tally;
    let Tally { missed, gave_up, records, lost, doubled, reordered, .. } = tally;
    [
        rounds_v2,
        rounds_v1,
        kills,
        pauses,
        zombies,
        broker_kills,
        broker_stops,
        missed,
        gave_up,
        records,
        lost,
        doubled,
        reordered,
    ]
}

/// A tally as JSON.
pub(crate) fn tally_value(tally: &Tally) -> Value {
    let mut copy = tally.clone();
    let numbers = counts(&mut copy);
    let mut map: Map<String, Value> =
        COUNTS.iter().zip(numbers).map(|(name, count)| ((*name).to_owned(), json!(*count))).collect();
    for (name, matrix) in [("states", &tally.states), ("frames", &tally.frames)] {
        let cells: Vec<Value> =
            matrix.cells().filter(|(_, _, count)| *count > 0).map(|cell| json!(cell)).collect();
        map.insert(name.to_owned(), Value::Array(cells));
    }
    Value::Object(map)
}

/// A tally from JSON.
///
/// # Errors
/// When something is missing.
pub(crate) fn tally(value: &Value) -> Result<Tally> {
    let mut tally = Tally::new();
    for (name, count) in COUNTS.iter().zip(counts(&mut tally)) {
        *count = value.get(*name).and_then(Value::as_u64).with_context(|| format!("no `{name}`"))?;
    }
    fill(&mut tally.states, value.get("states"))?;
    fill(&mut tally.frames, value.get("frames"))?;
    Ok(tally)
}

fn fill(matrix: &mut Matrix, cells: Option<&Value>) -> Result<()> {
    for cell in cells.and_then(Value::as_array).context("a table is missing")? {
        let (row, column, count): (String, String, u64) = serde_json::from_value(cell.clone())?;
        matrix.add(&row, &column, count);
        if matrix.count(&row, &column) != count {
            bail!("there is no cell {row} x {column}");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use velostream_testkit::nemesis::{Blow, Tally, Tamper};
    use velostream_testkit::proxy::{Api, ProtocolState};

    use super::{Progress, tally, tally_value};

    fn some() -> Tally {
        let mut tally = Tally::new();
        (tally.kills, tally.reordered, tally.broker_stops) = (301, 7, 2);
        tally.states.add(Blow::Kill, ProtocolState::Fencing, 5);
        tally.frames.add(Tamper::Held, Api::EndTxn, 9);
        tally
    }

    #[test]
    fn tally_written_is_read_back() {
        assert_eq!(tally(&tally_value(&some())).expect("a tally"), some());
        assert!(tally(&serde_json::json!({})).is_err());
    }

    #[test]
    fn round_that_failed_adds_only_what_is_wrong() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("torture/1.json");
        let mut progress = Progress { path, next: 4, tally: Tally::new(), failed: Vec::new(), seconds: 1 };
        progress.add(some(), true, 10).expect("it is written");
        assert_eq!((progress.next, progress.seconds, progress.failed.as_slice()), (5, 11, &[4][..]));
        assert_eq!((progress.tally.kills, progress.tally.reordered), (0, 7));
        progress.add(some(), false, 10).expect("it is written");
        assert_eq!(progress.tally, some());
    }
}
