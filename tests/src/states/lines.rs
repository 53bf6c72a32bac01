//! Files of lines of which a fifth come again, and what must become of them.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::load::Random;
use crate::nemesis::{Job, Worker};
use crate::services::pause;

/// A job from files to files in a directory of its own.
#[derive(Debug)]
pub struct Lines {
    dir: PathBuf,
}

impl Lines {
    /// So many different lines and their repetitions in three files below `dir`.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn new(dir: &Path, different: usize, seed: u64) -> Result<Self> {
        let lines = Self { dir: dir.to_owned() };
        fs::create_dir_all(dir.join("in"))?;
        let mut random = Random::new(seed, 5);
        let mut written: Vec<String> = Vec::new();
        for n in 0..different {
            written.push(format!("line {n}"));
            if random.one_in(4)
                && let Some(again) = written.get(random.index(written.len())).cloned()
            {
                written.push(again);
            }
        }
        for (n, part) in written.chunks(written.len().div_ceil(3).max(1)).enumerate() {
            lines.add(&n.to_string(), part)?;
        }
        Ok(lines)
    }

    /// One more file; files are read in the order of their names.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add(&self, name: &str, lines: &[String]) -> Result<()> {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let path = self.dir.join("in").join(format!("{name}.ndjson"));
        fs::write(&path, text).with_context(|| path.display().to_string())
    }

    /// The job.
    #[must_use]
    pub fn job(&self, name: &str) -> Job {
        Job::files(name, &self.dir, &self.dir.join("in/*.ndjson"), &self.dir.join("out/o.ndjson"))
            .source("max_chunk_bytes: 2KiB")
    }

    /// Bytes of the output so far, committed or not.
    #[must_use]
    pub fn written(&self) -> u64 {
        let Ok(entries) = fs::read_dir(self.dir.join("out")) else { return 0 };
        let files = entries.flatten().filter_map(|entry| entry.metadata().ok());
        files.filter(fs::Metadata::is_file).map(|file| file.len()).sum()
    }

    /// A new worker of `job`, named `w0`, that has written something.
    ///
    /// # Errors
    /// When it ends, or writes nothing for a minute.
    pub fn at_work(&self, job: &Job) -> Result<Worker> {
        let before = self.written();
        let mut worker = Worker::of(job, "w0")?;
        for _ in 0..60_000 {
            if self.written() > before || !worker.is_running()? {
                return Ok(worker);
            }
            pause(Duration::from_millis(1));
        }
        bail!("it writes nothing: {}", worker.log())
    }

    /// The first occurrence of each line, in the order in which the files are read.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn expected(&self) -> Result<Vec<String>> {
        let mut seen = HashSet::new();
        Ok(read(&self.dir.join("in"))?.into_iter().filter(|line| seen.insert(line.clone())).collect())
    }

    /// The lines of the output of a job that has ended.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn delivered(&self) -> Result<Vec<String>> {
        read(&self.dir.join("out"))
    }

    /// Fails unless the output holds each line once, in order. For a job that has ended: its directory then holds what is
    /// committed and nothing else, so that no code of the product is asked.
    ///
    /// # Errors
    /// When it does not.
    pub fn expect_each_once(&self) -> Result<()> {
        same(&self.delivered()?, &self.expected()?)
    }

    /// As [`expect_each_once`](Self::expect_each_once), for a job that follows its files, which takes lines of each in turn.
    ///
    /// # Errors
    /// As there.
    pub fn expect_each_once_in_any_order(&self) -> Result<()> {
        let (mut found, mut expected) = (self.delivered()?, self.expected()?);
        found.sort_unstable();
        expected.sort_unstable();
        same(&found, &expected)
    }
}

fn same(found: &[String], expected: &[String]) -> Result<()> {
    let first = found.iter().zip(expected).find(|(a, b)| a != b);
    ensure!(found == expected, "{} of {} lines, {first:?}", found.len(), expected.len());
    Ok(())
}

/// The lines of all files of a directory, in the order of their names.
fn read(dir: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(dir).with_context(|| dir.display().to_string())?;
    let mut files: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|p| p.is_file()).collect();
    files.sort();
    let texts = files.iter().map(fs::read_to_string).collect::<std::io::Result<Vec<_>>>()?;
    Ok(texts.concat().lines().map(ToOwned::to_owned).collect())
}
