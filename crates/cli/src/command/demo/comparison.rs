//! Compares what is committed with the input, line by line.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use exactly_once::connector_file::CommittedReader;
use exactly_once::core::Error;
use serde::{Deserialize, Serialize};

use super::input::Input;
use super::unwritable;
use crate::failure::Failure;

/// Differences that are shown; all are counted.
const EXAMPLES: usize = 10;

/// What the output holds of the input.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Comparison {
    /// Lines of the output that stand where they must.
    pub(crate) matched: u64,
    /// Lines of the input that the output lacks.
    pub(crate) missing: u64,
    /// Lines that the output holds once more.
    pub(crate) duplicated: u64,
    /// Lines that stand behind later ones of their file.
    pub(crate) reordered: u64,
    /// Lines of the output that no file holds.
    pub(crate) unexpected: u64,
    /// Some of the differences, in words.
    pub(crate) examples: Vec<String>,
}

impl Comparison {
    /// Lines that are not where they must be.
    pub(crate) fn differences(&self) -> u64 {
        self.missing + self.duplicated + self.reordered + self.unexpected
    }

    fn note(&mut self, what: impl FnOnce() -> String) {
        if self.examples.len() < EXAMPLES {
            self.examples.push(what());
        }
    }
}

/// Reads both sides once.
pub(crate) fn compare(input: &Input) -> Result<Comparison, Failure> {
    let output = input.output();
    let committed = CommittedReader::open(&output).map_err(Error::from)?;
    let sources = input.files.iter().map(|path| Source::open(path.clone())).collect::<Result<_, _>>()?;
    let mut comparer = Comparer { sources, last: 0, found: Comparison::default() };
    let mut lines = BufReader::new(committed);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).map_err(|e| unwritable(&output, e))? > 0 {
        comparer.line(&line)?;
        line.clear();
    }
    comparer.finish()
}

struct Comparer {
    sources: Vec<Source>,
    /// Where the last line came from: a transaction holds many lines of one file.
    last: usize,
    found: Comparison,
}

/// Which line it says that it is.
#[derive(Deserialize)]
struct Stamp {
    file: u64,
    line: u64,
}

impl Comparer {
    fn line(&mut self, line: &[u8]) -> Result<(), Failure> {
        let others = (0..self.sources.len()).filter(|at| *at != self.last);
        for at in std::iter::once(self.last).chain(others).collect::<Vec<_>>() {
            let Some(source) = self.sources.get_mut(at) else { continue };
            if source.is_next(line) {
                source.advance()?;
                self.last = at;
                self.found.matched += 1;
                return Ok(());
            }
        }
        self.out_of_place(line)
    }

