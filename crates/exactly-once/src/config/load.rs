//! From a file to a job that is valid.

use std::io::Read as _;
use std::path::Path;

use super::config_error::ConfigError;
use super::model::job_file::JobFile;
use super::problem::Problem;
use super::variables::{ProcessVariables, Variables, resolve};
use super::yaml::decode::decode;
use super::yaml::node::{Node, Value};
use super::yaml::parse::parse;
use crate::{Error, Result};

/// Longest job file in bytes.
pub const MAX_JOB_FILE_BYTES: u64 = 1 << 20;

impl JobFile {
    /// Reads and checks the job file at `path`; variables come from the environment of the process.
    ///
    /// # Errors
    /// [`Error::ConfigFile`] where it cannot be read, [`Error::Config`] where it is not valid; both -> `Reject`.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let failed = |source| Error::ConfigFile { path: path.to_owned(), source };
        let mut text = String::new();
        let file = std::fs::File::open(path).map_err(failed)?;
        file.take(MAX_JOB_FILE_BYTES + 1).read_to_string(&mut text).map_err(failed)?;
        if text.len() as u64 > MAX_JOB_FILE_BYTES {
            return Err(failed(std::io::Error::new(std::io::ErrorKind::InvalidData, "longer than 1 MiB")));
        }
        let variables = ProcessVariables::new(path.parent().unwrap_or_else(|| Path::new(".")));
        Self::parse(&path.display().to_string(), &text, &variables)
    }

    /// Checks a job file's text; `name` is what errors call it.
    ///
    /// # Errors
    /// [`Error::Config`] -> `Reject`, with all unresolved variables, or the first wrong type or name, or all values
    /// out of range.
    pub fn parse(name: &str, text: &str, variables: &dyn Variables) -> Result<Self> {
        let refuse = |problems| Error::Config { source: ConfigError::in_text(name, text, problems) };
        let mut tree = parse(text).map_err(|p| refuse(vec![p]))?;
        if matches!(tree.value, Value::Null) {
            let problem = Problem::new("the file is empty").at(tree.place);
            return Err(refuse(vec![problem.with_remedy("`velostream init DIR` writes one to start from")]));
        }
        let unresolved = resolve(&mut tree, variables, text);
        if !unresolved.is_empty() {
            return Err(refuse(unresolved));
        }
        let job: Self = decode(&tree).map_err(|p| refuse(vec![p]))?;
        let report = job.check();
        if report.is_empty() {
            return Ok(job);
        }
        Err(refuse(report.iter().map(|(path, error)| locate(&tree, path, error)).collect()))
    }

    /// Checks a job that was put together by a program.
    ///
    /// # Errors
    /// [`Error::Config`] -> `Reject`, with everything that is out of range or contradicts itself.
    pub fn validate(&self) -> Result<()> {
        let report = self.check();
        if report.is_empty() {
            return Ok(());
        }
        // The text that the job would have knows the names of its keys, but its places mean nothing to the caller.
        let tree = parse(&self.to_yaml()?)
            .map_err(|p| Error::Config { source: ConfigError::without_text(vec![p]) })?;
        let problems =
            report.iter().map(|(path, error)| Problem { place: None, ..locate(&tree, path, error) });
        Err(Error::Config { source: ConfigError::without_text(problems.collect()) })
    }

    /// The job as a file, every setting written out. What it holds loads back equal; values that came from variables
    /// are written in plain text.
    ///
    /// # Errors
    /// [`Error::Yaml`] -> `Reject`: does not happen for a valid job.
    pub fn to_yaml(&self) -> Result<String> {
        let text = serde_saphyr::to_string(self).map_err(|source| Error::Yaml { source })?;
        Ok(text.replace("${", "$${"))
    }
}

/// Finds the place of a value that garde refused. Its paths are those of the types: a variant's content is `[0]`.
fn locate(tree: &Node, path: &garde::Path, error: &garde::Error) -> Problem {
    let text = path.to_string();
    let mut node = tree;
    let mut keys: Vec<String> = Vec::new();
    for step in text.split(['.', '[']).filter(|step| !step.is_empty()) {
        let index = step.strip_suffix(']').and_then(|digits| digits.parse::<usize>().ok());
        let next = match (index, &node.value) {
            (Some(index), Value::List(items)) => items.get(index).map(|item| (format!("[{index}]"), item)),
            (Some(_), Value::Map(entries)) => entries.first().map(|e| (e.key.clone(), &e.value)),
            (Some(_), _) => continue,
            (None, _) => node.get(step).map(|value| (step.to_owned(), value)),
        };
        match next {
            Some((key, value)) => {
                keys.push(key);
                node = value;
            }
            // A default that does not fit another setting: the nearest mapping is shown.
            None => keys.push(step.trim_end_matches(']').to_owned()),
        }
    }
    let problem = Problem::new(error.message()).at(node.place);
    keys.iter().rev().fold(problem, |problem, key| problem.inside(key))
}
