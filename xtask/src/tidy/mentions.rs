//! What the pages under `docs/` say of the code is there: files, functions in them, names of tests.

use std::path::Path;

use super::violation::Violation;

/// From this many words on a name in snake case is one of a function, most often of a test.
const WORDS: usize = 4;

/// One source file.
#[derive(Debug)]
pub(crate) struct Source {
    /// From the root, with slashes.
    path: String,
    text: String,
}

impl Source {
    /// A file by its path from the root.
    pub(crate) fn new(path: &Path, text: &[u8]) -> Self {
        Self { path: path.display().to_string(), text: String::from_utf8_lossy(text).into_owned() }
    }

    /// Whether a page means this file: its last components, those that every crate has left out or not.
    fn is(&self, mention: &str) -> bool {
        let short = |path: &str| format!("/{path}").replace("/src/", "/").replace("/tests/", "/");
        format!("/{}", self.path).ends_with(&format!("/{mention}"))
            || short(&self.path).ends_with(&short(mention))
    }

    fn has(&self, name: &str) -> bool {
        let part_of_a_name = |c: char| c.is_alphanumeric() || c == '_';
        self.text.match_indices(name).any(|(at, _)| {
            let before = self.text.get(..at).and_then(|text| text.chars().next_back());
            let behind = self.text.get(at + name.len()..).and_then(|text| text.chars().next());
            !before.is_some_and(part_of_a_name) && !behind.is_some_and(part_of_a_name)
        })
    }
}

/// Checks a page. Decisions (`docs/adr`) speak of the code of their day and are left alone.
pub(crate) fn check(page: &str, text: &str, sources: &[Source]) -> Vec<Violation> {
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let place = format!("{page}:{number}");
        // Every other piece stands between backticks.
        let pieces: Vec<&str> = line.split('`').collect();
        // The files that functions in brackets are said to be in.
        let mut files: Option<Vec<&Source>> = None;
        for pair in pieces.chunks(2) {
            let [prose, code] = pair else { break };
            let listed = prose.trim_matches([' ', ',', ';']);
            let in_brackets = matches!(listed, "(" | "") && files.is_some();
            if code.ends_with(".rs") && is_path(code) {
                let meant: Vec<&Source> = sources.iter().filter(|source| source.is(code)).collect();
                if meant.is_empty() {
                    found.push(Violation::new(&place, format!("no file `{code}`"), "name the file of now"));
                }
                files = (!meant.is_empty()).then_some(meant);
            } else if in_brackets && is_name(code) {
                if let Some(files) = &files
                    && !files.iter().any(|file| file.has(code))
                {
                    let what = format!("no `{code}` in the file before it");
                    found.push(Violation::new(&place, what, "name the function of now, or its file"));
                }
            } else {
                files = None;
                if is_name(code)
                    && code.split('_').count() >= WORDS
                    && !sources.iter().any(|source| source.has(code))
                {
                    found.push(Violation::new(
                        &place,
                        format!("no `{code}` in the code"),
                        "name what is there",
                    ));
                }
            }
        }
    }
    found
}

fn is_path(code: &str) -> bool {
    code.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/' | '.'))
}

fn is_name(code: &str) -> bool {
    code.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && code.starts_with(|c: char| c.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Source, Violation, check};

    fn whats(page: &str) -> Vec<String> {
        let sources = [
            ("crates/a/src/sink/lane.rs", "fn doubt() {} fn write_chunk() {}"),
            ("crates/a/tests/it.rs", "fn nothing_is_lost_or_doubled() {}"),
        ]
        .map(|(path, text)| Source::new(Path::new(path), text.as_bytes()));
        check("docs/P.md", page, &sources).iter().map(Violation::what).map(str::to_owned).collect()
    }

    #[test]
    fn what_is_there_may_be_named_by_its_last_components() {
        let page =
            "| `sink/lane.rs` (`doubt`, `write_chunk`) | `a/it.rs`: `nothing_is_lost_or_doubled` | `a b.rs`";
        assert_eq!(whats(page), [""; 0]);
    }

    #[test]
    fn what_is_gone_is_named_with_its_line() {
        assert_eq!(whats("in `sink/claim.rs`"), ["no file `sink/claim.rs`"]);
        assert_eq!(whats("`ane.rs`"), ["no file `ane.rs`"]);
        assert_eq!(whats("`lane.rs` (`doub`)"), ["no `doub` in the file before it"]);
        assert_eq!(whats("`something_was_lost_here`"), ["no `something_was_lost_here` in the code"]);
        assert_eq!(whats("`three_words_only`"), [""; 0]);
    }
}
