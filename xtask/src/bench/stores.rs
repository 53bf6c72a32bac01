//! `cargo xtask bench stores`: what a batch of ids costs in each state store, into docs/PERFORMANCE.md.

use std::fs;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use clap::Args;
use velostream_testkit::services::repository_root;

use crate::test_run::cargo;

/// What `cargo xtask bench stores` takes.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Put the tables into docs/PERFORMANCE.md, between the lines that mark their place.
    #[arg(long)]
    write: bool,
}

const PAGE: &str = "docs/PERFORMANCE.md";
const BEGIN: &str = "<!-- cargo xtask bench stores --write: begin -->\n";
const END: &str = "<!-- end -->";

/// Runs the command.
///
/// # Errors
/// When the bench fails, or the page has no place for its tables.
pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let bench = ["bench", "--package", "velostream-testkit", "--features", "servers", "--bench", "stores"];
    let output = cargo(bench).stderr(Stdio::inherit()).output().context("cannot start cargo")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    print!("{said}");
    if !output.status.success() {
        bail!("the bench ended with {}", output.status);
    }
    let tables = format!("{}\n{}\n", tables(&said)?, memory()?);
    if arguments.write {
        let path = repository_root().join(PAGE);
        let page = fs::read_to_string(&path).with_context(|| format!("cannot read {PAGE}"))?;
        fs::write(&path, placed(&page, &tables)?).with_context(|| format!("cannot write {PAGE}"))?;
    }
    Ok(())
}

/// The index of ids is measured by the test that bounds it: it counts allocations, which a program must be built for.
fn memory() -> Result<String> {
    let test =
        ["test", "--quiet", "--package", "velostream-ledger", "--lib", "million_ids", "--", "--nocapture"];
    let output = cargo(test).stderr(Stdio::inherit()).output().context("cannot start cargo")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let line =
        |line: &str| line.split_once(" ids: ").map(|(ids, each)| format!("| {} | {each} |\n", ids.trim()));
    let lines: String = said.lines().filter_map(line).collect();
    if !output.status.success() || lines.is_empty() {
        bail!("the measurement of the index ended with {}: {said}", output.status);
    }
    let table = format!("| ids in the owner's index | memory |\n|---|---|\n{lines}");
    println!("{table}");
    Ok(table)
}

/// The tables alone: cargo and servers may say something around them.
fn tables(said: &str) -> Result<String> {
    let is_ours = |line: &&str| line.starts_with('|') || line.is_empty();
    let lines: Vec<&str> = said.lines().filter(is_ours).collect();
    let text = lines.join("\n").trim().to_owned();
    if text.starts_with('|') { Ok(text + "\n") } else { bail!("the bench printed no table") }
}

/// The page with these tables in their place.
fn placed(page: &str, tables: &str) -> Result<String> {
    let parts = page.split_once(BEGIN).and_then(|(front, rest)| Some((front, rest.split_once(END)?.1)));
    let (front, back) = parts.with_context(|| format!("{PAGE} has no lines {BEGIN:?} and {END:?}"))?;
    Ok(format!("{front}{BEGIN}\n{}\n\n{END}{back}", tables.trim()))
}

#[cfg(test)]
mod tests {
    use super::{BEGIN, END, placed, tables};

    #[test]
    fn tables_replace_what_stood_between_the_marks_and_nothing_else() {
        let page = format!("# Page\n\n{BEGIN}old\n{END}\n\nrest\n");
        let once = placed(&page, "| a |\n").unwrap();
        assert_eq!(once, format!("# Page\n\n{BEGIN}\n| a |\n\n{END}\n\nrest\n"));
        assert_eq!(placed(&once, "| a |\n").unwrap(), once);
        placed("no marks", "| a |").unwrap_err();
    }

    #[test]
    fn bench_that_prints_no_table_is_an_error() {
        assert_eq!(tables("noise\n| a |\n|---|\n\n| b |\nnoise\n").unwrap(), "| a |\n|---|\n\n| b |\n");
        tables("noise\n").unwrap_err();
    }
}
