//! One thing that is wrong with a job file: where, what, and what to write instead.

use std::fmt;

/// Where something stands in the text of a job file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Offset in bytes, from 0.
    pub offset: usize,
    /// Length in bytes; 0 where only the start is known.
    pub length: usize,
}

/// One thing that is wrong with a job file. Never holds a value that came from a variable or a secret file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// Where; `None` for a job that was not read from a text.
    pub place: Option<Place>,
    /// Path of the key, for example `source.kafka.topics[0]`; empty for the file as a whole.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub remedy: Option<String>,
}

impl Problem {
    /// A problem whose place is not known yet. What follows the first line feed of `text` is the remedy, so that
    /// one text can pass through the error types of libraries.
    pub(crate) fn new(text: impl fmt::Display) -> Self {
        let text = text.to_string();
        let (message, remedy) = match text.split_once('\n') {
            Some((message, remedy)) => (message.to_owned(), Some(remedy.to_owned())),
            None => (text, None),
        };
        Self { place: None, path: String::new(), message, remedy }
    }

    pub(crate) fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Sets the place unless a narrower one is known.
    pub(crate) fn at(mut self, place: Place) -> Self {
        self.place.get_or_insert(place);
        self
    }

    /// Says that it lies below `key`.
    pub(crate) fn inside(mut self, key: &str) -> Self {
        self.path = join(key, &self.path);
        self
    }

    /// Says that it lies in the `index`-th item of a list.
    pub(crate) fn inside_item(mut self, index: usize) -> Self {
        self.path = join(&format!("[{index}]"), &self.path);
        self
    }
}

/// Joins two paths: `a` and `b.c` to `a.b.c`, `a` and `[0]` to `a[0]`.
fn join(head: &str, tail: &str) -> String {
    match tail {
        "" => head.to_owned(),
        tail if tail.starts_with('[') => format!("{head}{tail}"),
        tail => format!("{head}.{tail}"),
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_of_nested_problem_reads_from_the_root() {
        let problem = Problem::new("empty").inside_item(2).inside("topics").inside("source");
        assert_eq!(problem.to_string(), "source.topics[2]: empty");
    }

    #[test]
    fn text_behind_the_first_line_feed_becomes_the_remedy() {
        let problem = Problem::new("not a duration\nwrite 30s");
        assert_eq!(
            (problem.message.as_str(), problem.remedy.as_deref()),
            ("not a duration", Some("write 30s"))
        );
    }
}
