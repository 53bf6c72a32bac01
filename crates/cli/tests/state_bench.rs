//! The bench of a job's store, where the store is a file.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;

const JOB: &str = "job: j\nsource: { file: { path: in } }\nsink: { file: { path: out/o } }\n\
                   exactly_once: { record_id_strategy: content_hash }\nstate_store: { redb: { path: ids.redb } }\n";

fn place() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("job.yaml"), JOB).unwrap();
    dir
}

fn bench(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(cargo_bin("velostream"));
    let bench = ["state", "bench", "--store-of", "job.yaml"];
    command.current_dir(dir).args(bench).args(arguments).env_remove("VELOSTREAM_LOG").stdin(Stdio::null());
    command
}

fn files(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A bench that does not end by itself and has its file by now.
fn endless(dir: &Path) -> Child {
    let mut command = bench(dir, &["--batches", "20000", "--ids", "1000"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while !dir.join("ids.redb.bench").exists() {
        assert!(child.try_wait().unwrap().is_none(), "it has ended");
        thread::sleep(Duration::from_millis(1));
    }
    child
}

#[test]
fn bench_of_a_file_shows_its_figures_and_leaves_nothing() {
    let dir = place();
    let done = bench(dir.path(), &["--batches", "4", "--ids", "250", "-o", "json"]).output().unwrap();
    assert!(done.status.success(), "{}", stderr(&done));
    let shown: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((&shown["store"], &shown["batches"]), (&"redb".into(), &4.into()));
    assert_eq!((&shown["tracked_records"], &shown["ids_per_batch"]), (&2000.into(), &250.into()));
    assert_eq!(shown["calls_per_batch"], 1.0);
    for what in ["begin_and_commit", "commit_and_next_begin", "claim"] {
        let (p50, p99) = (&shown[what]["p50_ms"], &shown[what]["p99_ms"]);
        assert!(p50.as_f64().unwrap() > 0.0 && p50.as_f64() <= p99.as_f64(), "{shown}");
    }
    let table = bench(dir.path(), &["--batches", "4", "--ids", "250"]).output().unwrap();
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.starts_with("redb, class G0d: 4 batches of 250 ids"), "{table}");
    assert!(
        table.contains("1.00 calls of the store per batch") && table.contains("begin + commit"),
        "{table}"
    );
    assert_eq!(files(dir.path()), ["job.yaml"]);
}

#[test]
fn bench_beside_a_store_in_use_does_not_touch_it() {
    let dir = place();
    fs::create_dir(dir.path().join("in")).unwrap();
    let store = dir.path().join("ids.redb");
    // Of a worker: a bench that opened it would fail.
    fs::write(&store, "what a worker has open").unwrap();
    let done = bench(dir.path(), &["--batches", "1", "--ids", "1"]).output().unwrap();
    assert!(done.status.success(), "{}", stderr(&done));
    assert_eq!(fs::read(&store).unwrap(), b"what a worker has open");
}

#[test]
fn bench_that_is_at_work_is_not_disturbed_and_what_a_killed_one_leaves_goes() {
    let dir = place();
    let mut first = endless(dir.path());
    let second = bench(dir.path(), &["--batches", "1", "--ids", "1"]).output().unwrap();
    assert!(stderr(&second).contains("VS-0055"), "{}", stderr(&second));
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(files(dir.path()), ["ids.redb.bench", "job.yaml"]);
    let third = bench(dir.path(), &["--batches", "1", "--ids", "1"]).output().unwrap();
    assert!(third.status.success(), "{}", stderr(&third));
    assert_eq!(files(dir.path()), ["job.yaml"]);
}

#[test]
fn bench_that_would_fill_the_disk_is_refused() {
    let dir = place();
    let refused = bench(dir.path(), &["--batches", "1000000", "--ids", "1000"]).output().unwrap();
    assert!(stderr(&refused).contains("VS-0001"), "{}", stderr(&refused));
    let none = bench(dir.path(), &["--ids", "0"]).output().unwrap();
    assert_eq!(none.status.code(), Some(2), "{}", stderr(&none));
    assert_eq!(files(dir.path()), ["job.yaml"]);
}
