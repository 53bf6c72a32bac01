//! `${NAME}`, `${NAME:-default}` and `${file:PATH}`, put into the scalars of a parsed document.
//!
//! It happens after parsing, so that a value with quotes, braces or line feeds stays one value and cannot change the
//! structure of the job. Keys are left alone. `$${` stands for a literal `${`.

use std::io;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::problem::{Place, Problem};
use super::yaml::node::{Node, Value};

/// Longest secret file in bytes; a certificate chain takes about 10 KiB.
const MAX_FILE_BYTES: u64 = 64 << 10;

/// Where the values of variables come from.
pub trait Variables {
    /// The value of an environment variable, or `None` where it is not set or is not UTF-8.
    fn variable(&self, name: &str) -> Option<String>;

    /// The content of a file, without the line feed at its end.
    ///
    /// # Errors
    /// Those of reading; `InvalidData` where it is not UTF-8 or longer than 64 KiB.
    fn file(&self, path: &str) -> io::Result<String>;
}

/// The environment of this process, and files relative to a directory.
#[derive(Debug, Clone)]
pub struct ProcessVariables {
    directory: PathBuf,
}

impl ProcessVariables {
    /// Relative paths in `${file:..}` start at `directory`: the one that holds the job file.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }
}

impl Variables for ProcessVariables {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn file(&self, path: &str) -> io::Result<String> {
        let mut text = String::new();
        let file = std::fs::File::open(self.directory.join(Path::new(path)))?;
        file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text)?;
        if text.len() as u64 > MAX_FILE_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "longer than 64 KiB"));
        }
        let end = text.trim_end_matches(['\n', '\r']).len();
        text.truncate(end);
        Ok(text)
    }
}

/// Puts the variables into every scalar below `node`; collects what cannot be resolved.
pub(crate) fn resolve(node: &mut Node, variables: &dyn Variables, source: &str) -> Vec<Problem> {
    let place = node.place;
    match &mut node.value {
        Value::Text(text) => match expand(&text.text, variables) {
            Ok(None) => Vec::new(),
            Ok(Some(value)) => {
                text.text = value;
                text.substituted = true;
                Vec::new()
            }
            Err(failure) => vec![failure.problem.at(narrow(place, &failure.token, source))],
        },
        Value::List(items) => {
            let resolved = items.iter_mut().enumerate().map(|(index, item)| {
                let problems = resolve(item, variables, source);
                problems.into_iter().map(move |p| p.inside_item(index)).collect::<Vec<_>>()
            });
            resolved.flatten().collect()
        }
        Value::Map(entries) => {
            let resolved = entries.iter_mut().map(|entry| {
                let problems = resolve(&mut entry.value, variables, source);
                problems.into_iter().map(|p| p.inside(&entry.key)).collect::<Vec<_>>()
            });
            resolved.flatten().collect()
        }
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float => Vec::new(),
    }
}

struct Failure {
    problem: Problem,
    /// Start of the variable as it is written, to point at.
    token: String,
}

/// The text with its variables replaced, or `None` where it has none.
fn expand(text: &str, variables: &dyn Variables) -> Result<Option<String>, Box<Failure>> {
    if !text.contains("${") {
        return Ok(None);
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            rest = after;
            continue;
        }
        out.push_str(before);
        let Some((inner, tail)) = after.split_once('}') else {
            let problem = Problem::new("a variable is not closed")
                .with_remedy("write ${NAME}, ${NAME:-default} or ${file:PATH}; $${ stands for a literal ${");
            return Err(Box::new(Failure { problem, token: "${".to_owned() }));
        };
        let value = value_of(inner, variables)
            .map_err(|problem| Box::new(Failure { problem, token: format!("${{{inner}}}") }))?;
        out.push_str(&value);
        rest = tail;
    }
    out.push_str(rest);
    Ok(Some(out))
}

fn value_of(inner: &str, variables: &dyn Variables) -> Result<String, Problem> {
    if let Some(path) = inner.strip_prefix("file:") {
        return variables.file(path).map_err(|error| {
            Problem::new(format!("cannot read the file `{path}`: {error}"))
                .with_remedy("paths are relative to the job file; the file must be UTF-8 of at most 64 KiB")
        });
    }
    let (name, default) = match inner.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inner, None),
    };
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !starts || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(Problem::new(format!("`{name}` is not the name of a variable"))
            .with_remedy("write ${NAME}, ${NAME:-default} or ${file:PATH}; $${ stands for a literal ${"));
    }
    match (variables.variable(name), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(Problem::new(format!("the variable `{name}` is not set"))
            .with_remedy(format!("set it, or give it a default: ${{{name}:-default}}"))),
    }
}

/// The variable's own place inside its scalar, where the text shows it as it is.
fn narrow(place: Place, token: &str, source: &str) -> Place {
    let Some(written) = source.get(place.offset..place.offset.saturating_add(place.length)) else {
        return place;
    };
    let Some(at) = written.find(token) else { return place };
    let before = written.get(..at).unwrap_or("");
    if before.contains('\n') {
        return place;
    }
    Place {
        column: place.column + before.chars().count(),
        offset: place.offset + at,
        length: token.len(),
        ..place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    impl Variables for Fixed {
        fn variable(&self, name: &str) -> Option<String> {
            match name {
                "A" => Some("alpha".to_owned()),
                "EMPTY" => Some(String::new()),
                "BRACES" => Some("}\n${A}".to_owned()),
                _ => None,
            }
        }

        fn file(&self, path: &str) -> io::Result<String> {
            if path == "secret" { Ok("s3cret".to_owned()) } else { Err(io::ErrorKind::NotFound.into()) }
        }
    }

    fn expanded(text: &str) -> String {
        expand(text, &Fixed).map_err(|f| f.problem.message).unwrap().unwrap_or_else(|| text.to_owned())
    }

    #[test]
    fn text_with_variables_gets_their_values_once() {
        assert_eq!(expanded("plain $A }"), "plain $A }");
        assert_eq!(expanded("${A}-${A}"), "alpha-alpha");
        assert_eq!(expanded("${NONE:-x:-y}"), "x:-y");
        assert_eq!(expanded("${EMPTY:-x}${EMPTY}${NONE:-}"), "x");
        assert_eq!(expanded("p=${file:secret}"), "p=s3cret");
        assert_eq!(expanded("$${A} ${A}"), "${A} alpha");
        assert_eq!(expanded("${BRACES}"), "}\n${A}");
    }

    #[test]
    fn unresolved_variable_is_named_and_values_are_not() {
        let message = |text: &str| expand(text, &Fixed).err().unwrap().problem.message;
        assert_eq!(message("${A} ${NOPE}"), "the variable `NOPE` is not set");
        assert_eq!(message("${A"), "a variable is not closed");
        assert_eq!(message("${}"), "`` is not the name of a variable");
        assert_eq!(message("${1A}"), "`1A` is not the name of a variable");
        assert_eq!(message("${file:other}"), "cannot read the file `other`: entity not found");
    }

    #[test]
    fn process_file_loses_its_last_line_feed_and_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a"), "x\ny\n").unwrap();
        std::fs::write(dir.path().join("b"), vec![b'x'; 70_000]).unwrap();
        let variables = ProcessVariables::new(dir.path());
        assert_eq!(variables.file("a").unwrap(), "x\ny");
        assert_eq!(variables.file("b").unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