    /// A line that is nobody's next one.
    fn out_of_place(&mut self, line: &[u8]) -> Result<(), Failure> {
        let found = &mut self.found;
        let shown = String::from_utf8_lossy(line).trim_end().to_owned();
        let stamp = serde_json::from_slice::<Stamp>(line).ok();
        let source = stamp
            .as_ref()
            .and_then(|s| usize::try_from(s.file).ok()?.checked_sub(1))
            .and_then(|at| self.sources.get_mut(at));
        let (Some(Stamp { file, line: number }), Some(source)) = (stamp, source) else {
            found.unexpected += 1;
            found.note(|| format!("unexpected: {shown}"));
            return Ok(());
        };
        if number < source.number {
            if source.missing.remove(&number) {
                found.reordered += 1;
                found.note(|| format!("reordered: line {number} of file {file}"));
            } else {
                found.duplicated += 1;
                found.note(|| format!("duplicated: line {number} of file {file}"));
            }
            return Ok(());
        }
        while source.number < number && source.next.is_some() {
            let skipped = source.number;
            source.missing.insert(skipped);
            source.advance()?;
        }
        if source.is_next(line) {
            source.advance()?;
            found.matched += 1;
        } else {
            found.unexpected += 1;
            found.note(|| format!("unexpected: {shown}"));
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Comparison, Failure> {
        for (at, source) in self.sources.iter_mut().enumerate() {
            while source.next.is_some() {
                let left = source.number;
                source.missing.insert(left);
                source.advance()?;
            }
            for number in &source.missing {
                self.found.missing += 1;
                self.found.note(|| format!("missing: line {number} of file {}", at + 1));
            }
        }
        Ok(self.found)
    }
}

/// One file of the input, read along with the output.
struct Source {
    path: PathBuf,
    lines: BufReader<File>,
    /// The line that must come next, `None` at the end.
    next: Option<Vec<u8>>,
    /// Its number, from 1.
    number: u64,
    /// Lines in front of it that did not come.
    missing: BTreeSet<u64>,
}

impl Source {
    fn open(path: PathBuf) -> Result<Self, Failure> {
        let file = File::open(&path).map_err(|e| unwritable(&path, e))?;
        let lines = BufReader::new(file);
        let mut source = Self { path, lines, next: Some(Vec::new()), number: 0, missing: BTreeSet::new() };
        source.advance()?;
        Ok(source)
    }

    fn is_next(&self, line: &[u8]) -> bool {
        self.next.as_deref() == Some(line)
    }

    fn advance(&mut self) -> Result<(), Failure> {
        let mut line = self.next.take().unwrap_or_default();
        line.clear();
        let read = self.lines.read_until(b'\n', &mut line).map_err(|e| unwritable(&self.path, e))?;
        self.next = (read > 0).then_some(line);
        self.number += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Lines 1 to 4 of file 1 and line 1 of file 2 as input, `output` as what came of them.
    fn compared(output: &[&str]) -> Comparison {
        let dir = tempfile::tempdir().unwrap();
        let line = |name: &&str| match *name {
            "other" => "{\"file\":2,\"line\":1}\n".to_owned(),
            "far" => "{\"file\":1,\"line\":9}\n".to_owned(),
            "changed" => "{\"file\":1,\"line\":2,\"x\":1}\n".to_owned(),
            "strange" => "?\n".to_owned(),
            number => format!("{{\"file\":1,\"line\":{number}}}\n"),
        };
        let write = |name: &str, lines: &[&str]| {
            let path = dir.path().join(name);
            fs::write(&path, lines.iter().map(line).collect::<String>()).unwrap();
            path
        };
        let files = [write("1", &["1", "2", "3", "4"]), write("2", &["other"])];
        let sources = files.into_iter().map(|f| Source::open(f).unwrap()).collect();
        let mut comparer = Comparer { sources, last: 0, found: Comparison::default() };
        output.iter().for_each(|name| comparer.line(line(name).as_bytes()).unwrap());
        comparer.finish().unwrap()
    }

    fn counts(output: &[&str]) -> [u64; 5] {
        let found = compared(output);
        [found.matched, found.missing, found.duplicated, found.reordered, found.unexpected]
    }

    #[test]
    fn each_line_once_and_in_order_per_file_is_clean_whatever_the_interleaving() {
        assert_eq!(counts(&["1", "2", "other", "3", "4"]), [5, 0, 0, 0, 0]);
        assert_eq!(counts(&["other", "1", "2", "3", "4"]), [5, 0, 0, 0, 0]);
        assert_eq!(compared(&["1", "2", "3", "4", "other"]).differences(), 0);
    }

    #[test]
    fn every_kind_of_difference_is_counted_as_what_it_is() {
        assert_eq!(counts(&[]), [0, 5, 0, 0, 0]);
        assert_eq!(counts(&["1", "2", "3", "other"]), [4, 1, 0, 0, 0]);
        assert_eq!(counts(&["1", "3", "4", "other"]), [4, 1, 0, 0, 0]);
        assert_eq!(counts(&["1", "2", "1", "2", "3", "4", "other"]), [5, 0, 2, 0, 0]);
        assert_eq!(counts(&["1", "3", "2", "4", "other"]), [4, 0, 0, 1, 0]);
        assert_eq!(counts(&["1", "strange", "2", "3", "4", "other"]), [5, 0, 0, 0, 1]);
        assert_eq!(counts(&["1", "changed", "3", "4", "other"]), [4, 1, 0, 0, 1]);
        assert_eq!(counts(&["1", "2", "3", "4", "other", "far"]), [5, 0, 0, 0, 1]);
    }

    #[test]
    fn examples_name_the_line_and_its_file() {
        assert_eq!(
            compared(&["1", "1", "2", "3", "other"]).examples,
            ["duplicated: line 1 of file 1", "missing: line 4 of file 1"]
        );
    }
}
