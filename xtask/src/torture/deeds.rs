//! What was done when, on the terminal and in a file.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use anyhow::{Context, Result};

/// The deeds of a round.
pub(super) struct Deeds {
    began: Instant,
    file: Mutex<fs::File>,
}

impl Deeds {
    pub(super) fn create(path: &Path) -> Result<Self> {
        let file = fs::File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self { began: Instant::now(), file: Mutex::new(file) })
    }

    pub(super) fn note(&self, deed: &str) {
        let line = format!("{:>6.2} s  {deed}", self.began.elapsed().as_secs_f64());
        println!("{line}");
        if let Ok(mut file) = self.file.lock() {
            // The terminal has it too.
            drop(writeln!(file, "{line}"));
        }
    }
}
