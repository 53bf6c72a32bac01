//! Job files.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::program::Ended;
use super::worker::Worker;

/// Longest that one run of a job may take before it counts as stuck.
const LIMIT: Duration = Duration::from_secs(120);

/// A job file in the making. Sections hold lines of YAML as they are.
#[derive(Debug, Clone)]
pub struct Job {
    /// Name of the job.
    pub name: String,
    /// Directory for the file, the state and the logs.
    pub dir: PathBuf,
    /// `source:`, one line each, such as `topics: ["orders"]`.
    pub source: Vec<String>,
    /// `sink:`.
    pub sink: Vec<String>,
    /// Keys of the job itself.
    pub top: Vec<String>,
    /// Environment variables of its workers, for what the file takes from there.
    pub environment: Vec<(String, String)>,
    source_kind: &'static str,
    sink_kind: &'static str,
}

impl Job {
    /// From one cluster to another, with a session short enough for tests.
    #[must_use]
    pub fn kafka(name: &str, dir: &Path, source: &str, sink: &str, topics: &[&str]) -> Self {
        let topics: Vec<String> = topics.iter().map(|topic| format!("'{topic}'")).collect();
        Self {
            name: name.to_owned(),
            dir: dir.to_owned(),
            source: vec![
                format!("bootstrap_servers: \"{source}\""),
                format!("topics: [{}]", topics.join(", ")),
            ],
            sink: vec![
                format!("bootstrap_servers: \"{sink}\""),
                "session_timeout: 6s".to_owned(),
                "heartbeat_interval: 300ms".to_owned(),
            ],
            top: Vec::new(),
            environment: Vec::new(),
            source_kind: "kafka",
            sink_kind: "kafka",
        }
    }

    /// From a cluster to files.
    #[must_use]
    pub fn to_file(mut self, path: &Path) -> Self {
        self.sink = vec![format!("path: \"{}\"", path.display())];
        self.sink_kind = "file";
        self
    }

    /// From files to files.
    #[must_use]
    pub fn files(name: &str, dir: &Path, from: &Path, to: &Path) -> Self {
        let mut job = Self::kafka(name, dir, "", "", &[]).to_file(to);
        job.source = vec![format!("path: \"{}\"", from.display())];
        job.source_kind = "file";
        job
    }

    /// With one more line for the source.
    #[must_use]
    pub fn source(mut self, line: &str) -> Self {
        replace(&mut self.source, line);
        self
    }

    /// With one more line for the sink.
    #[must_use]
    pub fn sink(mut self, line: &str) -> Self {
        replace(&mut self.sink, line);
        self
    }

    /// With one more line for the job.
    #[must_use]
    pub fn top(mut self, line: &str) -> Self {
        replace(&mut self.top, line);
        self
    }

    /// With a variable in the environment of its workers.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs the program with this job's environment.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&self, arguments: &[&str]) -> Result<Worker> {
        let environment: Vec<(&str, &str)> =
            self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        Worker::start(Path::new("."), arguments, &environment)
    }

    /// Runs a command of the program that takes the job's file, such as `["state", "ls"]`, to its end.
    ///
    /// # Errors
    /// When the program cannot be started or is stuck.
    pub fn command(&self, arguments: &[&str]) -> Result<Ended> {
        let path = self.write()?;
        let path = path.to_string_lossy();
        self.start(&[arguments, &[&path]].concat())?.wait(LIMIT)
    }

    /// With another state directory, as on another host.
    #[must_use]
    pub fn state_dir(self, dir: &Path) -> Self {
        self.top(&format!("state_dir: \"{}\"", dir.display()))
    }

    /// Where its file is.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.dir.join(format!("{}.yaml", self.name))
    }

    /// The file's text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("job: {}\nsource:\n  {}:\n", self.name, self.source_kind);
        self.source.iter().for_each(|line| text.push_str(&format!("    {line}\n")));
        text.push_str(&format!("sink:\n  {}:\n", self.sink_kind));
        self.sink.iter().for_each(|line| text.push_str(&format!("    {line}\n")));
        if !self.top.iter().any(|line| line.starts_with("state_dir:")) {
            text.push_str(&format!("state_dir: \"{}\"\n", self.dir.join("state").display()));
        }
        self.top.iter().for_each(|line| text.push_str(&format!("{line}\n")));
        text
    }

    /// Writes the file.
    ///
    /// # Errors
    /// When the directory cannot be written.
    pub fn write(&self) -> Result<PathBuf> {
        let path = self.path();
        fs::write(&path, self.text()).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// Writes the file and runs a worker until it ends by itself, at the latest when it has delivered what is there.
    ///
    /// # Errors
    /// When the program cannot be started or is stuck.
    pub fn run_until_caught_up(&self, instance: &str) -> Result<Ended> {
        let path = self.write()?;
        let path = path.to_string_lossy();
        self.start(&["run", &path, "--until-caught-up", "--no-progress", "--instance", instance])?.wait(LIMIT)
    }
}

/// A line replaces the one with the same key.
fn replace(lines: &mut Vec<String>, line: &str) {
    let key = |text: &str| text.split(':').next().map(str::to_owned);
    lines.retain(|known| key(known) != key(line));
    lines.push(line.to_owned());
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Job;

    #[test]
    fn line_with_a_known_key_replaces_the_line_before() {
        let job = Job::kafka("j", Path::new("/d"), "a:1", "b:1", &["t"])
            .source("topics: [\"u\"]")
            .sink("session_timeout: 2s")
            .top("lanes: 2");
        assert_eq!(
            job.text(),
            "job: j\nsource:\n  kafka:\n    bootstrap_servers: \"a:1\"\n    topics: [\"u\"]\nsink:\n  kafka:\n    \
             bootstrap_servers: \"b:1\"\n    heartbeat_interval: 300ms\n    session_timeout: 2s\nstate_dir: \
             \"/d/state\"\nlanes: 2\n"
        );
    }
}
