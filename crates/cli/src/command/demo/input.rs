//! What the demo delivers: three files of lines, and the job that reads them.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use super::unwritable;
use crate::failure::Failure;

/// Files of the source: one split each.
pub(crate) const FILES: u64 = 3;

/// Name of the job file.
pub(crate) const JOB: &str = "demo.yaml";

/// Transactions that a run should have at least, so that a kill meets one in the making.
const TRANSACTIONS: u64 = 400;

/// The demo's directory with everything that a worker needs.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) directory: PathBuf,
    /// In the order of their numbers, from 1.
    pub(crate) files: Vec<PathBuf>,
    pub(crate) records: u64,
    pub(crate) bytes: u64,
}

impl Input {
    /// Writes `in/orders-1.ndjson` and so on, and the job file.
    pub(crate) fn write(directory: &Path, records: u64) -> Result<Self, Failure> {
        let source = directory.join("in");
        fs::create_dir_all(&source).map_err(|e| unwritable(&source, e))?;
        let mut input = Self { directory: directory.to_owned(), files: Vec::new(), records, bytes: 0 };
        for number in 1..=FILES {
            let path = source.join(format!("orders-{number}.ndjson"));
            // The first files take what does not divide.
            let lines = records / FILES + u64::from(number <= records % FILES);
            input.bytes += orders(&path, number, lines).map_err(|e| unwritable(&path, e))?;
            input.files.push(path);
        }
        let path = directory.join(JOB);
        fs::write(&path, input.job()).map_err(|e| unwritable(&path, e))?;
        Ok(input)
    }

    /// Directory of the sink.
    pub(crate) fn output(&self) -> PathBuf {
        self.directory.join("out")
    }

    fn job(&self) -> String {
        let transaction = (self.bytes / TRANSACTIONS).clamp(1 << 10, 64 << 10);
        format!(
            "# A job for velostream that needs no server and no state store.\n\
             job: demo\n\
             source: {{ file: {{ path: \"in/*.ndjson\", format: lines, max_chunk_bytes: {transaction}B }} }}\n\
             sink: {{ file: {{ path: \"out/orders.ndjson\", format: lines }} }}\n\
             # Small transactions, so that many are interrupted.\n\
             exactly_once: {{ transaction: {{ max_interval: 50ms, max_bytes: {transaction}B }} }}\n"
        )
    }
}

/// Lines that no other file and no other place in the file has. Returns their bytes.
fn orders(path: &Path, file: u64, lines: u64) -> io::Result<u64> {
    let mut out = BufWriter::new(File::create_new(path)?);
    let mut bytes = 0;
    for line in 1..=lines {
        let text = format!(
            "{{\"file\":{file},\"line\":{line},\"customer\":\"c{}\",\"amount_cents\":{}}}\n",
            line * 7 % 1009,
            line * 37 % 10_000
        );
        out.write_all(text.as_bytes())?;
        bytes += text.len() as u64;
    }
    out.flush()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use exactly_once::config::JobFile;

    use super::*;

    #[test]
    fn records_are_spread_over_the_files_and_the_job_is_valid() {
        let dir = tempfile::tempdir().unwrap();
        let input = Input::write(dir.path(), 10).unwrap();
        let lines: Vec<usize> =
            input.files.iter().map(|f| fs::read_to_string(f).unwrap().lines().count()).collect();
        assert_eq!(lines, [4, 3, 3]);
        JobFile::load(dir.path().join(JOB)).unwrap();
    }
}
