//! `cargo xtask fuzz`: every decoder under a coverage-guided fuzzer, with a stable compiler.

mod seeds;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use cargo_metadata::MetadataCommand;
use clap::Args;
use velostream_testkit::services::repository_root;

use crate::test_run::cargo;

/// What `cargo xtask fuzz` takes.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Seconds per target.
    #[arg(long, default_value_t = 30)]
    seconds: u32,
    /// Targets; all without one.
    targets: Vec<String>,
}

/// The instrumentation of cargo-fuzz without a sanitizer: the pass and its options exist in stable compilers.
const INSTRUMENTATION: &str = "--cfg fuzzing -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Builds all targets and runs them one after the other; corpora are kept below the target directory.
///
/// # Errors
/// When a target does not build or is unknown, and when one found something: with the path of the input.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let root = repository_root();
    let known = targets(&root)?;
    let unknown: Vec<_> = arguments.targets.iter().filter(|name| !known.contains(name)).collect();
    ensure!(unknown.is_empty(), "there is no target {unknown:?}; there are {known:?}");
    let chosen = if arguments.targets.is_empty() { &known } else { &arguments.targets };
    let home = target_directory(&root)?.join("fuzz");
    let programs = build(&home, chosen)?;
    println!("{:<16} {:>12} {:>10} {:>8} {:>9}", "target", "executions", "per second", "edges", "features");
    let mut found = Vec::new();
    for name in chosen {
        if let Some(artifact) = fuzz(&root, &home, &programs, name, arguments.seconds)? {
            found.push(artifact);
        }
    }
    ensure!(found.is_empty(), "inputs that a decoder does not stand: {}", found.join(", "));
    Ok(())
}

/// Names of the targets: one file each.
fn targets(root: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root.join("fuzz/fuzz_targets")).context("cannot list the targets")? {
        let path = entry.context("cannot list the targets")?.path();
        names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

fn target_directory(root: &Path) -> Result<PathBuf> {
    let metadata = MetadataCommand::new().manifest_path(root.join("Cargo.toml")).no_deps().exec();
    Ok(metadata.context("cargo metadata failed")?.target_directory.into())
}

/// Builds the targets and returns the directory of the programs. The host is named as the target, so that build
/// scripts and macros are not instrumented.
fn build(home: &Path, names: &[String]) -> Result<PathBuf> {
    let host = host()?;
    let mut command =
        cargo(["build", "--locked", "--release", "--manifest-path", "fuzz/Cargo.toml", "--target", &host]);
    command.env("CARGO_TARGET_DIR", home).env("RUSTFLAGS", INSTRUMENTATION);
    for name in names {
        command.args(["--bin", name]);
    }
    let status = command.status().context("cannot start cargo")?;
    ensure!(status.success(), "the targets do not build");
    Ok(home.join(host).join("release"))
}

fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("cannot start rustc")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc does not name its host")
}

/// Runs one target and prints its row; the input where it found something.
fn fuzz(root: &Path, home: &Path, programs: &Path, name: &str, seconds: u32) -> Result<Option<String>> {
    let corpus = home.join("corpus").join(name);
    let artifacts = home.join("artifacts").join(name);
    for directory in [&corpus, &artifacts] {
        fs::create_dir_all(directory).with_context(|| format!("cannot create {}", directory.display()))?;
    }
    for (number, seed) in seeds::of(root, name)?.iter().enumerate() {
        fs::write(corpus.join(format!("seed-{number}")), seed).context("cannot write a seed")?;
    }
    let output = Command::new(programs.join(name))
        .arg(&corpus)
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .args(["-rss_limit_mb=512", "-malloc_limit_mb=128", "-timeout=20", "-max_len=4096"])
        .args(["-use_value_profile=1", "-print_final_stats=1"])
        .output()
        .with_context(|| format!("cannot start {name}"))?;
    let log = String::from_utf8_lossy(&output.stderr);
    let stat = |key: &str| log.lines().find_map(|line| line.strip_prefix(key)).map_or("?", str::trim);
    let executions = stat("stat::number_of_executed_units:");
    let rate = stat("stat::average_exec_per_sec:");
    let (edges, features) = (last_after(&log, " cov: "), last_after(&log, " ft: "));
    println!("{name:<16} {executions:>12} {rate:>10} {edges:>8} {features:>9}");
    if output.status.success() {
        return Ok(None);
    }
    eprintln!("{log}");
    match last_after(&log, "Test unit written to ") {
        "?" => bail!("{name} ended with {} and left no input", output.status),
        artifact => Ok(Some(artifact.to_owned())),
    }
}

/// The word after the last occurrence of `key`.
fn last_after<'a>(log: &'a str, key: &str) -> &'a str {
    log.rsplit_once(key).and_then(|(_, rest)| rest.split_whitespace().next()).unwrap_or("?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn word_after_a_key_is_the_one_of_its_last_line() {
        let log = "#1 INITED cov: 3 ft: 4\n#2 NEW cov: 5 ft: 7 corp: 2\n";
        assert_eq!((last_after(log, " cov: "), last_after(log, " ft: ")), ("5", "7"));
        assert_eq!(last_after(log, "Test unit"), "?");
    }

    #[test]
    fn seeds_of_every_target_can_be_read() {
        let root = repository_root();
        let names = targets(&root).unwrap();
        assert!(names.iter().any(|name| name == "record_batch"));
        for name in names {
            assert!(seeds::of(&root, &name).unwrap().iter().all(|seed| !seed.is_empty()), "{name}");
        }
    }
}
