//! Rules of the files themselves.

use std::path::Path;

use super::violation::Violation;

const MAX_LINES: usize = 600;
const TEXT: &[&str] = &["rs", "toml", "md", "yaml", "yml", "sh", "json"];
/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["utils", "util", "common", "helpers", "helper", "misc", "manager"];

/// Checks one file by its path (from the root) and its bytes.
pub(crate) fn check(path: &Path, bytes: &[u8]) -> Vec<Violation> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let place = path.display().to_string();
    let mut found = Vec::new();
    if TEXT.contains(&extension) {
        found.extend(not_ascii(&place, bytes));
    }
    if extension == "rs" {
        found.extend(names(path, &place));
        found.extend(rust_text(&place, &String::from_utf8_lossy(bytes)));
    }
    found
}

fn not_ascii(place: &str, bytes: &[u8]) -> Option<Violation> {
    let at = bytes.iter().position(|byte| !byte.is_ascii())?;
    let line = 1 + bytes.iter().take(at).filter(|byte| **byte == b'\n').count();
    let remedy = "write ASCII; in Rust strings use \\u{..}";
    Some(Violation::new(format!("{place}:{line}"), "a character that is not ASCII", remedy))
}

fn names(path: &Path, place: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    if path.file_name().is_some_and(|name| name == "mod.rs") {
        found.push(Violation::new(place, "mod.rs", "name the file after its directory: foo.rs beside foo/"));
    }
    let parts = path.with_extension("");
    for part in parts.iter().filter_map(|part| part.to_str()) {
        if EMPTY_NAMES.contains(&part) {
            let what = format!("`{part}` says nothing about what is inside");
            found.push(Violation::new(place, what, "name it after the one noun that it defines"));
        }
    }
    found
}

fn rust_text(place: &str, text: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    let lines = text.lines().count();
    if lines > MAX_LINES {
        let what = format!("{lines} lines; the limit is {MAX_LINES}");
        found.push(Violation::new(place, what, "split it: one noun a file"));
    }
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().trim_start_matches("async ").starts_with("fn test_") {
            let remedy = "a test's name is a theorem: subject_condition_outcome";
            found.push(Violation::new(format!("{place}:{number}"), "a test with the prefix test_", remedy));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::check;

    fn whats(path: &str, text: &str) -> Vec<String> {
        check(Path::new(path), text.as_bytes()).iter().map(|one| one.what().to_owned()).collect()
    }

    #[test]
    fn file_beyond_the_limit_is_refused() {
        assert!(whats("crates/core/src/a.rs", &"\n".repeat(600)).is_empty());
        assert_eq!(whats("crates/core/src/a.rs", &"\n".repeat(601)), ["601 lines; the limit is 600"]);
        assert!(whats("docs/A.md", &"\n".repeat(601)).is_empty());
    }

    #[test]
    fn character_beyond_ascii_is_refused_with_its_line() {
        let found = check(Path::new("docs/A.md"), "one\ntw\u{f6}\n".as_bytes());
        assert!(found[0].to_string().starts_with("docs/A.md:2: "));
        assert!(whats("golden.bin", "\u{f6}").is_empty());
    }

    #[test]
    fn empty_names_are_refused() {
        assert_eq!(whats("crates/core/src/mod.rs", ""), ["mod.rs"]);
        assert_eq!(whats("crates/core/src/utils.rs", "").len(), 1);
        assert_eq!(whats("crates/core/src/common/time.rs", "").len(), 1);
        assert!(whats("crates/core/src/commons.rs", "").is_empty());
    }

    #[test]
    fn prefixed_test_name_is_refused() {
        assert_eq!(whats("a.rs", "    async fn test_it() {}\n").len(), 1);
        assert_eq!(whats("a.rs", "fn test_it() {}\n").len(), 1);
        assert!(whats("a.rs", "fn testing() {} // fn test_it\n").is_empty());
    }
}
