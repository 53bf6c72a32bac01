//! `docs/errors.md`: the pages of the error codes, written from `velostream_core::Code`.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use velostream_core::Code;
use velostream_testkit::services::repository_root;

/// Where the pages are, from the root.
const PATH: &str = "docs/errors.md";

const HEAD: &str = "\
# Error codes

Every error that velostream prints has a code that never changes its meaning. `velostream explain-error VS-0030` shows
one of these pages. They are written by `cargo xtask errors` from `crates/core/src/code.rs`.
";

/// Writes the pages.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn write() -> Result<()> {
    let path = repository_root().join(PATH);
    std::fs::write(&path, pages()).with_context(|| format!("cannot write {}", path.display()))?;
    println!("wrote {PATH}");
    Ok(())
}

/// What is wrong with the pages in the tree, with its remedy.
pub(crate) fn stale(root: &Path) -> Option<(&'static str, &'static str, &'static str)> {
    let found = std::fs::read_to_string(root.join(PATH)).unwrap_or_default();
    (found != pages()).then_some((PATH, "differs from the error codes", "run `cargo xtask errors`"))
}

fn pages() -> String {
    Code::ALL.iter().fold(HEAD.to_owned(), |mut text, code| {
        // Writing to a String cannot fail.
        let _ok = write!(
            text,
            "\n## {code}: {}\n\n**Why.** {}\n\n**What to do.** {}\n",
            code.title(),
            code.cause(),
            code.remedy()
        );
        let _ok = match code.example() {
            Some(example) => write!(text, "\n```text\nerror: {code}: {example}\n```\n"),
            None => write!(text, "\nNo part of this version raises it.\n"),
        };
        text
    })
}

#[cfg(test)]
mod tests {
    use velostream_testkit::services::repository_root;

    use super::{Code, pages, stale};

    #[test]
    fn pages_in_the_tree_are_those_of_the_codes() {
        assert_eq!(stale(&repository_root()), None);
    }

    #[test]
    fn every_code_has_one_page() {
        let pages = pages();
        for code in Code::ALL {
            assert_eq!(pages.matches(&format!("\n## {code}: ")).count(), 1, "{code}");
        }
    }
}
